"""What is said of the file itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from detectors.result import Check, FileFacts
from provenance.video import OPEN_ENDED, STILLS, MediaReader, SoundInfo

if TYPE_CHECKING:
    from provenance.video import SoundReader

_HASH_BLOCK = 1 << 20


def described(facts: FileFacts, media: MediaReader | SoundReader) -> FileFacts:
    info = media.info
    if isinstance(info, SoundInfo):
        return replace(
            facts,
            bytes=info.bytes,
            container=info.container,
            duration_s=None if info.duration_s is None else round(info.duration_s, 3),
            has_audio=True,
        )
    return FileFacts(
        name=facts.name,
        path=facts.path,
        bytes=info.bytes,
        container=info.container,
        duration_s=None if info.duration_s is None else round(info.duration_s, 3),
        width=info.video.width,
        height=info.video.height,
        fps=None if info.container in STILLS else round(float(info.video.rate), 3),
        has_audio=info.audio is not None,
    )


def hashed(facts: FileFacts, media: MediaReader | SoundReader) -> FileFacts:
    digest, cursor = hashlib.sha256(), media.source.cursor()
    while block := cursor.read(_HASH_BLOCK):
        digest.update(block)
    return replace(facts, sha256=digest.hexdigest())


def file_checks(media: MediaReader | SoundReader) -> tuple[Check, ...]:
    """What of the file is not looked at, or cannot be known: neither an error nor nothing."""
    checks = []
    if media.source.is_open_ended():
        checks.append(Check(name="file_end", state="skipped", detail=OPEN_ENDED))
    if isinstance(media, MediaReader) and media.info.video_tracks > 1:
        detail = f"only the first of {media.info.video_tracks} was searched"
        checks.append(Check(name="video_tracks", state="skipped", detail=detail))
    return tuple(checks)

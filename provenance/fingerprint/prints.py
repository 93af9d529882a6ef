"""The fingerprints of a file's pictures and sound together, and as text in a manifest."""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from dataclasses import dataclass

from provenance.fingerprint.sound import ALGORITHM as SOUND
from provenance.fingerprint.sound import SoundFingerprint
from provenance.fingerprint.video import ALGORITHM as VIDEO
from provenance.fingerprint.video import Looks, VideoFingerprint

LONGEST_TEXT = 90_000
_DIGEST = "sha-256="


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prints:
    """The fingerprints of one file; None: it has no such track, or it was not looked at.

    ``looks``: the pictures one by one, of a file in hand that is not too long; kept nowhere.
    """

    video: VideoFingerprint | None = None
    sound: SoundFingerprint | None = None
    looks: Looks | None = None

    def to_text(self) -> str | None:
        """``algorithm:base64`` of each, with a blank between; of more than nine minutes only the
        digests, and None where there is nothing.
        """
        parts = [(VIDEO, self.video), (SOUND, self.sound)]
        found = [(name, one.to_bytes()) for name, one in parts if one is not None]
        text = " ".join(f"{name}:{base64.b64encode(data).decode()}" for name, data in found)
        if len(text) > LONGEST_TEXT:
            digests = ((name, hashlib.sha256(data).hexdigest()) for name, data in found)
            text = " ".join(f"{name}:{_DIGEST}{digest}" for name, digest in digests)
        return text or None

    @classmethod
    def from_text(cls, text: str | None) -> Prints:
        """What of ``text`` is known and whole; digests say nothing about other pictures."""
        video, sound = None, None
        for part in (text or "").split():
            name, _, value = part.partition(":")
            with suppress(ValueError, binascii.Error):
                if name == VIDEO:
                    video = VideoFingerprint.from_bytes(base64.b64decode(value, validate=True))
                elif name == SOUND:
                    sound = SoundFingerprint.from_bytes(base64.b64decode(value, validate=True))
        return cls(video=video, sound=sound)

    @classmethod
    def from_bytes(cls, video: bytes | None, sound: bytes | None) -> Prints:
        """From what a store keeps; what cannot be read is left out."""
        seen, heard = None, None
        with suppress(ValueError):
            seen = None if video is None else VideoFingerprint.from_bytes(video)
        with suppress(ValueError):
            heard = None if sound is None else SoundFingerprint.from_bytes(sound)
        return cls(video=seen, sound=heard)

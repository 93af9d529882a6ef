"""Files in which no mark is sought, such as still pictures and documents: their credentials alone.

C2PA covers many more kinds of files than carry our mark. Those that have credentials get a verdict
by them; the others stay what they are to a detector of marks: unreadable.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from detectors.manifest import claim_of, find_credentials, own_credentials
from detectors.result import Check, FileFacts, Result, WatermarkFacts
from detectors.verdict import Signals, decide
from provenance.errors import UnreadableMedia
from provenance.manifest import container_of
from provenance.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.errors import InputError
    from provenance.trust import TrustSettings


def judge_by_credentials(
    file: Path,
    trust: TrustSettings,
    remote_hosts: tuple[str, ...],
    *,
    error: InputError,
) -> Result:
    """The result for ``file``, which ``error`` says is no video; raises ``error`` without any."""
    own = own_credentials(file, trust, remote_hosts=remote_hosts)
    credentials = find_credentials(file, own, WatermarkFacts(detected=False), None, trust)
    manifest = credentials.manifest
    # Bytes that are as they were signed are not damaged: they are of a kind that is not decoded.
    whole = manifest.binding_ok is True or not isinstance(error, UnreadableMedia)
    if not manifest.present or not whole:
        raise error
    verdict = decide(Signals(credentials=manifest.state or "invalid", claim=claim_of(manifest)))
    facts = FileFacts(
        name=file.name,
        path=str(file),
        bytes=file.stat().st_size,
        container=container_of(file).name,
    )
    why = "marks are sought in video and sound only, and this cannot be read as either"
    return Result(
        file=replace(facts, sha256=_sha256(file)),
        verdict=verdict.name,
        reasons=verdict.reasons,
        # That the bytes are those that were signed is all that is known.
        tampered=None if manifest.binding_ok is None else not manifest.binding_ok,
        manifest=manifest,
        checks=(
            Check(name="watermark", state="skipped", detail=why),
            *(check for check in credentials.checks if check.name != "manifest_store"),
        ),
    )


def _sha256(file: Path) -> str:
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""A record from a manifest alone: what came over the network brings nothing else along."""

from __future__ import annotations

from datetime import UTC, datetime

from provenance.errors import ManifestError
from provenance.fingerprint import Prints
from provenance.manifest import read_stored_manifest
from provenance.store.records import StoredManifest
from provenance.trust import TrustSettings

_MIME = "video/mp4"
_MARKED = "c2pa.watermarked"


def received(manifest: bytes) -> StoredManifest:
    """``manifest`` as a store keeps it; raises :class:`ManifestError` for one that is not whole, or
    that names no content id of ours, by which it could be found.
    """
    report = read_stored_manifest(manifest, TrustSettings())
    if not report.present or report.state == "invalid":
        codes = ", ".join(report.codes) or report.error or "it cannot be read"
        raise ManifestError(
            f"that is no manifest that holds: {codes}", hint="send the manifest store as signed"
        )
    if report.content_id is None:
        raise ManifestError(
            "the manifest names no watermark of everyframe",
            hint="only such manifests are kept: the content id in the mark finds them again",
        )
    created = report.time or datetime.fromtimestamp(0, UTC)
    prints = Prints.from_text(report.fingerprint)
    return StoredManifest(
        content_id=report.content_id,
        manifest=manifest,
        mime=_MIME,
        model=report.model or "",
        day=report.generation_date or created.date(),
        prompt_hash=report.prompt_hash,
        created=created,
        width=report.width or 0,
        height=report.height or 0,
        duration_s=report.duration_s or 0.0,
        video_fingerprint=None if prints.video is None else prints.video.to_bytes(),
        audio_fingerprint=None if prints.sound is None else prints.sound.to_bytes(),
        keeps_mark=not any(action.startswith(_MARKED) for action in report.actions),
    )

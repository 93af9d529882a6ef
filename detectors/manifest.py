"""The credentials of a file: its own, else those that its mark leads to in a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.result import Check, IngredientFacts, ManifestFacts
from provenance.errors import EveryframeError
from provenance.fetching import FetchLimits
from provenance.manifest import (
    ManifestReport,
    read_manifest,
    read_recovered_manifest,
    read_remote_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

    from detectors.result import WatermarkFacts
    from detectors.verdict import Agreement, Claim
    from provenance.store import Store, StoredManifest
    from provenance.trust import TrustSettings

_GENERATED = "trainedAlgorithmicMedia"
_EDITED = "compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """``stored``: what the store holds under the mark's content id, whatever the file carries.

    ``fingerprint``: the text of the fingerprint that the credentials hold.
    """

    manifest: ManifestFacts
    stored: StoredManifest | None
    checks: tuple[Check, ...]
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentials:
    """What is in, or beside, a file, before anything is known of its mark."""

    report: ManifestReport
    check: Check

    @property
    def manifest(self) -> ManifestFacts:
        return _facts(self.report)


def own_credentials(
    path: Path, trust: TrustSettings, *, remote_hosts: tuple[str, ...] = ()
) -> OwnCredentials:
    """Reads the credentials in (or beside) ``path``.

    Where the file only names an address, they are fetched if its host is among ``remote_hosts``.
    What goes wrong is a failed check.
    """
    report, check = _own(path, trust, remote_hosts)
    return OwnCredentials(report=report, check=check)


def find_credentials(
    path: Path,
    own: OwnCredentials,
    mark: WatermarkFacts,
    store: Store | None,
    trust: TrustSettings,
) -> Credentials:
    """The credentials of ``path`` itself; where there are none, those that its mark leads to.

    What goes wrong with credentials or store is a failed check: the mark still counts.
    """
    report, check = own.report, own.check
    stored, store_check = _lookup(mark, store)
    checks = [check, store_check]
    if stored is not None and not report.present:
        report, check = _recovered(path, stored, trust)
        checks.append(check)
    return Credentials(
        manifest=_facts(report),
        stored=stored,
        checks=tuple(checks),
        fingerprint=report.fingerprint,
    )


def claim_of(manifest: ManifestFacts) -> Claim:
    """The source that the credentials state."""
    source = (manifest.digital_source_type or "").rpartition("/")[2]
    if source == _EDITED:
        return "edited"
    if source == _GENERATED:
        return "generated"
    if manifest.ai_generated:
        # Something that went into it was made by AI, whatever was done to it since.
        return "edited"
    return "other" if source else "unstated"


def agreement_of(mark: WatermarkFacts, manifest: ManifestFacts) -> Agreement:
    """Whether mark and credentials name the same content; other makers' credentials name none."""
    if mark.content_id is None or manifest.content_id is None:
        return "unknown"
    # A file that was put together brings the marks of its pieces along.
    named = (manifest.content_id, *manifest.piece_ids)
    return "agrees" if mark.content_id in named else "disagrees"


def _own(
    path: Path, trust: TrustSettings, remote_hosts: tuple[str, ...]
) -> tuple[ManifestReport, Check]:
    name = "manifest"
    try:
        report = read_manifest(path, trust)
        if report.remote_url is not None and remote_hosts:
            limits = FetchLimits(hosts=remote_hosts)
            report = read_remote_manifest(path, report.remote_url, trust, limits)
    except EveryframeError as error:
        return (
            ManifestReport(present=False, error=error.message),
            Check(name=name, state="failed", detail=error.message),
        )
    if report.remote_url is not None:
        return report, Check(
            name=name, state="skipped", detail=f"{report.error}: --remote-manifests allows hosts"
        )
    if not report.present:
        return report, Check(name=name, state="done", detail="the file has no credentials")
    detail = f"{report.source} credentials were read"
    return report, Check(name=name, state="done", detail=detail)


def _lookup(mark: WatermarkFacts, store: Store | None) -> tuple[StoredManifest | None, Check]:
    name = "manifest_store"
    if mark.content_id is None:
        return None, Check(name=name, state="skipped", detail="no content id to look up")
    if store is None:
        return None, Check(name=name, state="skipped", detail="there is no store here")
    try:
        stored = store.get(mark.content_id)
    except EveryframeError as error:
        return None, Check(name=name, state="failed", detail=error.message)
    known = "knows" if stored is not None else "does not know"
    detail = f"the store {known} content {mark.content_id}"
    return stored, Check(name=name, state="done", detail=detail)


def _recovered(
    path: Path, stored: StoredManifest, trust: TrustSettings
) -> tuple[ManifestReport, Check]:
    name = "recovery"
    try:
        report = read_recovered_manifest(path, stored.manifest, trust)
    except EveryframeError as error:
        return (
            ManifestReport(present=False, error=error.message),
            Check(name=name, state="failed", detail=error.message),
        )
    detail = "the file has no credentials; the store's were recovered by the mark"
    return report, Check(name=name, state="done", detail=detail)


def _facts(report: ManifestReport) -> ManifestFacts:
    return ManifestFacts(
        present=report.present,
        source=report.source,
        state=report.state,
        codes=report.codes,
        binding_ok=report.binding_ok,
        claim_generator=report.claim_generator,
        issuer=report.issuer,
        time=report.time.isoformat() if report.time else None,
        ai_generated=report.ai_generated,
        digital_source_type=report.digital_source_type,
        prompt_hash=report.prompt_hash,
        model=report.model,
        model_name=report.model_name,
        content_id=report.content_id,
        piece_ids=report.piece_ids,
        generation_date=report.generation_date.isoformat() if report.generation_date else None,
        error=report.error,
        title=report.title,
        time_stamped=report.time_stamped,
        actions=report.actions,
        ingredients=tuple(
            IngredientFacts(
                title=one.title,
                relationship=one.relationship,
                parent=one.parent,
                credentials=one.manifest_label is not None,
                issuer=one.issuer,
                claim_generator=one.claim_generator,
                ai_generated=one.ai_generated,
                codes=one.codes,
            )
            for one in report.ingredients
        ),
    )

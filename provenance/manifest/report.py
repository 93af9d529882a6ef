"""What was read of a manifest: data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import date, datetime

State: TypeAlias = Literal["trusted", "valid", "invalid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """What is too large to read. Reading takes about 0.6 × the file's size in memory."""

    file_bytes: int = 4 << 30
    manifest_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class IngredientReport:
    """A file that went into this one, as its manifest tells it.

    ``relationship``: parentOf, componentOf or inputTo. ``manifest_label`` is None when it had no
    credentials. ``codes``: what was wrong with them, when it went in or now. ``parent``: the place
    among the ingredients of the one that it went into; None: into the file itself.
    """

    title: str | None
    relationship: str
    format: str | None
    manifest_label: str | None
    issuer: str | None
    claim_generator: str | None
    ai_generated: bool | None
    codes: tuple[str, ...]
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReport:
    """A file's active manifest and how far it can be believed.

    ``state``: trusted (a known signer), valid (intact, signer unknown: anybody can sign what they
    like), invalid. It speaks of the active manifest; ``codes`` holds every failure code of the
    specification found anywhere, the ingredients' too, so a trusted file may have some.
    ``binding_ok``: whether the file's bytes are those that were signed; None when not checked.
    ``time`` is the time-stamp authority's when ``time_stamped``, else what the signer claims.
    ``piece_ids``: content ids of the marks that its pieces brought along. Texts come from the file,
    cut down to what ``provenance.manifest.public`` lets through: no titles but ours, no people.
    """

    present: bool
    source: Literal["embedded", "sidecar", "recovered", "remote"] | None = None
    state: State | None = None
    codes: tuple[str, ...] = ()
    binding_ok: bool | None = None
    claim_generator: str | None = None
    issuer: str | None = None
    title: str | None = None
    time: datetime | None = None
    time_stamped: bool = False
    ai_generated: bool | None = None
    digital_source_type: str | None = None
    prompt_hash: str | None = None
    model: str | None = None
    model_name: str | None = None
    content_id: str | None = None
    piece_ids: tuple[str, ...] = ()
    carrier: str | None = None
    generation_date: date | None = None
    fingerprint: str | None = None
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    actions: tuple[str, ...] = ()
    ingredients: tuple[IngredientReport, ...] = ()
    remote_url: str | None = None
    error: str | None = None

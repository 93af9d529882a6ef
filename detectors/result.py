"""What a verification found: data only. ``detectors/schema/verify-1.json`` describes it as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.payload import Source

SCHEMA: Literal["everyframe.verify/1"] = "everyframe.verify/1"

VerdictName: TypeAlias = Literal[
    "ai_generated", "ai_edited", "no_evidence", "conflicting", "unreadable"
]
CheckState: TypeAlias = Literal["done", "skipped", "failed"]
ManifestSource: TypeAlias = Literal["embedded", "sidecar", "recovered", "remote"]
ManifestState: TypeAlias = Literal["trusted", "valid", "invalid"]
QualityKind: TypeAlias = Literal[
    "frozen",
    "duplicated",
    "flicker",
    "black",
    "drift",
    "silence",
    "clipped",
    "audio_offset",
]
Action: TypeAlias = Literal["allow", "label", "review", "block"]

TAMPERING_KINDS = (
    "inserted",
    "added_before",
    "added_after",
    "cut",
    "repeated",
    "reordered",
    "reversed",
    "frozen",
    "speed_changed",
    "lengthened",
    "spliced",
    "region_replaced",
    "overlay",
    "audio_replaced",
    "audio_shifted",
    "audio_muted",
    "binding_broken",
    "credentials_changed",
    "watermark_copied",
    "manifest_of_another_file",
)
"""What :attr:`Tampering.kind` may be."""
MODIFIED_KINDS = (
    "cropped",
    "padded",
    "resized",
    "mirrored",
    "rotated",
    "trimmed",
    "transcoded",
    "speed_changed",
    "credentials_removed",
)
"""What :attr:`Result.modified` may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """The file itself. ``path`` as given; ``width`` and ``height`` as shown; ``sha256`` in hex.

    What could not be found out is None.
    """

    name: str
    path: str
    sha256: str | None = None
    bytes: int | None = None
    container: str | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryFacts:
    """How the picture lies on the marked one, as ``provenance.watermark.detection.Geometry``."""

    scale: float
    rotation_deg: float
    flipped: bool
    shown: float
    offset: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFacts:
    """A stretch of time in seconds, and whether the mark is in it.

    ``content_id``: that of the mark which was read there; None where none was.
    """

    start_s: float
    end_s: float
    state: Literal["marked", "unmarked", "unclear"]
    content_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """A stretch of time in seconds that runs on in the original without a break.

    ``original_start_s``: the second of the original that is seen at ``start_s``, to ± 0.5 s;
    ``speed``: seconds of the original per second of the file (0: held, below 0: backwards);
    ``score``: standard deviations; ``goes_on``: read in one with the stretch before, so that a
    small leap between them is no error of reading.
    """

    start_s: float
    end_s: float
    original_start_s: float
    speed: float
    score: float
    goes_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatermarkFacts:
    """The mark. Everything but ``detected`` and ``authenticated`` is None when there is none.

    Where a mark is there and its message cannot be read, ``detected`` is true, ``key`` and
    ``presence_p`` are set, and the rest is None. ``presence_p`` bounds the probability of so much
    evidence without a mark; it is None where the message was read or the question not asked.

    ``authenticated``: the key that read it is private: only its holders can have made the mark, on
    this video or on one that it was copied from. Or the credentials of a trusted signer name the
    mark, and this is, by its fingerprint, what they were signed for.
    ``model`` is the registered name (``unknown-N`` for a number that this version does not know),
    ``source`` how the mark says the video was made, ``date`` ISO 8601, ``content_id`` 14 and
    ``prompt_hash_prefix`` 6 hex digits. ``confidence`` is 1 − ``false_positive_bound`` as a
    fraction, rounded down to four decimals. ``recognised_among``: the message was too faint to be
    read, and is that of the one mark, of so many that the store knows, which is there; None where
    it was read.
    """

    detected: bool
    authenticated: bool = False
    key: str | None = None
    model: str | None = None
    model_name: str | None = None
    source: Source | None = None
    date: str | None = None
    content_id: str | None = None
    prompt_hash_prefix: str | None = None
    confidence: float | None = None
    false_positive_bound: float | None = None
    recognised_among: int | None = None
    frames_used: int = 0
    seconds_used: float = 0.0
    geometry: GeometryFacts | None = None
    segments: tuple[SegmentFacts, ...] = ()
    clock: tuple[ClockFacts, ...] = ()
    presence_p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngredientFacts:
    """A file that went into this one, as its credentials tell it.

    ``relationship``: parentOf, componentOf or inputTo. ``parent``: the number, from 0, of the
    ingredient that it went into; None: into this file. ``codes``: what was wrong with its own
    credentials; ``credentials``: whether it had any.
    """

    title: str | None
    relationship: str
    parent: int | None = None
    credentials: bool = False
    issuer: str | None = None
    claim_generator: str | None = None
    ai_generated: bool | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFacts:
    """The C2PA credentials, from the file or recovered from a store by the mark's content id.

    ``state``: "trusted" (a known signer), "valid" (intact, signer unknown) or "invalid".
    ``binding_ok``: whether they fit the bytes of this file; None where that was not checked.
    ``time`` is a time-stamp authority's where ``time_stamped``, else what the signer claims.
    ``actions``: what the credentials say was done, in order, as ``c2pa.created``.
    ``piece_ids``: content ids that the pieces of a file that was put together brought along.
    """

    present: bool
    source: ManifestSource | None = None
    state: ManifestState | None = None
    codes: tuple[str, ...] = ()
    binding_ok: bool | None = None
    claim_generator: str | None = None
    issuer: str | None = None
    time: str | None = None
    ai_generated: bool | None = None
    digital_source_type: str | None = None
    prompt_hash: str | None = None
    model: str | None = None
    model_name: str | None = None
    content_id: str | None = None
    piece_ids: tuple[str, ...] = ()
    generation_date: str | None = None
    error: str | None = None
    title: str | None = None
    time_stamped: bool = False
    actions: tuple[str, ...] = ()
    ingredients: tuple[IngredientFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """One sign of tampering, of :data:`TAMPERING_KINDS`. Times in seconds, ``region`` (x, y, w, h)
    in pixels; None: all.

    ``confidence``: one minus a bound on the probability of such a sign in a video that was not
    tampered with, where that was estimated, rounded down to four decimals; else None.
    """

    kind: str
    detail: str
    start_s: float | None = None
    end_s: float | None = None
    region: tuple[int, int, int, int] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperMap:
    """Where and when the mark is missing in the picture: a grid of blocks for each stretch of time.

    ``times_s``: T + 1 edges in seconds, of T stretches. ``grid``: (T, h, w) float32 from 0 (the
    mark is there) to 1 (it is missing where it should be); NaN where that cannot be told, because
    the mark would not have survived there. Rows and columns divide the picture of ``width`` ×
    ``height`` pixels evenly.
    """

    times_s: tuple[float, ...]
    grid: NDArray[np.float32]
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFinding:
    """Something wrong with the quality. Times in seconds; None: all of the file."""

    kind: QualityKind
    detail: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFacts:
    """How good pictures and sound are, which says nothing of who made them.

    ``looked_for``: the kinds of findings that were looked for.
    """

    looked_for: tuple[QualityKind, ...]
    findings: tuple[QualityFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A small copy of the picture at ``time_s`` seconds, as JPEG, ``width`` × ``height`` pixels."""

    time_s: float
    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that was looked into, or was not, and why."""

    name: str
    state: CheckState
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a file could not be read, or not to its end: stable code, what happened, what to do."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy says is to be done.

    ``rule``: the number of the one that held, from 1; None where none did. ``policy_version`` and
    ``policy_name`` are the operator's.
    """

    action: Action
    reason: str
    rule: int | None = None
    policy_name: str = ""
    policy_version: str = ""
    policy_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything that verification says about one file.

    ``tampered`` is None where it was not, or not completely, checked. ``modified`` is ordinary
    handling (cropped, resized…) and never tampering. ``audio_watermark`` is None: not searched.
    ``audio_offset_ms``: how much later than its pictures the sound comes, by both marks' clocks.
    ``content_match``: whether this is, by its fingerprint, what was marked and signed; None where
    that is not known. ``decision`` is a policy's, None where none was asked.
    ``quality``: None where it was not looked at; it is no evidence of anything.
    ``tamper_map``: None where no region of the picture was looked at; ``storyboard``: a few small
    pictures, where they were asked for. Neither is part of the JSON.
    """

    file: FileFacts
    verdict: VerdictName
    reasons: tuple[str, ...]
    schema: str = SCHEMA
    tampered: bool | None = None
    modified: tuple[str, ...] = ()
    tampering: tuple[Tampering, ...] = ()
    watermark: WatermarkFacts = field(default_factory=lambda: WatermarkFacts(detected=False))
    audio_watermark: WatermarkFacts | None = None
    audio_offset_ms: int | None = None
    content_match: bool | None = None
    manifest: ManifestFacts = field(default_factory=lambda: ManifestFacts(present=False))
    checks: tuple[Check, ...] = ()
    quality: QualityFacts | None = None
    decision: Decision | None = None
    error: Failure | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    # Arrays have no one answer to ==, and this follows from the file as all the rest does.
    tamper_map: TamperMap | None = field(default=None, compare=False)
    storyboard: tuple[Shot, ...] = field(default=(), compare=False, repr=False)

    @property
    def mark(self) -> WatermarkFacts:
        """The mark that the verdict rests on: the pictures', else the sound's."""
        sound = self.audio_watermark
        if sound is None or self.watermark.content_id is not None or not sound.detected:
            return self.watermark
        if sound.content_id is not None or not self.watermark.detected:
            return sound
        return self.watermark

    def _repr_html_(self) -> str:
        """The report, for notebooks."""
        from detectors.report.page import to_frame

        return to_frame(self)

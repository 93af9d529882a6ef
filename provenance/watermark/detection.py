"""What the search for a mark found: data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.keys import CarrierKey
    from provenance.payload import Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How the picture in hand lies on the picture that was marked.

    ``scale``: pixels in hand per pixel of a 480-line original (a 720p file as marked: 1.5).
    ``rotation_deg``: clockwise, 0…360. ``flipped``: mirrored left to right before that.
    ``shown``: share of the original's short side that is in the picture (1.0: not cropped there).
    ``offset``: (x, y) in the tile, in units of a tile, 0…1, of the top-left corner of the picture
    once it is upright again; (0, 0) as long as nothing was cut off there.
    """

    scale: float
    rotation_deg: float
    flipped: bool
    shown: float
    offset: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time in seconds, and whether the mark was found in it.

    ``payload``: what another mark says that was read there instead; None otherwise.
    """

    start_s: float
    end_s: float
    state: Literal["marked", "unmarked", "unclear"]
    payload: Payload | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSpan:
    """A stretch of time in seconds that runs on in the original without a break.

    ``original_start_s``: the second of the original that is seen at ``start_s``, to ± 0.5 s.
    ``speed``: seconds of the original per second in hand. ``score``: standard deviations of the
    clock over chance. ``goes_on``: it was found in one with the stretch before, so that a small
    leap between them is no error of reading.
    """

    start_s: float
    end_s: float
    original_start_s: float
    speed: float
    score: float
    goes_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClockCells:
    """What the clock's cells say, window by window: (W,) ``start_s`` and ``end_s``, and ``values``
    (W, 96) of unit length. ``level``: what their correlation with the right second's signs is, in
    standard deviations of chance.
    """

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    values: NDArray[np.float32]
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRegion:
    """A region of the picture that does not carry the mark, which is there around it.

    ``box``: x, y, width and height as shares of the picture. ``nats``: logarithm of the likelihood
    ratio of this against the mark being there. ``still``: it shows something drawn that does not
    move, as a logo or a caption does.
    """

    start_s: float
    end_s: float
    box: tuple[float, float, float, float]
    nats: float
    still: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceMap:
    """``grid`` (T, h, w): 0 where the mark is, 1 where it is missing, NaN where it cannot be told.

    ``times_s``: the T + 1 edges of the stretches of time, in seconds. Rows and columns divide the
    picture evenly.
    """

    times_s: tuple[float, ...]
    grid: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The result of a search.

    ``false_positive_bound`` is candidates tried × 2⁻⁴⁸, an upper bound on the probability that
    anything but a mark under ``key`` gives this payload. 1.0 when nothing was found.
    ``segments`` cover the frames looked at, in order; empty when nothing was found.
    ``clock`` says where in the original they come from; empty when it could not be read.
    ``clock_cells`` is what that is read from; None where nothing was found, or of long files.

    Where a mark under ``key`` is there and its payload cannot be read, ``detected`` is true,
    ``payload`` None, and ``presence_p`` bounds the probability of that much evidence without a
    mark, all keys and places tried considered. ``presence_p`` is None where it was not asked for.

    ``recognised_among``: the payload could not be read; it is that of the one mark, of so many that
    were named, whose code word is there. ``false_positive_bound`` is then that of
    :mod:`provenance.watermark.recognition` as well. None where it was read.

    ``missing``: regions of the picture without the mark, None where they were not looked for;
    ``absence``: the map of them, None likewise.
    """

    detected: bool
    payload: Payload | None = None
    key: CarrierKey | None = None
    false_positive_bound: float = 1.0
    candidates_tried: int = 0
    frames_used: int = 0
    seconds_used: float = 0.0
    geometry: Geometry | None = None
    segments: tuple[Segment, ...] = ()
    clock: tuple[ClockSpan, ...] = ()
    clock_cells: ClockCells | None = field(default=None, compare=False)
    presence_p: float | None = None
    recognised_among: int | None = None
    missing: tuple[MissingRegion, ...] | None = None
    absence: AbsenceMap | None = field(default=None, compare=False)

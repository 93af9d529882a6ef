"""Marks that are known to have been written: which of them is in what was heard, if one is.

To read 128 bits takes twice the energy that it takes to tell which of some thousands is there.
Where nothing can be read, the cells of every placement that was asked in vain are held against the
code words of marks that a store knows.

The bound is exact, as that of the tag is. Without a mark, what a cell says has nothing to do with
the secret sign that the key gives it, so that the sum over the cells of sign times value is a sum
of Rademacher variables: it exceeds t times the root of its power with probability exp(−t²/2) at
most, whatever the values are (Hoeffding 1963). Placements are chosen by the pilot, whose cells and
signs are others. Times the placements, times the marks: that is the stated bound.

It speaks of files without a mark under the key. One that is there, unread and not among those that
are known, would have to agree with one of these in four cells of five to be taken for it; of 288
million pairs of code words none did in more than three of four. Where the pilot is so much louder
than the word that there must be another one, nothing is recognised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from provenance import fec
from provenance.payload import pack
from provenance.watermark.sync import cells_at
from provenance.watermark.tile import PILOT_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.payload import Payload
    from provenance.watermark.power import Powers
    from provenance.watermark.sync import Folds, Placement
    from provenance.watermark.tile import Tile

LARGEST_BOUND = 5e-10
"""Probability of recognising anything by chance, in one file: half of what is allowed in all."""
_MARGIN = 3.0  # standard deviations by which a mark has to surpass every other one
_LEAST_SHARE, _DOUBT = 0.75, 2.0  # of the pilot's loudness, and how far that may be off, in σ
_LOUDEST = 3.0  # root mean squares that one cell counts for at most
_LOUD_OPENING = 8.0
_AT_ONCE = 8192  # code words in memory at a time


@dataclass(frozen=True, slots=True, eq=False)
class Unread:
    """What a placement said that could not be read: (800,) values, positive for a 0.

    ``pilot``: the mean of the pilot's cells over the root mean square of the values. ``slips``: how
    a hand moved the picture, where the placement is in maps that were moved back.
    """

    values: NDArray[np.float32]
    pilot: float
    level: int
    placement: Placement
    slips: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        tile: Tile,
        cells: NDArray[np.float32],
        level: int,
        placement: Placement,
        slips: NDArray[np.float64] | None = None,
    ) -> Unread:
        """Of (32, 32) folded ``cells``, under the key of ``tile``."""
        flat = cells.reshape(-1).astype(np.float32)
        values = flat[tile.payload] * tile.payload_mask
        usual = float(np.sqrt(np.mean(np.square(values)))) + 1e-20
        pilot = float(np.mean(flat[tile.pilot] * tile.pilot_signs)) / usual
        return cls(values, pilot, level, placement, slips)


class InVain(NamedTuple):
    """A look that read nothing: its maps, one a level; level and placement of all shapes that were
    supposed and of those that were decoded; and the powers of the folds.
    """

    maps: Sequence[Folds]
    seen: list[tuple[int, Placement]]
    decoded: list[tuple[int, Placement]]
    powers: list[Powers]


def in_other_ways(tile: Tile, maps: Sequence[Folds], places: Sequence[Placement]) -> list[Unread]:
    """What one place says, in maps of each level, where it is at ``places``: by the opening alone,
    by it eight times the rest, and by that of all levels together.

    Where codecs have taken most, other weights say more than those that the pilot chooses.
    """
    ways: list[Unread] = []
    loudest = np.zeros(tile.payload.size, np.float32)
    for level, (folds, place) in enumerate(zip(maps, places, strict=True)):
        if not folds.parts:
            return []
        opening, rest = (cells_at(part, place) for part in folds.parts)
        both = (opening, _LOUD_OPENING * opening + rest)
        ways += [Unread.of(tile, cells, level, place) for cells in both]
        loudest += _levelled(ways[-1].values)
    pilot = sum(way.pilot for way in ways[1::2]) / len(maps)
    return [*ways, Unread(loudest, pilot, 0, places[0])]


class Recognised(NamedTuple):
    """``payload`` is at ``where``; by chance with probability ``bound`` at most."""

    payload: Payload
    where: Unread
    bound: float


def recognise(
    unread: Sequence[Unread], marks: Sequence[Payload], secret: bytes, *, searches: int = 1
) -> Recognised | None:
    """The one of ``marks`` that one of ``unread`` carries, under the carrier key's ``secret``.

    ``searches``: how many keys are asked, all of which count.
    """
    if not unread or not marks:
        return None
    told = np.stack([_levelled(one.values) for one in unread])  # (placements, 800)
    best = np.full(len(marks), -np.inf)
    places = np.zeros(len(marks), np.intp)
    for start in range(0, len(marks), _AT_ONCE):
        some = marks[start : start + _AT_ONCE]
        words = fec.encode_all(np.stack([pack(payload, secret) for payload in some]))
        score = told @ (1 - 2 * words.astype(np.float32)).T  # (placements, marks)
        best[start : start + len(some)] = score.max(0)
        places[start : start + len(some)] = score.argmax(0)
    first = int(best.argmax())
    bound = searches * len(unread) * len(marks) * math.exp(-(max(best[first], 0.0) ** 2) / 2)
    others = np.delete(best, first)
    where = unread[int(places[first])]
    promised = _LEAST_SHARE * where.pilot - _DOUBT / math.sqrt(PILOT_CELLS)
    if (
        bound > LARGEST_BOUND
        or (len(others) and best[first] < others.max() + _MARGIN)
        or best[first] / math.sqrt(fec.CODED_BITS) < promised
    ):
        return None
    return Recognised(marks[first], where, min(1.0, bound))


def _levelled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """``values`` of unit length, none of which drowns the rest; a sum of signs times them is
    counted in standard deviations of chance.
    """
    usual = float(np.sqrt(np.mean(np.square(values))))
    held = np.clip(values, -_LOUDEST * usual, _LOUDEST * usual)
    length = float(np.linalg.norm(held))
    return np.asarray(held / length if length else held, np.float32)

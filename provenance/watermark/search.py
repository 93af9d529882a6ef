"""The search for one key's mark in what was heard.

It goes from the likely to the costly: the frame as it was marked, the usual frame heights it may
have been cut from, then every scale. Each time the best few placements are decoded, and only a
keyed tag that is right counts as found. Every word whose tag was looked at is counted: the stated
bound on false positives is made of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from provenance import fec
from provenance.payload import unpack
from provenance.watermark.evidence import LEVELS
from provenance.watermark.sync import PilotSearch, cells_at
from provenance.watermark.tile import CELLS_PER_SHORT_SIDE, SMALLEST_CELL_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.payload import Payload
    from provenance.watermark.sync import Folds, Placement
    from provenance.watermark.tile import Tile

_USUAL_SHORT_SIDES = (
    360,
    480,
    540,
    576,
    600,
    720,
    768,
    800,
    900,
    1024,
    1080,
    1200,
    1440,
    1600,
    2160,
)
_SWEEP = (0.68, 2.9)  # size of a cell over that of an uncropped frame's, least and most
_SWEEP_STEP = 0.004
# Ratios at which two levels hear alike, and both are asked. The finer one does better than cells
# of twice the size suggest (measured on cropped clips), the coarser one under strong compression.
_COARSER_FROM, _FINER_TO = 1.5, 2.2
_WORTH_DECODING = 4.0  # pilot peak, in standard deviations, below which nothing is decoded
_DECODES_PER_LOOK = 3


class KeySearch:
    """The search under one key's ``tile`` in maps of frames of ``width`` × ``height`` pixels.

    ``tried`` counts the words whose tag was looked at, over all looks.
    """

    def __init__(self, tile: Tile, width: int, height: int) -> None:
        self.tile = tile
        self.tried = 0
        self._pilot = PilotSearch(tile.pilot_pattern())
        short = min(width, height)
        as_marked = max(1.0, SMALLEST_CELL_PX * CELLS_PER_SHORT_SIDE / short)
        cut_from = [
            max(side / CELLS_PER_SHORT_SIDE, SMALLEST_CELL_PX) * CELLS_PER_SHORT_SIDE / short
            for side in _USUAL_SHORT_SIDES
        ]
        low, high = _SWEEP
        likely = (r for r in (1.0, *cut_from) if low < r < high)
        self._likely = sorted({round(r, 4) for r in (as_marked, *likely)})
        count = int(np.log(high / low) / _SWEEP_STEP)
        self._every = [low * float(np.exp(i * _SWEEP_STEP)) for i in range(count)]

    def look(self, maps: Sequence[Folds], *, sweep: bool) -> tuple[Payload, int, Placement] | None:
        """The payload in ``maps`` (one a level), with the level and the placement it was read at.

        ``sweep`` allows the search over every scale, where the likely ones are not convincing.
        """
        for level, placement in self._suppositions(maps, sweep=sweep):
            payload = self._read(maps[level].soft_map, placement)
            if payload is not None:
                return payload, level, placement
        return None

    def _suppositions(self, maps: Sequence[Folds], *, sweep: bool) -> list[tuple[int, Placement]]:
        """(level, placement) worth decoding, best first."""
        found = self._at(maps, self._likely)
        best = max((placement.score for _, placement in found), default=0.0)
        if sweep and best < 2 * _WORTH_DECODING:
            found += self._at(maps, self._every)
        found.sort(key=lambda item: -item[1].score)
        worth = [item for item in found if item[1].score >= _WORTH_DECODING]
        return _apart(worth)[:_DECODES_PER_LOOK]

    def _at(self, maps: Sequence[Folds], ratios: Sequence[float]) -> list[tuple[int, Placement]]:
        found = []
        for level in range(LEVELS):
            low, high = _COARSER_FROM * 2.0 ** (level - 1), _FINER_TO * 2.0**level
            scales = [
                (r / 2**level, r / 2**level)
                for r in ratios
                if (r < high or level == LEVELS - 1) and (r >= low or level == 0)
            ]
            found += [(level, p) for p in self._pilot.best(maps[level], scales)]
        return found

    def _read(self, soft_map: NDArray[np.float32], placement: Placement) -> Payload | None:
        """The payload at ``placement`` or beside it, if its tag verifies."""
        refined = self._pilot.refine(soft_map, placement)
        llr = self.tile.payload_llr(cells_at(soft_map, refined))
        for word in fec.decode(llr):
            self.tried += 1
            payload = unpack(word, self.tile.key.secret)
            if payload is not None:
                return payload
        return None


def _apart(found: list[tuple[int, Placement]]) -> list[tuple[int, Placement]]:
    """``found`` without those that only repeat a better one at a neighbouring scale."""
    kept: list[tuple[int, Placement]] = []
    for level, placement in found:
        if not any(
            level == other and abs(placement.scale_x / seen.scale_x - 1) < 2 * _SWEEP_STEP
            for other, seen in kept
        ):
            kept.append((level, placement))
    return kept

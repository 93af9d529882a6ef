"""The search for one key's mark in what was heard.

It goes from the likely to the costly: the frame as it was marked, the usual frame heights it may
have been cut from; then the shapes in which the map itself repeats (any rotation, stretching,
shear) and every plain scale; at last a keystone. Each time the best few placements are decoded, and
only a keyed tag that is right counts as found. Every word whose tag was looked at is counted: the
stated bound on false positives is made of that.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from provenance import fec
from provenance.payload import beginnings, unpack
from provenance.watermark.evidence import FINE, LEVELS
from provenance.watermark.inset import framed
from provenance.watermark.opening import weighed
from provenance.watermark.power import Powers
from provenance.watermark.recognition import InVain, Unread, in_other_ways
from provenance.watermark.sync import (
    SIDE,
    THREADS,
    Folds,
    PilotSearch,
    Placement,
    cells_at,
    likelihood,
    shape_of,
)
from provenance.watermark.tile import CELLS_PER_SHORT_SIDE, SMALLEST_CELL_PX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from provenance.payload import Payload
    from provenance.watermark.inset import Insets
    from provenance.watermark.slants import Slant
    from provenance.watermark.tile import Tile

_USUAL_SHORT_SIDES = (
    360, 480, 540, 576, 600, 720, 768, 800, 900, 1024, 1080, 1200, 1440, 1600, 2160,
)  # fmt: skip
_SMALL_SHORT_SIDES = (240, 270, 272, 288, 320, 352, 360, 384, 432)  # cells of the least size
_SWEEP = (0.68, 3.3)  # size of a cell over that of an uncropped frame's, least and most
_SWEEP_STEP = 0.004
# Ratio from which the finer level is left out: cells may be coarser than the extractor was made for
# by a factor of two, but not much finer (measured on cropped clips).
_COARSER_FROM = 2.2
# From here on, so many times smaller than that, a level of half the size is asked as well: where a
# codec has taken the fine part of the cells, it hears better by a tenth to a half.
_OVERLAP = 1.57
_WORTH_DECODING = 4.0  # pilot peak, in standard deviations, below which nothing is decoded
_WORTH_A_GUESS = 4.6  # the same where a slant is only supposed
# A fainter pilot's peak may move with the noise: refined by it, nine files of ten say less.
_WORTH_REFINING = 6.5
_LIKELY_DECODES = 3
_REPEATING_DECODES = 4
_SWEPT_DECODES = 4
_SMALL_DECODES = 3
# In the end, the whole frame and the likeliest few placements are decoded once more, with more
# words that begin as payloads can.
_PATIENT_DECODES = 4
_WORTH_A_LOOK = 3.0  # pilot at one place, in standard deviations: one place in 700 by chance
_WHOLE_DECODES = 3
_PATIENT_WORDS = 1024
_WORTH_PATIENCE = 4.4
_FAINT = 64  # placements that are not decoded, and yet held against marks that are known
_CLEAR = 4.9  # from here on, one search of five without a mark has a placement
_CLEAR_DECODES = 2  # of these, in two more ways each
_NEWS = 0.1  # standard deviations that refining must bring to be worth another look
_FINEST, _COARSEST = 0.5, 3.0  # size of a cell, over that of an uncropped frame's, at another level
_SMALL_DOUBT = 0.008
_ALIKE = 0.008  # change of a shape, relative to its own sides, that refining makes up for


Reach = Literal["likely", "straight", "any"]
"""Usual sizes alone; any size; any size, angle, stretch and keystone: ten times the work each."""


class KeySearch:
    """The search under one key's ``tile`` in maps of frames of ``width`` × ``height`` pixels.

    ``tried`` counts the words whose tag was looked at, over all looks.
    """

    def __init__(self, tile: Tile, width: int, height: int) -> None:
        self.tile = tile
        self.tried = 0
        self._unread: list[Unread] = []
        self._seen: list[tuple[int, Placement]] = []  # all shapes supposed, each at its best
        self._in_vain: InVain | None = None
        self._pilot = PilotSearch(tile.pilot_pattern())
        short = min(width, height)
        smallest = SMALLEST_CELL_PX * CELLS_PER_SHORT_SIDE
        self._as_marked = max(1.0, smallest / short)
        cut_from = [max(side, smallest) / short for side in _USUAL_SHORT_SIDES]
        low, high = _SWEEP
        likely = (r for r in (1.0, *cut_from) if low < r < high)
        self._likely = sorted({round(r, 4) for r in (self._as_marked, *likely)})
        # Where the whole frame may lie: marked at this size, at a small one, or at any other.
        marked_at = (short, *_SMALL_SHORT_SIDES, smallest)
        self._frames = sorted({max(1.0, smallest / side) for side in marked_at})
        count = int(np.log(high / low) / _SWEEP_STEP)
        self._every = [low * float(np.exp(i * _SWEEP_STEP)) for i in range(count)]
        self._powers: list[Powers] = []  # one a level, once the sizes are swept

    def look(
        self, maps: Sequence[Folds], reach: Reach, *, patient: bool = False
    ) -> tuple[Payload, int, Placement] | None:
        """The payload in ``maps`` (one a level), with the level and the placement it was read at.

        ``reach`` says how far to search where the likely shapes do not verify. ``patient``: where
        nothing does, the whole frame, where the pilot is heard in it, and the likeliest placements
        are decoded once more with more words.
        """
        self._powers, self._seen = [], []
        decoded = []
        for level, placement, doubt in self._suppositions(maps, reach):
            refined = self._pilot.refine(maps[level].soft_map, placement, doubt=doubt)
            told = doubt == 0 or refined.score >= _WORTH_REFINING
            final = refined if told else placement
            cells = self.cells(maps[level], final)
            payload = self.payload_of(cells)
            if payload is not None:
                return self._finest(maps, payload, level, final)
            decoded.append((level, final))
            self._unread.append(Unread.of(self.tile, cells, level, final))
        if not patient:
            return None
        for level, placement in self._worth_patience(maps, decoded):
            payload = self.payload_of(self.cells(maps[level], placement), patient=True)
            if payload is not None:
                return payload, level, placement
        self._in_vain = InVain(maps, self._seen, decoded, self._powers)
        return None

    def unread(self) -> list[Unread]:
        """What the placements said that were decoded in vain, and those that stood out less than
        they did in the last patient look.
        """
        if self._in_vain is None:
            return self._unread
        maps, seen, decoded, self._powers = self._in_vain
        faint = self._best(seen, _FAINT, least=0.0, beside=decoded)
        return self._unread + [
            Unread.of(self.tile, self.cells(maps[level], placement), level, placement)
            for level, placement in faint
        ]

    def _untouched(self) -> tuple[int, Placement]:
        """Level and placement of the whole frame as it was marked."""
        level = min(LEVELS - 1, max(0, int(np.log2(2 * self._as_marked / _COARSER_FROM))))
        scale = self._as_marked / 2**level
        return level, Placement(scale_x=scale, scale_y=scale)

    def _worth_patience(
        self, maps: Sequence[Folds], decoded: Sequence[tuple[int, Placement]]
    ) -> Iterator[tuple[int, Placement]]:
        """What is decoded with more words: the whole frame and the loudest of ``decoded``.

        What stands out is looked at in three ways: neither the pilot nor the level tells which
        way says most.
        """
        yield from self._whole(maps)
        loud = self._best(decoded, _PATIENT_DECODES, least=_WORTH_PATIENCE)
        yield from loud
        for level, placement in loud[:_CLEAR_DECODES]:
            if self._likelihood(level, placement) < _CLEAR**2:
                continue
            refined = self._pilot.refine(maps[level].soft_map, placement, doubt=_SWEEP_STEP)
            if refined.score > placement.score + _NEWS:
                yield level, refined
            for other in range(LEVELS):
                there = _scaled(placement, 2.0 ** (level - other))
                if other != level and _FINEST < there.scale_x < _COARSEST:
                    yield other, there

    def _whole(self, maps: Sequence[Folds]) -> list[tuple[int, Placement]]:
        """Level and placement of the whole frame, of any usual size when it was marked.

        What was only encoded anew or resized lies where it lay, so that it can be read where no
        pilot stands out among all places: those at which the pilot is heard, the loudest first.
        """
        asis = Placement(scale_x=self._as_marked, scale_y=self._as_marked)
        for lies in (asis, _mirrored(asis, maps[0])):
            places = [_scaled(lies, 0.5**level) for level in range(len(maps))]
            self._unread += in_other_ways(self.tile, maps, places)
        found = []
        for level, folds in enumerate(maps):
            for scale in _scales(self._frames, level):
                for placement in (scale, _mirrored(scale, folds)):
                    cells = self.cells(folds, placement)
                    heard = self.tile.pilot_heard(cells)
                    found.append((level, replace(placement, score=heard)))
                    self._unread.append(Unread.of(self.tile, cells, *found[-1]))
        loud = [item for item in found if item[1].score >= _WORTH_A_LOOK]
        return sorted(loud, key=lambda item: -item[1].score)[:_WHOLE_DECODES]

    def _finest(
        self, maps: Sequence[Folds], payload: Payload, level: int, placement: Placement
    ) -> tuple[Payload, int, Placement]:
        """What was read, from the finer level if it reads there too: it tells places better."""
        if level and placement.scale_x * 2**level < _COARSER_FROM * 2.0 ** (level - 1):
            finer = maps[level - 1]
            refined = self._pilot.refine(finer.soft_map, _scaled(placement, 2.0), doubt=0.0)
            if self.payload_of(self.cells(finer, refined)) == payload:
                return payload, level - 1, refined
        return payload, level, placement

    def cells(self, folds: Folds, placement: Placement) -> NDArray[np.float32]:
        """(32, 32) evidence for each cell of the tile at ``placement``, all parts weighed."""
        if not folds.parts:
            return cells_at(folds.soft_map, placement)
        opening, rest = (cells_at(part, placement) for part in folds.parts)
        return weighed(opening, rest, self.tile)

    def suspects(self, maps: Sequence[Folds]) -> list[tuple[int, Placement]]:
        """Where the mark may be though it was not read: level and placement of the whole frame as
        it was marked, and of the loudest pilot at a usual size, which may be loud by chance.
        """
        loudest = max(self._at(maps, self._likely), key=lambda item: item[1].score)
        refined = self._pilot.refine(maps[loudest[0]].soft_map, loudest[1])
        return [self._untouched(), (loudest[0], refined)]

    def look_slanted(
        self, slanted: Iterable[Slant]
    ) -> tuple[Payload, Placement, NDArray[np.float64]] | None:
        """As :meth:`look`, for ways in which the picture may be slanted; with the way's slips."""
        for slant in slanted:
            best = self._pilot.best(slant.straight, [slant.shape])[0]
            if best.score < (_WORTH_DECODING if slant.coherence > 1 else _WORTH_A_GUESS):
                continue
            refined = self._pilot.refine(slant.fine_map, best, doubt=0.0)
            cells = cells_at(slant.fine_map, refined)
            payload = self.payload_of(cells)
            if payload is not None:
                return payload, refined, slant.slips
            self._unread.append(Unread.of(self.tile, cells, FINE, refined, slant.slips))
        return None

    def look_small(self, small: Insets) -> tuple[Payload, int, Placement] | None:
        """As :meth:`look`, for small pictures anywhere in a finer map."""
        fine_map = small.soft_map
        found = [place for place in small.best(self._pilot) if place.score >= _WORTH_DECODING]
        for placement in sorted(found, key=lambda p: -p.score)[:_SMALL_DECODES]:
            near = self._pilot.refine(fine_map, placement, doubt=_SMALL_DOUBT)
            for view in (*framed(fine_map, self.tile.pilot_pattern(), near), near):
                final = self._pilot.refine(fine_map, view, doubt=_SMALL_DOUBT / 2)
                cells = cells_at(fine_map, final)
                payload = self.payload_of(cells)
                if payload is not None:
                    return payload, FINE, final
                self._unread.append(Unread.of(self.tile, cells, FINE, final))
        return None

    def _suppositions(
        self, maps: Sequence[Folds], reach: Reach
    ) -> Iterator[tuple[int, Placement, float]]:
        """(level, placement, doubt about its scale) worth decoding, the likely and cheap first."""
        self._seen = self._at(maps, self._likely)
        likely = self._best(self._seen, _LIKELY_DECODES)
        yield from ((*item, 0.015) for item in likely)
        if reach == "likely":
            return
        if reach == "straight":
            swept = self._swept(maps, beside=likely)
            yield from ((*item, _SWEEP_STEP) for item in swept)
            return
        with ThreadPoolExecutor(len(maps)) as pool:
            shapes = list(pool.map(Folds.shapes, maps))
        repeating = [
            (level, placement)
            for level, folds in enumerate(maps)
            for placement in self._pilot.best(folds, shapes[level])
        ]
        self._seen += repeating
        decoded = self._best(repeating, _REPEATING_DECODES, beside=likely)
        yield from ((*item, 0.0) for item in decoded)
        swept = self._swept(maps, beside=[*likely, *decoded])
        yield from ((*item, _SWEEP_STEP) for item in swept)

    def _swept(
        self, maps: Sequence[Folds], beside: Sequence[tuple[int, Placement]]
    ) -> list[tuple[int, Placement]]:
        """Of every size the best, by the pilot and by the power of their folds."""
        found = self._at(maps, self._every)
        self._seen += found
        self._powers = [
            Powers(folds, _scales(self._every, level)) for level, folds in enumerate(maps)
        ]
        return self._best(found, _SWEPT_DECODES, beside=beside)

    def _at(self, maps: Sequence[Folds], ratios: Sequence[float]) -> list[tuple[int, Placement]]:
        return [
            (level, placement)
            for level in range(LEVELS)
            for placement in self._pilot.best(maps[level], _scales(ratios, level))
        ]

    def _best(
        self,
        found: Sequence[tuple[int, Placement]],
        count: int,
        *,
        least: float = _WORTH_DECODING,
        beside: Sequence[tuple[int, Placement]] = (),
    ) -> list[tuple[int, Placement]]:
        """The best ``count`` from ``least`` on, less what repeats a better one or ``beside``."""
        ranked = sorted(
            ((self._likelihood(*item), *item) for item in found), key=lambda item: -item[0]
        )
        kept: list[tuple[int, Placement]] = []
        for worth, level, placement in ranked:
            if len(kept) == count or worth < least**2:
                break
            if not any(
                level == other and _alike(placement, seen) for other, seen in [*beside, *kept]
            ):
                kept.append((level, placement))
        return kept

    def _likelihood(self, level: int, placement: Placement) -> float:
        """In square standard deviations, by the pilot and what is known of the fold's power."""
        said = likelihood(placement)
        return said + self._powers[level].likelihood(placement) if self._powers else said

    def payload_of(self, cells: NDArray[np.float32], *, patient: bool = False) -> Payload | None:
        """The payload that (32, 32) folded ``cells`` say, if its tag verifies.

        ``patient``: eight times as many words are looked at, of those that begin as payloads can,
        and then as many of those that begin as payloads without a prompt do.
        """
        llr = self.tile.payload_llr(cells)
        if not patient:
            return self._verified(fec.decode(llr))
        begun = (beginnings(prompt=True), beginnings(prompt=False))
        with ThreadPoolExecutor(THREADS) as pool:
            lists = pool.map(lambda a: fec.decode(llr, list_size=_PATIENT_WORDS, among=a), begun)
            for words in lists:
                payload = self._verified(words)
                if payload is not None:
                    return payload
        return None

    def _verified(self, words: NDArray[np.uint8]) -> Payload | None:
        """The first of ``words`` whose tag is right, if one is."""
        for word in words:
            self.tried += 1
            payload = unpack(word, self.tile.key.secret)
            if payload is not None:
                return payload
        return None


def _scales(ratios: Sequence[float], level: int) -> list[Placement]:
    """The shapes in a map of ``level`` of those ``ratios`` of sizes that it hears well."""
    high = _COARSER_FROM * 2.0**level
    low = high / 2 / _OVERLAP
    return [
        Placement(scale_x=r / 2**level, scale_y=r / 2**level)
        for r in ratios
        if (r < high or level == LEVELS - 1) and (r >= low or level == 0)
    ]


def _mirrored(whole: Placement, folds: Folds) -> Placement:
    """Where the whole frame lies, if it is mirrored."""
    width = folds.soft_map.shape[1] / whole.scale_x
    return replace(whole, flipped=True, shift=(0.0, -width % SIDE))


def _scaled(placement: Placement, times: float) -> Placement:
    """The same place in a map that is so many times as large."""
    return replace(placement, scale_x=times * placement.scale_x, scale_y=times * placement.scale_y)


def _alike(one: Placement, other: Placement) -> bool:
    if (one.flipped, one.quarter_turns) != (other.flipped, other.quarter_turns):
        return False
    change = np.linalg.solve(shape_of(one), shape_of(other)) - np.eye(2)
    return float(np.abs(change).max()) < _ALIKE

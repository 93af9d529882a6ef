"""Whether the mark under a key is there at all, where its payload can no longer be read.

Two questions are asked, and each may be right by chance with half of the probability stated.

*In place*: does the whole file lie as it was marked, from its first second on, perhaps at another
size? Then pilot and clock are both known, there is one place to look, and much less evidence will
do than a payload needs. *Anywhere*: at the usual scales, every shift and orientation, how high is
the highest correlation with the pilot's signs?

What a score in standard deviations says is measured in two ways.

- By theory: to a picture that knows nothing of the key, the pilot's signs are fair coins, and the
  sum of values with fair signs, over the root of the sum of their squares, exceeds t with a
  probability below 3.18 Q(t), Q being the normal tail (Bentkus and Dzindzalieta 2015). That holds
  for every picture, whatever its texture; times the places looked at, it bounds the best of them.
- By decoys: 64 keys that mark nothing look at the same evidence in the same way, and a Gumbel
  distribution, that of the highest of many, is fitted to their best scores. Neighbouring shifts
  and scales tell the same thing, which the theory has to count as if they did not; so this is the
  sharper one where something is likely by chance. Far out in the tail, it is widened by what 64
  scores leave unknown.

The first question is judged by theory, the second by the smaller of both. Both fall with the same
score, so that taking the smaller one only moves the score that is needed, and chooses no luckier
draw. Nothing below ``LEAST_P`` is claimed: there, a mistake somewhere is likelier than chance.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from provenance.keys import CarrierKey
from provenance.watermark.clock import SLOTS, clock_table
from provenance.watermark.sync import Placement, cells_at, clipped
from provenance.watermark.tile import (
    CELLS_PER_SHORT_SIDE,
    PILOT_CELLS,
    SLOT_S,
    SMALLEST_CELL_PX,
    TILE,
    Tile,
    lay_out,
)
from provenance.watermark.timeline import heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.watermark.evidence import Evidence, Window

PRESENT_P = 1e-6  # per file: a mark is stated below this probability of its being chance
LEAST_P = 1e-12
DECOYS = 64
_USUAL_SHORT_SIDES = (360, 480, 540, 576, 720, 768, 900, 1080, 1440, 2160)
_NATIVE = SMALLEST_CELL_PX * CELLS_PER_SHORT_SIDE  # lines below which cells get no smaller
_RATIOS = (0.68, 2.9)
_LEVEL_TURNS = math.sqrt(2)  # cells larger than this are looked for in the map of half the size
_COINS = 3.18  # 1 / (4 Q(√2)): what fair coins may exceed the normal tail by
_FIT_VARIANCE = 0.608  # of a Gumbel scale fitted by maximum likelihood, times n


def presence(evidence: Evidence, tiles: Sequence[Tile], *, short_side: int) -> tuple[float, int]:
    """(p, index) for the likeliest of ``tiles`` in ``evidence`` of frames of this short side.

    p bounds the probability that any of the keys scores so high where none has marked; 1.0 for
    maps that say nothing.
    """
    anywhere, likeliest = p_anywhere(evidence.totals, tiles, short_side=short_side)
    in_place = [p_in_place(evidence.windows, tile, short_side=short_side) for tile in tiles]
    lowest = min(in_place)
    index = likeliest if anywhere <= lowest else in_place.index(lowest)
    return min(1.0, max(LEAST_P, 2 * len(tiles) * min(anywhere, lowest))), index


def p_in_place(windows: Sequence[Window], tile: Tile, *, short_side: int) -> float:
    """Bound for one key on so much evidence for pilot and clock of a file as it was marked."""
    if not windows:
        return 1.0
    ratio = max(1.0, _NATIVE / short_side)
    level = int(ratio >= _LEVEL_TURNS)
    place = Placement(scale_x=ratio / 2**level, scale_y=ratio / 2**level)
    cells = np.stack([heard(w, level, place).cells for w in windows]).astype(np.float32)
    cells = cells.reshape(len(windows), -1)
    pilot = cells[:, tile.pilot].sum(0)
    zero = windows[0].start_s
    steady, steady_energy = float(pilot @ tile.pilot_signs), float(pilot @ pilot)
    moving = moving_energy = 0.0
    # How much of the clock is left where windows are longer than its seconds.
    shares = np.zeros(len(windows))
    last = min(int((windows[-1].end_s - zero) / SLOT_S), SLOTS - 1)
    starts = np.array([w.start_s - zero for w in windows]) / SLOT_S
    ends = np.array([max(w.end_s, w.start_s + 1e-3) - zero for w in windows]) / SLOT_S
    clock = cells[:, tile.clock]
    signs = clock_table(tile, last + 1)
    for slot in range(last + 1):
        share = np.clip(np.minimum(ends, slot + 1) - np.maximum(starts, slot), 0, None)
        share /= ends - starts
        told = share.astype(np.float32) @ clock
        moving += float(told @ signs[slot])
        moving_energy += float(told @ told)
        shares += share**2
    if steady_energy <= 0 or moving_energy <= 0:
        return 1.0
    # Weights that depend on the picture alone leave the signs fair.
    weight = float(np.sqrt(shares.mean()))
    score = steady / math.sqrt(steady_energy) + weight * moving / math.sqrt(moving_energy)
    return _by_theory(score / math.hypot(1, weight), 1)


def p_anywhere(
    totals: Sequence[NDArray[np.float32]], tiles: Sequence[Tile], *, short_side: int
) -> tuple[float, int]:
    """(p, index) for the key with the highest pilot in ``totals``, the maps of two levels.

    p is that of one key: many of them have more luck.
    """
    views = _views(totals, short_side)
    if not views:
        return 1.0, 0
    decoys = [lay_out(decoy) for decoy in _decoys(tiles)]
    scores = _best_scores(views, [tile.pilot_pattern() for tile in (*tiles, *decoys)])
    own, theirs = scores[: len(tiles)], scores[len(tiles) :]
    index = int(own.argmax())
    places = len(views) * views[0].size * 8
    return min(_by_theory(float(own[index]), places), _by_decoys(float(own[index]), theirs)), index


def _decoys(tiles: Sequence[Tile]) -> list[CarrierKey]:
    """Keys that nobody marks with, and whose tiles only who knows those of ``tiles`` can know."""
    secrets = b"".join(sorted(tile.key.secret for tile in tiles))
    return [
        CarrierKey(
            name=f"decoy-{index}",
            secret=hashlib.sha256(b"everyframe decoy %d\0" % index + secrets).digest(),
        )
        for index in range(DECOYS)
    ]


def _views(totals: Sequence[NDArray[np.float32]], short_side: int) -> list[NDArray[np.float32]]:
    """(4, 32, 32) cells for each usual scale, at shifts of (0 or ½, 0 or ½) cell."""
    ratios = {max(1.0, _NATIVE / short_side), 1.0}
    ratios |= {round(max(side, _NATIVE) / short_side, 4) for side in _USUAL_SHORT_SIDES}
    maps = [clipped(total) for total in totals]
    views = []
    for ratio in sorted(r for r in ratios if _RATIOS[0] < r < _RATIOS[1]):
        level = int(ratio >= _LEVEL_TURNS)
        scale = ratio / 2**level
        cells = np.stack(
            [
                cells_at(maps[level], Placement(scale_x=scale, scale_y=scale, shift=(y, x)))
                for y in (0.0, 1.0)
                for x in (0.0, 1.0)
            ]
        )
        rms = float(np.sqrt(np.mean(np.square(cells))))
        if rms > 0:
            views.append(cells / np.float32(rms))
    return views


def _best_scores(
    views: Sequence[NDArray[np.float32]], pilots: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """The highest score of each of ``pilots`` (32, 32) in ``views``, in standard deviations."""
    laid = np.stack(
        [
            np.rot90(flipped, turns)
            for pilot in pilots
            for flipped in (pilot, pilot[:, ::-1])
            for turns in range(4)
        ]
    )
    spectra = np.conj(fft.rfft2(laid.astype(np.float32)))[:, None]
    best = np.full(len(pilots), -np.inf)
    for cells in views:
        correlation = fft.irfft2(fft.rfft2(cells) * spectra, (TILE, TILE))
        flat = correlation.reshape(len(pilots), -1)
        tops = flat.argmax(1)
        for index, top in enumerate(tops):
            # Only where a pilot peaks is the exact score worth its price: whichever place is
            # chosen, it is one of those that the theory has counted.
            if flat[index, top] > (best[index] - 1) * math.sqrt(PILOT_CELLS):
                turn, half, row, column = np.unravel_index(int(top), (8, 4, TILE, TILE))
                values = np.roll(cells[half], (-int(row), -int(column)), (0, 1))
                signs = laid[8 * index + int(turn)]
                energy = float((np.abs(signs) * values**2).sum())
                score = float((signs * values).sum()) / math.sqrt(energy) if energy > 0 else 0.0
                best[index] = max(best[index], score)
    return best


def _by_theory(score: float, places: int) -> float:
    return min(1.0, places * _COINS * math.erfc(score / math.sqrt(2)) / 2)


def _by_decoys(score: float, decoys: NDArray[np.float64]) -> float:
    """The probability that a Gumbel fitted to ``decoys`` gives ``score`` or more.

    Where the fit's scale is uncertain by a share of 1/√n, an exponential tail becomes
    (1 + t/n)⁻ⁿ, which is what it is on the average over all scales that the decoys allow.
    """
    scale = _gumbel_scale(decoys)
    lowest = float(decoys.min())
    place = lowest - scale * math.log(float(np.exp(-(decoys - lowest) / scale).mean()))
    t = (score - place) / scale
    n = len(decoys) / _FIT_VARIANCE
    rate = math.exp(min(-t, 50.0)) if t < 0 else (1 + t / n) ** -n
    return -math.expm1(-rate)


def _gumbel_scale(values: NDArray[np.float64]) -> float:
    """The scale of a Gumbel distribution by maximum likelihood: the root of a falling function."""
    shifted = values - values.min()
    mean, low, high = float(shifted.mean()), 1e-3, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(-shifted / middle)
        excess = mean - float((shifted * weights).sum() / weights.sum()) - middle
        low, high = (middle, high) if excess > 0 else (low, middle)
    return (low + high) / 2

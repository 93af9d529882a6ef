"""Finding the tile in a soft map: scale, shift, mirror and quarter turns, from the pilot alone.

A map is folded at a supposed scale: cut into tiles and summed, so that the mark adds up and the
picture does not. One FFT against the pilot then tries every shift of one orientation at once, and
the height of the peak over the noise (``score``, in standard deviations) ranks the suppositions.
No original is needed, and no certainty either: the tag decides, the score only says what to try.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.watermark.tile import TILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

FOLD_GRAIN = 2  # pixels a cell in a folded tile
SIDE = TILE * FOLD_GRAIN
# Evidence beyond this many rms of its map is an outlier of the picture, not of the mark.
_CLIP_RMS = 3.0
_ORIENTATIONS = tuple((flipped, turns) for flipped in (False, True) for turns in range(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A supposition of how the tile lies in a map.

    ``scale_x``, ``scale_y``: pixels of the map per pixel of the folded tile. ``flipped`` and
    ``quarter_turns``: the map's fold is mirrored left to right, then turned counter-clockwise so
    often, to give the tile. ``shift``: (row, column) of the tile's origin in that fold, in pixels,
    with fractions. ``score``: height of the pilot's peak in standard deviations.
    """

    scale_x: float
    scale_y: float
    flipped: bool = False
    quarter_turns: int = 0
    shift: tuple[float, float] = (0.0, 0.0)
    score: float = 0.0


def fold(soft_map: NDArray[np.float32], scale_x: float, scale_y: float) -> NDArray[np.float32]:
    """(64, 64) sum of all tiles of ``soft_map`` (H, W), if a tile were 64·scale pixels a side."""
    folded: NDArray[Any] = soft_map
    height, width = soft_map.shape
    out_w, out_h = max(1, round(width / scale_x)), max(1, round(height / scale_y))
    if (out_w, out_h) != (width, height) or scale_x != 1 or scale_y != 1:
        # An exact scale needs an affine map: resizing to whole pixels would round it.
        matrix = np.array(
            [[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2]], np.float32
        )
        folded = cv2.warpAffine(
            soft_map,
            matrix,
            (out_w, out_h),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
    padded = np.zeros((-(-out_h // SIDE) * SIDE, -(-out_w // SIDE) * SIDE), np.float32)
    padded[:out_h, :out_w] = folded
    tiles = padded.reshape(padded.shape[0] // SIDE, SIDE, padded.shape[1] // SIDE, SIDE)
    return np.asarray(tiles.sum((0, 2)), np.float32)


def clipped(soft_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """``soft_map`` in units of its rms, outliers cut off."""
    rms = float(np.sqrt(np.mean(np.square(soft_map)))) or 1.0
    scaled = soft_map / np.float32(rms)
    return np.asarray(np.clip(scaled, -_CLIP_RMS, _CLIP_RMS), np.float32)


class Folds:
    """A soft map (H, W) for many searches: each fold is made once, whatever number of keys ask."""

    def __init__(self, soft_map: NDArray[np.float32]) -> None:
        self.soft_map = soft_map
        self._spectra: dict[tuple[float, float], NDArray[np.complex64]] = {}

    def spectrum(self, scale_x: float, scale_y: float) -> NDArray[np.complex64]:
        """(64, 33) Fourier transform of the fold at this scale."""
        scale = (scale_x, scale_y)
        if scale not in self._spectra:
            self._spectra[scale] = _transform(fold(self.soft_map, scale_x, scale_y))
        return self._spectra[scale]


class PilotSearch:
    """Looks for one key's pilot. ``pilot``: (32, 32) signs, 0 outside the pilot."""

    def __init__(self, pilot: NDArray[np.float32]) -> None:
        drawn = np.kron(pilot, np.ones((FOLD_GRAIN, FOLD_GRAIN), np.float32))
        # Turning the pilot to fit the map is the same as turning the map, and is done once a key.
        laid = [
            np.rot90(drawn, -turns)[:, :: -1 if flipped else 1] for flipped, turns in _ORIENTATIONS
        ]
        self._spectra = np.conj(_transform(np.stack(laid)))

    def best(self, folds: Folds, scales: Iterable[tuple[float, float]]) -> list[Placement]:
        """The best placement at each of ``scales`` (x, y), best first."""
        found = [self._peak(folds.spectrum(sx, sy), sx, sy, _ORIENTATIONS) for sx, sy in scales]
        return sorted(found, key=lambda p: -p.score)

    def refine(self, soft_map: NDArray[np.float32], start: Placement) -> Placement:
        """The best placement near ``start``: a fine sweep of the scale, then x and y apart."""
        around = np.exp(np.arange(-15, 16) * 0.001).tolist()
        best = max((self._moved(soft_map, start, r, r) for r in around), key=lambda p: p.score)
        for step in (0.002, 0.001, 0.0005):
            for rx, ry in ((1 + step, 1), (1 - step, 1), (1, 1 + step), (1, 1 - step)):
                best = max(best, self._moved(soft_map, best, rx, ry), key=lambda p: p.score)
        return best

    def _moved(
        self, soft_map: NDArray[np.float32], placement: Placement, ratio_x: float, ratio_y: float
    ) -> Placement:
        scale_x, scale_y = placement.scale_x * ratio_x, placement.scale_y * ratio_y
        spectrum = _transform(fold(soft_map, scale_x, scale_y))
        same = ((placement.flipped, placement.quarter_turns),)
        return self._peak(spectrum, scale_x, scale_y, same)

    def _peak(
        self,
        spectrum: NDArray[np.complex64],
        scale_x: float,
        scale_y: float,
        orientations: Sequence[tuple[bool, int]],
    ) -> Placement:
        """The highest peak over its own noise, among ``orientations`` (flipped, quarter turns)."""
        first = _ORIENTATIONS.index(orientations[0])
        pilots = self._spectra[first : first + len(orientations)]
        correlation = np.fft.irfft2(spectrum * pilots, s=(SIDE, SIDE))
        spread = correlation.std((1, 2))
        heights = correlation.max((1, 2)) / np.where(spread > 0, spread, 1)
        which = int(heights.argmax())
        plane = correlation[which]
        row, column = (int(i) for i in np.unravel_index(int(plane.argmax()), plane.shape))
        peak = (row + _vertex(plane[:, column], row), column + _vertex(plane[row], column))
        flipped, turns = orientations[which]
        placement = Placement(
            scale_x=scale_x,
            scale_y=scale_y,
            flipped=flipped,
            quarter_turns=turns,
            score=float(heights[which]),
        )
        row_s, column_s = upright(peak, placement)
        return replace(placement, shift=(row_s % SIDE, column_s % SIDE))


def upright(point: tuple[float, float], placement: Placement) -> tuple[float, float]:
    """(row, column) of ``point`` after the mirroring and turns of ``placement`` about (0, 0)."""
    row, column = point
    if placement.flipped:
        column = -column
    for _ in range(placement.quarter_turns):
        row, column = -column, row
    return row, column


def orient(folded: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """``folded`` (64, 64) mirrored and turned as ``placement`` says."""
    if placement.flipped:
        folded = folded[:, ::-1]
    return np.rot90(folded, placement.quarter_turns)


def cells_at(soft_map: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(32, 32) evidence for each cell of the tile, folded from ``soft_map`` at ``placement``."""
    folded = orient(fold(soft_map, placement.scale_x, placement.scale_y), placement)
    # Shift by fractions in the Fourier domain: the tile repeats, so that wrapping round is right.
    row, column = placement.shift
    phase = np.exp(
        2j * np.pi * (np.fft.fftfreq(SIDE)[:, None] * row + np.fft.rfftfreq(SIDE)[None] * column)
    )
    moved = np.fft.irfft2(np.fft.rfft2(folded) * phase, s=folded.shape)
    cells = moved.reshape(TILE, FOLD_GRAIN, TILE, FOLD_GRAIN).mean((1, 3))
    return np.asarray(cells, np.float32)


def _transform(folded: NDArray[np.float32]) -> NDArray[np.complex64]:
    return np.asarray(np.fft.rfft2(folded), np.complex64)


def _vertex(line: NDArray[np.float64], index: int) -> float:
    """Offset of a parabola's top from the peak ``index`` of a periodic ``line``, within ±0.5."""
    left, top, right = line[index - 1], line[index], line[(index + 1) % len(line)]
    curvature = left - 2 * top + right
    return float(np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)) if curvature < 0 else 0.0

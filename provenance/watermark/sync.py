"""Finding the tile in a soft map: its shape, shift, mirror and quarter turns, from the pilot alone.

A map is folded at a supposed shape (scale, rotation, shear): cut into tiles and summed, so that the
mark adds up and the picture does not. One FFT against the pilot then tries every shift of one
orientation at once, and the height of the peak over the noise (``score``, in standard deviations)
ranks the suppositions.
No original is needed, and no certainty either: the tag decides, the score only says what to try.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

from provenance.watermark.climb import climbed
from provenance.watermark.lattice import lattices
from provenance.watermark.tile import TILE
from provenance.watermark.vertex import vertex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from provenance.watermark.lattice import Lattice

Window = tuple[int, int, int, int]
"""Top, left, bottom and right in pixels of a map."""

FOLD_GRAIN = 2  # pixels a cell in a folded tile
SIDE = TILE * FOLD_GRAIN
# Evidence beyond this many rms of its map is an outlier of the picture, not of the mark.
_CLIP_RMS = 3.0
_DOUBT_STEP = 0.003
_MOST_LATTICES = 6
THREADS = 2
"""That parts of one search share: NumPy and OpenCV let them run beside each other."""
_TOGETHER = 8  # shapes whose pilots are sought at once
_ROUNDED = np.float32(1e-6)  # share of a power that single precision may leave of nothing
_ORIENTATIONS = tuple((flipped, turns) for flipped in (False, True) for turns in range(4))
_UPRIGHT = ((False, 0), (True, 0))
_MIRRORED, _TURNED = 3.0, 6.0  # square standard deviations that what is rare must be louder by


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A supposition of how the tile lies in a map.

    ``scale_x``, ``scale_y``: pixels of the map per pixel of the folded tile, along the tile's rows
    and across them. ``rotation_deg``: how far the tile's rows point downwards in the map (clockwise
    as seen), beyond quarter turns. ``shear``: how far its columns lean along the rows, in pixels
    per pixel. ``bend``: None, or the homography (row by row) that takes pixels of a straightened
    map to pixels of the map, where no plain affine shape fits. ``window``: the part of the map that
    shows the tile, if not all of it.
    ``flipped`` and ``quarter_turns``: the map's fold is mirrored left to right, then turned
    counter-clockwise so often, to give the tile. ``shift``: (row, column) of the tile's origin in
    that fold, in pixels, with fractions. ``score``: height of the pilot's peak in standard
    deviations.
    """

    scale_x: float
    scale_y: float
    rotation_deg: float = 0.0
    shear: float = 0.0
    bend: tuple[float, ...] | None = None
    window: Window | None = None
    flipped: bool = False
    quarter_turns: int = 0
    shift: tuple[float, float] = (0.0, 0.0)
    score: float = 0.0


def likelihood(placement: Placement) -> float:
    """What the pilot says for ``placement``, in square standard deviations, rare ways less."""
    return placement.score**2 - _rarity(placement.flipped, placement.quarter_turns)


def _rarity(flipped: bool, turns: int) -> float:
    return _TURNED if turns else _MIRRORED if flipped else 0.0


def shape_of(placement: Placement) -> NDArray[np.float64]:
    """(2, 2) matrix: pixels of the map (x, y) per pixel (x, y) of the tile before it is turned."""
    angle = np.deg2rad(placement.rotation_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    upper = [[placement.scale_x, placement.shear * placement.scale_y], [0.0, placement.scale_y]]
    shape: NDArray[np.float64] = np.array([[cos, -sin], [sin, cos]]) @ np.array(upper)
    return shape


def shaped(placement: Placement, matrix: NDArray[np.float64]) -> Placement:
    """``placement`` with the shape of ``matrix`` (2, 2), whose determinant is positive."""
    (a, b), (c, d) = matrix.tolist()
    scale_x = float(np.hypot(a, c))
    scale_y = (a * d - b * c) / scale_x
    return replace(
        placement,
        scale_x=scale_x,
        scale_y=scale_y,
        rotation_deg=float(np.rad2deg(np.arctan2(c, a))),
        shear=(a * b + c * d) / scale_x / scale_y,
    )


def laid(matrix: NDArray[np.float64]) -> Placement:
    """A supposition of the shape of ``matrix`` (2, 2) and nothing else."""
    return shaped(Placement(scale_x=1.0, scale_y=1.0), matrix)


def cut_out(soft_map: NDArray[np.float32], window: Window | None) -> NDArray[np.float32]:
    """``soft_map`` with 0 above and left of ``window``, and nothing below and right of it."""
    if window is None:
        return soft_map
    top, left, bottom, right = window
    kept = soft_map[:bottom, :right].copy()
    kept[:top], kept[:, :left] = 0, 0
    return kept


def straightened(
    soft_map: NDArray[np.float32], bend: tuple[float, ...] | None
) -> NDArray[np.float32]:
    """``soft_map`` resampled so that the tile is affine in it, at the same size."""
    if bend is None:
        return soft_map
    straight = cv2.warpPerspective(
        soft_map,
        np.array(bend).reshape(3, 3),
        soft_map.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(straight, np.float32)


def fold(soft_map: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """(64, 64) sum of all tiles of ``soft_map`` (H, W) with the shape of ``matrix`` (2, 2).

    Whatever the shape, the map's top-left corner is a corner of a tile.
    """
    sheet = tiles(soft_map, matrix)[0]
    return np.asarray(sheet.sum(0).sum(1), np.float32)


def tiles(
    soft_map: NDArray[np.float32], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The (rows, 64, columns, 64) tiles of ``soft_map`` (H, W) with the shape of ``matrix`` (2, 2).

    Also the pixel (x, y) of the tile's plane, counted from the map's top-left corner, that is the
    corner of the first tile. What lies outside the map is 0.
    """
    height, width = soft_map.shape
    (a, b), (c, d) = matrix.tolist()
    if not (b or c) and min(a, d) > 0:
        columns, rows = (ceil(side / SIDE - 1e-6) for side in (width / a, height / d))
        sheet = np.zeros((rows * SIDE, columns * SIDE), np.float32)
        # Told the factors and no size, this rounds nothing, and takes half as long.
        resized = cv2.resize(soft_map, None, fx=1 / a, fy=1 / d)
        resized = resized[: rows * SIDE, : columns * SIDE]
        sheet[: resized.shape[0], : resized.shape[1]] = resized
        return sheet.reshape(rows, SIDE, columns, SIDE), np.zeros(2)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]])
    reached = corners @ np.linalg.inv(matrix).T / SIDE
    low = np.floor(reached.min(0) + 1e-6) * SIDE
    columns, rows = (np.ceil(reached.max(0) - 1e-6) - low / SIDE).astype(int).tolist()
    origin = matrix @ (low + 0.5) - 0.5
    sheet = cv2.warpAffine(
        soft_map,
        np.column_stack([matrix, origin]),
        (columns * SIDE, rows * SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(sheet, np.float32).reshape(rows, SIDE, columns, SIDE), low


def clipped(soft_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """``soft_map`` in units of its rms, outliers cut off."""
    rms = float(np.sqrt(np.mean(np.square(soft_map)))) or 1.0
    scaled = soft_map / np.float32(rms)
    return np.asarray(np.clip(scaled, -_CLIP_RMS, _CLIP_RMS), np.float32)


class Folds:
    """A soft map (H, W) for many searches: each fold is made once, whatever number of keys ask.

    ``parts``: maps that together are ``soft_map``, where they are to be weighed at a placement.
    """

    def __init__(
        self, soft_map: NDArray[np.float32], *, parts: tuple[NDArray[np.float32], ...] = ()
    ) -> None:
        self.soft_map = soft_map
        self.parts = parts
        self._spectra: dict[tuple[float, ...], NDArray[np.complex64]] = {}
        self._repeating: list[Lattice] | None = None

    def spectrum(self, placement: Placement) -> NDArray[np.complex64]:
        """(64, 33) Fourier transform of the fold with the shape of ``placement``, unbent."""
        matrix = shape_of(placement)
        shape = tuple(matrix.ravel().tolist())
        if shape not in self._spectra:
            self._spectra[shape] = transform(fold(self.soft_map, matrix))
        return self._spectra[shape]

    def shapes(self) -> list[Placement]:
        """The shapes in which the map repeats, the most striking first."""
        return [laid(found.matrix / SIDE) for found in self._lattices()]

    def _lattices(self) -> list[Lattice]:
        if self._repeating is None:
            self._repeating = lattices(self.soft_map, _MOST_LATTICES)
        return self._repeating


class PilotSearch:
    """Looks for one key's pilot. ``pilot``: (32, 32) signs, 0 outside the pilot."""

    def __init__(self, pilot: NDArray[np.float32]) -> None:
        drawn = np.kron(pilot, np.ones((FOLD_GRAIN, FOLD_GRAIN), np.float32))
        # Turning the pilot to fit the map is the same as turning the map, and is done once a key.
        laid = [
            np.rot90(drawn, -turns)[:, :: -1 if flipped else 1] for flipped, turns in _ORIENTATIONS
        ]
        self._laid = np.stack(laid)
        self._spectra = np.conj(transform(self._laid))

    def best(self, folds: Folds, shapes: Iterable[Placement]) -> list[Placement]:
        """The best shift and orientation at each of ``shapes``, best first."""

        def peaks(some: Sequence[Placement]) -> list[Placement]:
            spectra = np.stack([folds.spectrum(shape) for shape in some])
            return self._peaks(spectra, some, _ORIENTATIONS)

        listed = list(shapes)
        some = [listed[first : first + _TOGETHER] for first in range(0, len(listed), _TOGETHER)]
        # The sums and transforms of some shapes let those of others run beside them.
        with ThreadPoolExecutor(THREADS) as pool:
            found = [placement for part in pool.map(peaks, some) for placement in part]
        return sorted(found, key=lambda p: -p.score)

    def upright(self, spectra: NDArray[np.complex64], shape: Placement) -> tuple[int, Placement]:
        """The best of (n, 64, 33) transformed folds of ``shape``, mirrored or not, never turned."""
        found = self._peaks(spectra, [shape] * len(spectra), _UPRIGHT)
        which = max(range(len(found)), key=lambda index: found[index].score)
        return which, found[which]

    def refine(
        self, soft_map: NDArray[np.float32], start: Placement, *, doubt: float = 0.015
    ) -> Placement:
        """The best placement near ``start``: any scale up to ``doubt`` off, then uphill."""
        straight = straightened(cut_out(soft_map, start.window), start.bend)
        shape = shape_of(start)
        reach = round(doubt / _DOUBT_STEP)
        around = np.exp(np.arange(-reach, reach + 1) * _DOUBT_STEP).tolist()
        best = self._moved(straight, start, [shape * ratio for ratio in around])
        return self._moved(straight, best, [self._climbed(straight, best)])

    def _climbed(self, straight: NDArray[np.float32], placement: Placement) -> NDArray[np.float64]:
        """(2, 2) shape that fits better than that of ``placement``."""
        shape = shape_of(placement)
        which = _ORIENTATIONS.index((placement.flipped, placement.quarter_turns))
        sheet, low = tiles(straight, shape)
        spectrum = transform(sheet.sum((0, 2)))
        plane = fft.irfft2(spectrum * self._spectra[which], (SIDE, SIDE))
        row, column = (int(i) for i in np.unravel_index(int(plane.argmax()), plane.shape))
        deviation = float(plane.std())
        change = climbed(sheet, low, self._laid[which], (row, column), deviation=deviation)
        return shape @ (np.eye(2) + change)

    def _moved(
        self,
        straight: NDArray[np.float32],
        placement: Placement,
        shapes: Sequence[NDArray[np.float64]],
    ) -> Placement:
        """The best of ``placement`` with each of ``shapes`` (2, 2)."""
        same = ((placement.flipped, placement.quarter_turns),)
        spectra = transform(np.stack([fold(straight, matrix) for matrix in shapes]))
        supposed = [shaped(placement, matrix) for matrix in shapes]
        return max(self._peaks(spectra, supposed, same), key=lambda found: found.score)

    def _peaks(
        self,
        spectra: NDArray[np.complex64],
        shapes: Sequence[Placement],
        orientations: Sequence[tuple[bool, int]],
    ) -> list[Placement]:
        """For each of (n, 64, 33) folds the highest peak over its own noise.

        ``orientations``: those to choose from (flipped, quarter turns).
        """
        pilots = self._spectra[[_ORIENTATIONS.index(o) for o in orientations]]
        correlation = fft.irfft2(spectra[:, None] * pilots, (SIDE, SIDE))
        flat = correlation.reshape(len(shapes), len(orientations), -1)
        # One look at each value tells as much as its mean and the standard deviation from it.
        power = np.einsum("soi,soi->so", flat, flat) / np.float32(SIDE**2)
        mean = flat.mean(2)
        # A picture of one level leaves a mean, and what rounding leaves beside it is no noise.
        noise = np.maximum(power - np.square(mean), _ROUNDED * power)
        tops = flat.argmax(2)
        heights = np.take_along_axis(flat, tops[:, :, None], 2)[:, :, 0] - mean
        heights /= np.sqrt(noise) + np.float32(1e-20)
        rarity = np.array([_rarity(*orientation) for orientation in orientations], np.float32)
        likeliest = (np.square(heights) - rarity).argmax(1).tolist()
        found = []
        for shape, planes, places, scores, which in zip(
            shapes, correlation, tops, heights, likeliest, strict=True
        ):
            plane = planes[which]
            row, column = divmod(int(places[which]), SIDE)
            peak = (
                vertex(plane[:, column], row, periodic=True),
                vertex(plane[row], column, periodic=True),
            )
            flipped, turns = orientations[which]
            row_s, column_s = turned(peak, flipped=flipped, turns=turns)
            shift = (row_s % SIDE, column_s % SIDE)
            score = float(scores[which])
            found.append(
                replace(shape, flipped=flipped, quarter_turns=turns, shift=shift, score=score)
            )
        return found


def upright(point: tuple[float, float], placement: Placement) -> tuple[float, float]:
    """(row, column) of ``point`` after the mirroring and turns of ``placement`` about (0, 0)."""
    return turned(point, flipped=placement.flipped, turns=placement.quarter_turns)


def turned(point: tuple[float, float], *, flipped: bool, turns: int) -> tuple[float, float]:
    """(row, column) of ``point``, mirrored first and then turned about (0, 0)."""
    row, column = point
    if flipped:
        column = -column
    for _ in range(turns):
        row, column = -column, row
    return row, column


def orient(folded: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """``folded`` (64, 64) mirrored and turned as ``placement`` says."""
    if placement.flipped:
        folded = folded[:, ::-1]
    return np.rot90(folded, placement.quarter_turns)


def upright_fold(soft_map: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(64, 64) sum of all tiles of ``soft_map`` at ``placement``, as the tile was drawn."""
    straight = straightened(cut_out(soft_map, placement.window), placement.bend)
    folded = orient(fold(straight, shape_of(placement)), placement)
    # Shift by fractions in the Fourier domain: the tile repeats, so that wrapping round is right.
    row, column = placement.shift
    phase = np.exp(
        2j * np.pi * (np.fft.fftfreq(SIDE)[:, None] * row + np.fft.rfftfreq(SIDE)[None] * column)
    )
    moved = fft.irfft2(transform(folded) * phase.astype(np.complex64), folded.shape)
    return np.asarray(moved, np.float32)


def cells_at(soft_map: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(32, 32) evidence for each cell of the tile, folded from ``soft_map`` at ``placement``."""
    folded = upright_fold(soft_map, placement)
    cells = folded.reshape(TILE, FOLD_GRAIN, TILE, FOLD_GRAIN).mean((1, 3))
    return np.asarray(cells, np.float32)


def transform(folded: NDArray[np.float32]) -> NDArray[np.complex64]:
    """The Fourier transform of (…, 64, 64) folds, as :class:`PilotSearch` correlates it."""
    return np.asarray(fft.rfft2(folded), np.complex64)

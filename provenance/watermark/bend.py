"""Straightening a map in which the tile is not affine: keystone, a leaning camera, a lens.

The tile is taken from the middle of the map, where the supposed shape fits best, and looked for in
the tiles around: how far each has slipped tells how the map is bent. A homography through all slips
straightens it, more tiles fit, and the next round reaches farther. No key is needed: the tile that
is looked for is the sum of the others, never of the place that is compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import fft

from provenance.watermark.vertex import vertex

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REACHES = (2.0, 2.8, 4.0, 6.0, 6.0)  # tiles from the middle, round by round
_MOST_SLIP = 10  # pixels in one round
_TRUSTED = 3.5  # standard deviations of a slip's peak
_FEWEST = 6  # slips for a fit
_AREA = (0.5, 4.0)  # of a tile, over that of one as marked, least and most
_MOST_TILES = 24  # along a side: a plane that grows beyond is not a picture any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Bend:
    """How a map is bent.

    ``homography``: nine numbers, row by row, that take a pixel (x, y) of the straightened map to
    one of the map. ``matrix``: (2, 2), the tile's shape in the straightened map. ``plane``: both as
    one, (3, 3), from the tile's pixels to those of the map, counted from their corners.
    ``coherence``: energy of the sum of all tiles over that of the tiles; about 1 where nothing
    repeats, or where nobody has looked.
    """

    homography: tuple[float, ...]
    matrix: NDArray[np.float64]
    plane: NDArray[np.float64]
    coherence: float = 1.0

    @property
    def plausible(self) -> bool:
        """Whether a tile is about as large as one as marked."""
        low, high = _AREA
        return low < abs(float(np.linalg.det(self.matrix))) < high


def straighten(soft_map: NDArray[np.float32], start: NDArray[np.float64], side: int) -> Bend | None:
    """The bend of ``soft_map`` (H, W), if tiles of ``side`` lie on it about as ``start`` says.

    ``start``: (3, 3) homography from the tiles' pixels to those of the map, both counted from
    corners of pixels. None where too few tiles can be recognised.
    """
    plane = start
    height, width = soft_map.shape
    middle = np.array([width / 2, height / 2])
    for reach in _REACHES:
        cut = _cut(soft_map, plane, side)
        if cut is None:
            return None
        sheet, low = cut
        centres, slips, weights = _slips(
            sheet, low, _applied(np.linalg.inv(plane), middle[None])[0], reach
        )
        if len(centres) < _FEWEST:
            return None
        plane = _homography(centres - slips, _applied(plane, centres), weights)
    cut = _cut(soft_map, plane, side)
    if cut is None:
        return None
    sheet, _ = cut
    energy = float(np.square(sheet).sum())
    coherence = float(np.square(sheet.sum((0, 2))).sum()) / energy if energy else 0.0
    return replace(planar(plane, (height, width)), coherence=coherence)


def planar(plane: NDArray[np.float64], size: tuple[int, int]) -> Bend:
    """The bend of a map of ``size`` (H, W) on which the tile lies as ``plane`` (3, 3) says."""
    height, width = size
    # The affine part is the shape, so that the straightened map lies where the map lies.
    grid = np.stack(np.meshgrid([0.2, 0.5, 0.8], [0.2, 0.5, 0.8]), -1).reshape(-1, 2)
    there = grid * [width, height]
    here = _applied(np.linalg.inv(plane), there)
    affine = _affine(here, there, np.ones(len(here)))
    shape = affine[:2, :2].copy()
    linear = np.eye(3)
    linear[:2, :2] = shape
    # The tile's origin may lie anywhere: moved so that the straightened map lies on the map.
    onto = np.eye(3)
    onto[:2, 2] = np.linalg.solve(shape, -affine[:2, 2])
    to_centre, from_centre = np.eye(3), np.eye(3)
    to_centre[:2, 2], from_centre[:2, 2] = 0.5, -0.5
    bend = from_centre @ plane @ onto @ np.linalg.inv(linear) @ to_centre
    bend /= bend[2, 2]
    return Bend(homography=tuple(bend.ravel().tolist()), matrix=shape, plane=plane)


def _applied(homography: NDArray[Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) ``points`` moved by ``homography``."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def _cut(
    soft_map: NDArray[np.float32], plane: NDArray[np.float64], side: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]] | None:
    """(rows, side, columns, side) tiles and their first corner; None if the plane leans too far."""
    height, width = soft_map.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    back = np.linalg.inv(plane)
    depth = corners @ back[2, :2] + back[2, 2]
    if depth.min() * depth.max() <= 0:
        return None
    reached = _applied(back, corners) / side
    low, high = np.floor(reached.min(0) + 1e-6), np.ceil(reached.max(0) - 1e-6)
    columns, rows = (high - low).astype(int).tolist()
    if max(columns, rows) > _MOST_TILES:
        return None
    shift = np.eye(3)
    shift[:2, 2] = low * side + 0.5
    to_pixels = np.eye(3)
    to_pixels[:2, 2] = -0.5
    sheet = cv2.warpPerspective(
        soft_map,
        to_pixels @ plane @ shift,
        (columns * side, rows * side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    return np.asarray(sheet, np.float32).reshape(rows, side, columns, side), low * side


def _slips(
    sheet: NDArray[np.float32], low: NDArray[np.float64], middle: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) centres (x, y), (n, 2) slips and (n,) weights of the tiles that are recognised."""
    rows, side, columns, _ = sheet.shape
    spectra = fft.rfft2(np.ascontiguousarray(sheet.transpose(0, 2, 1, 3)))
    y, x = np.mgrid[0:rows, 0:columns]
    centres = np.stack([x, y], -1) * side + side / 2 + low
    far = np.hypot(*np.moveaxis((centres - middle) / side, -1, 0))
    share = np.exp(-0.5 * (far / reach) ** 2).astype(np.float32)[..., None, None]
    others = (spectra * share).sum((0, 1)) - spectra * share
    correlation = fft.irfft2(spectra * np.conj(others), (side, side))
    # Neighbours have slipped about as far: together they are heard better.
    flat = correlation.reshape(rows, columns, -1)
    surface = fft.fftshift(_smoothed(flat).reshape(rows, columns, side, side), (2, 3))
    spread = surface.std((2, 3)) + 1e-12
    half = side // 2
    near = surface[:, :, half - _MOST_SLIP : half + _MOST_SLIP + 1]
    near = near[:, :, :, half - _MOST_SLIP : half + _MOST_SLIP + 1]
    width = 2 * _MOST_SLIP + 1
    which = near.reshape(rows, columns, -1).argmax(2)
    height = near.max((2, 3)) / spread
    used = (height > _TRUSTED) & (far < reach + 1.5)
    slips, weights, places = [], [], []
    for row, column in np.argwhere(used):
        top, left = divmod(int(which[row, column]), width)
        plane = near[row, column]
        peak = np.array([vertex(plane[top], left), vertex(plane[:, left], top)])
        slips.append(peak - _MOST_SLIP)
        weights.append(height[row, column])
        places.append(centres[row, column])
    return np.array(places).reshape(-1, 2), np.array(slips).reshape(-1, 2), np.array(weights)


def _smoothed(surfaces: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, columns, n) surfaces, each with some of its neighbours' added."""
    padded = np.pad(surfaces, ((1, 1), (1, 1), (0, 0)))
    down = padded[1:-1] + np.float32(0.5) * (padded[:-2] + padded[2:])
    return np.asarray(down[:, 1:-1] + np.float32(0.5) * (down[:, :-2] + down[:, 2:]), np.float32)


def _affine(
    here: NDArray[np.float64], there: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(3, 3) affine map that takes (n, 2) ``here`` nearest to ``there``."""
    known = np.column_stack([here, np.ones(len(here))]) * weights[:, None]
    solved = np.linalg.lstsq(known, there * weights[:, None], rcond=None)[0]
    return np.vstack([solved.T, [0, 0, 1]])


def _homography(
    here: NDArray[np.float64], there: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(3, 3) homography that takes (n, 2) ``here`` nearest to ``there``."""
    start = _affine(here, there, weights)
    middle, spread = here.mean(0), here.std() + 1e-9
    scale = np.diag([1 / spread, 1 / spread, 1.0])
    scale[:2, 2] = -middle / spread
    h = _applied(scale, here)
    t = _applied(scale @ np.linalg.inv(start), there)
    zero, one = np.zeros(len(h)), np.ones(len(h))
    (x, y), (u, v) = h.T, t.T
    rows = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1) * weights[:, None],
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1) * weights[:, None],
        ]
    )
    solved = np.linalg.lstsq(rows, np.concatenate([u, v]) * np.tile(weights, 2), rcond=None)[0]
    inner = np.append(solved, 1.0).reshape(3, 3)
    return np.asarray(start @ np.linalg.inv(scale) @ inner @ scale, np.float64)

"""Scale, rotation and shape of the tile in a soft map, without any key.

Whatever the tile says, it repeats: the power spectrum of a map that holds it has peaks on the
lattice of the tile's harmonics, and nowhere else once it is divided by its own local mean. For
every rotation and scale the spectrum is summed over the lattice's points; in log-polar coordinates
both are shifts, so that one correlation scores them all (after Reddy and Chatterji, "An FFT-based
technique for translation, rotation, and scale-invariant image registration", 1996). A second sweep
lets width and height be stretched apart, and the best of both are improved as free 2 × 2 matrices.

Quarter turns and mirroring leave the lattice as it is: the pilot decides about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIZE = 1024  # of the transform: a map is at most about so long, and gaps between bins are small
_MEAN_WINDOW = 61  # bins over which the spectrum is compared with its surroundings
_OUTLIER = 8.0  # times the local mean
_NEAREST, _FARTHEST = 2.0, 14.0  # harmonics used: below is the picture, above little is left
_LOW_BIN, _HIGH_BIN = 10.0, 505.0
_ANGLES = 600  # over half a turn
_LOG_STEP, _LOG_LENGTH = 0.004, 2048  # of the logarithm of a frequency
_AT_ONCE = 64  # matrices: what as many need stays in the cache
_SIDES = (32.0, 186.0)  # of a tile, in pixels of the map, least and most
_STRETCH, _STRETCH_STEP = 0.25, 0.008
_FEWEST_POINTS = 40
_FREED = 2  # so many of the best have their sides swept apart
_STEPS = (0.006, 0.003, 0.0015, 0.0007)
_MOVES = 4  # at most, of each step


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """A supposition of the tile's shape.

    ``matrix``: (2, 2), the upper and the left side of a tile as columns, (x, y) in pixels of the
    map, up to quarter turns and mirroring. ``score``: standard deviations above what no lattice
    would give.
    """

    matrix: NDArray[np.float64]
    score: float


def lattices(soft_map: NDArray[np.float32], count: int) -> list[Lattice]:
    """The best ``count`` suppositions for ``soft_map`` (H, W, outliers cut off), best first."""
    spectrum = _whitened(soft_map)
    told = _told(spectrum)
    starts = _turned_and_scaled(spectrum, count) + _stretched(told, count)
    found = _distinct(_climbed(told, np.array(starts)), count)
    # Uneven stretching or shear leaves one side of the tile found and the other wrong.
    freed = [m for seen in found[:_FREED] for m in _with_a_side_freed(told, seen.matrix)]
    return _distinct([*found, *_climbed(told, np.array(freed))], count)


def _harmonics() -> NDArray[np.float64]:
    """(n, 2) harmonics (x, y) of the tile in the right half plane, the axes left out."""
    reach = np.arange(-int(_FARTHEST), int(_FARTHEST) + 1)
    x, y = (a.ravel() for a in np.meshgrid(reach, reach))
    length = np.hypot(x, y)
    # Edges of the picture and of a codec's blocks lie on the axes, where they look like a tile.
    used = (length >= _NEAREST) & (length <= _FARTHEST) & (x > 0) & (y != 0)
    return np.asarray(np.stack([x, y], 1)[used], np.float64)


def _whitened(soft_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1024, 513) power over its local mean, less 1; row 512 is the frequency 0."""
    height, width = (min(n, _SIZE) for n in soft_map.shape)
    window = np.sqrt(np.hanning(height)[:, None] * np.hanning(width)[None]).astype(np.float32)
    seen = soft_map[:height, :width] * window
    # The lines below the map are empty: they need no transform along them.
    transform = fft.fft(fft.rfft(seen, _SIZE, axis=1), _SIZE, axis=0)
    power = fft.fftshift(np.square(transform.real) + np.square(transform.imag), 0)
    mean = cv2.blur(power, (_MEAN_WINDOW, _MEAN_WINDOW), borderType=cv2.BORDER_REFLECT_101)
    flat = np.minimum(power / (mean + np.float32(1e-20)), np.float32(_OUTLIER))
    soft = cv2.GaussianBlur(flat, (0, 0), 0.8)
    return np.asarray((soft - soft.mean()) / (soft.std() + 1e-9), np.float32)


def _told(spectrum: NDArray[np.float32]) -> NDArray[np.complex64]:
    """(1024 · 513,) what each bin says, and 1j for its being heeded: one look tells both."""
    row, column = np.ogrid[: spectrum.shape[0], : spectrum.shape[1]]
    squared = (row - _SIZE // 2) ** 2 + column**2
    used = (squared < int(_HIGH_BIN**2)) & (squared > int(_LOW_BIN**2))
    return np.asarray(np.where(used, spectrum + np.complex64(1j), 0), np.complex64).ravel()


@lru_cache(maxsize=1)
def _polar() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(angles, radii) bins x and y of the spectrum in logarithmic polar coordinates."""
    radii = np.exp(np.arange(np.log(_LOW_BIN), np.log(_HIGH_BIN), _LOG_STEP))
    turn = (np.arange(_ANGLES) - _ANGLES // 2)[:, None] * (np.pi / _ANGLES)
    x, y = radii * np.cos(turn), radii * np.sin(turn) + _SIZE // 2
    return x.astype(np.float32), y.astype(np.float32)


@lru_cache(maxsize=1)
def _template() -> NDArray[np.complex64]:
    """(600, 1025) conjugate transform of the harmonics in (angle, logarithm of the length)."""
    points = _harmonics()
    bins = np.rint(np.log(np.hypot(*points.T)) / _LOG_STEP).astype(int)
    rows = np.rint(np.arctan2(points[:, 1], points[:, 0]) / (np.pi / _ANGLES)).astype(int)
    template = np.zeros((_ANGLES, _LOG_LENGTH), np.float32)
    np.add.at(template, (rows % _ANGLES, bins), 1)
    return np.asarray(np.conj(fft.rfft2(template)), np.complex64)


def _turned_and_scaled(spectrum: NDArray[np.float32], count: int) -> list[NDArray[np.float64]]:
    """The best (2, 2) matrices that turn by up to 45° either way and scale."""
    polar = cv2.remap(spectrum, *_polar(), cv2.INTER_LINEAR)
    points = _harmonics()
    bins = np.rint(np.log(np.hypot(*points.T)) / _LOG_STEP).astype(int)
    # Where a scale puts the first harmonic, in steps from the lowest radius (may be negative).
    steps = np.arange(np.log(_SIDES[0]), np.log(_SIDES[1]), _LOG_STEP)
    base = np.log(_SIZE / _LOW_BIN) / _LOG_STEP
    length = _LOG_LENGTH
    sums = fft.irfft2(fft.rfft2(polar, (_ANGLES, length)) * _template(), (_ANGLES, length))
    first = np.rint(base - steps / _LOG_STEP).astype(int)
    reached = first[:, None] + bins[None]
    used = ((reached >= 0) & (reached < polar.shape[1])).sum(1)
    scores = sums.take(first % length, 1) / np.sqrt(np.maximum(used, 1))
    scores[:, used < _FEWEST_POINTS] = -np.inf
    angles = (np.arange(_ANGLES) + _ANGLES // 2) % _ANGLES - _ANGLES // 2
    scores[np.abs(angles) > _ANGLES // 4] = -np.inf
    found = []
    for row, column in _peaks(np.fft.fftshift(scores, 0), count):
        angle = (row - _ANGLES // 2) * np.pi / _ANGLES
        scale = np.exp((base - first[column]) * _LOG_STEP)
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        found.append(np.array([[cos, -sin], [sin, cos]]))
    return found


def _stretched(told: NDArray[np.complex64], count: int) -> list[NDArray[np.float64]]:
    """The best (2, 2) matrices that stretch width and height by up to a quarter apart."""
    points = _harmonics()
    across = np.exp(np.arange(np.log(_SIDES[0]), np.log(_SIDES[1]), _STRETCH_STEP))
    ratio = np.exp(np.arange(-_STRETCH, _STRETCH, _STRETCH_STEP))
    # One width after the other: what all of them need at once would not stay in the cache.
    scores = np.stack([_of_width(told, width, width * ratio, points) for width in across])
    peaks = _peaks(scores, count)
    return [np.diag([across[i], across[i] * ratio[j]]) for i, j in peaks]


def _of_width(
    told: NDArray[np.complex64],
    width: float,
    heights: NDArray[np.float64],
    points: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n,) scores of upright tiles of one ``width`` and of (n,) ``heights``."""
    x = np.rint(_SIZE / width * points[:, 0]).astype(np.int32)
    y = np.rint(_SIZE / heights[:, None] * points[:, 1]).astype(np.int32)
    return _summed(told, x, y)


def _with_a_side_freed(
    told: NDArray[np.complex64], matrix: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """``matrix`` with the best other side in place of its first, and of its second."""
    reach = np.arange(-_STRETCH, _STRETCH, _STRETCH_STEP)
    change = np.stack(np.meshgrid(reach, reach), -1).reshape(-1, 2)
    best = []
    for side in (0, 1):
        offsets = np.tile(np.eye(2), (len(change), 1, 1))
        offsets[:, :, side] += change
        near = matrix @ offsets
        best.append(near[int(_scores(told, near).argmax())])
    return best


def _summed(
    told: NDArray[np.complex64], x: NDArray[np.int32], y: NDArray[np.int32]
) -> NDArray[np.float64]:
    """(n,) normalised sums of the spectrum over (n, harmonics) bins (x ≥ 0, y)."""
    half = _SIZE // 2
    values = told.take((np.clip(y, -half, half - 1) + half) * (half + 1) + np.minimum(x, half))
    sums = values.sum(1)
    counts = np.rint(sums.imag)
    scores = sums.real / np.sqrt(np.maximum(counts, 1))
    return np.where(counts >= _FEWEST_POINTS, scores, -np.inf).astype(np.float64)


def _scores(told: NDArray[np.complex64], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) scores of (n, 2, 2) matrices."""
    dual = (np.linalg.inv(matrices).transpose(0, 2, 1) * _SIZE).astype(np.float32)
    points = _harmonics().T.astype(np.float32)
    scores = []
    for first in range(0, len(matrices), _AT_ONCE):
        bins = np.rint(dual[first : first + _AT_ONCE] @ points).astype(np.int32)
        x, y = bins[:, 0], bins[:, 1]
        # The spectrum of a real map is symmetric: the left half plane is found in the right one.
        sign = np.where(x < 0, -1, 1).astype(np.int32)
        scores.append(_summed(told, x * sign, y * sign))
    return np.concatenate(scores)


def _climbed(told: NDArray[np.complex64], matrices: NDArray[np.float64]) -> list[Lattice]:
    """Each of (n, 2, 2) ``matrices`` moved uphill: turned, scaled, stretched and sheared."""
    moves = np.array([[[0, -1], [1, 0]], [[1, 0], [0, 1]], [[1, 0], [0, -1]], [[0, 1], [1, 0]]])
    offsets = np.concatenate([np.zeros((1, 2, 2)), moves, -moves])
    every = np.arange(len(matrices))
    best, score = matrices, _scores(told, matrices)
    for step in _STEPS:
        for _ in range(_MOVES):
            # In units of the tile's own sides, so that small and large tiles move alike.
            near = best[:, None] @ (np.eye(2) + step * offsets[None])
            scores = _scores(told, near.reshape(-1, 2, 2)).reshape(len(matrices), -1)
            which = scores.argmax(1)
            best, score = near[every, which], scores[every, which]
            if not which.any():
                break
    return [Lattice(matrix=m, score=float(s)) for m, s in zip(best, score, strict=True)]


def _peaks(scores: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """(row, column) of the ``count`` highest values that are not beside a higher one."""
    single = scores.astype(np.float32)
    highest = cv2.dilate(single, np.ones((9, 9), np.uint8))
    tops = np.flatnonzero((single >= highest) & np.isfinite(single))
    order = tops[np.argsort(-scores.ravel()[tops], kind="stable")[:count]]
    return [divmod(int(index), scores.shape[1]) for index in order]


def _distinct(found: list[Lattice], count: int) -> list[Lattice]:
    kept: list[Lattice] = []
    for lattice in sorted(found, key=lambda item: -item.score):
        ways = (np.linalg.solve(seen.matrix, lattice.matrix) - np.eye(2) for seen in kept)
        if all(float(np.abs(way).max()) > 0.01 for way in ways):
            kept.append(lattice)
    return kept[:count]

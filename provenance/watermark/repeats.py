"""How each part of a soft map repeats, without any key: whitened autocorrelations.

Where the tile is seen at a slant it has another size in every part of the picture. In one part it
hardly changes, and the autocorrelation of the part peaks one tile to the right and one down.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import fft

from provenance.watermark.sync import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

NEAR, FAR, ACROSS = 32, 98, 32  # of a step: pixels along, least and most, and aside
_PART = 160  # pixels a side of a part: two and a half tiles as marked
_PART_STEP = 56  # pixels between parts, at most
_SMOOTHING = 15  # bins over which a part's spectrum is compared with its surroundings
_OUTLIER = 8.0  # times the local mean
_USUAL = 17  # pixels over which repeats are compared with their surroundings
_MOST = 4.0  # times the usual


class Parts:
    """What parts of maps (H, W each, outliers cut off) repeat: their whitened autocorrelations.

    Several maps may be off each other: each is compared with itself alone, and the sums are kept.
    ``planes``: (parts, n, n) repeats, one for each part, its middle a step of (0, 0). ``middles``:
    (parts, 2) of the parts (x, y), counted from the middle of the map, which is ``half`` a map wide
    and high. ``grain``: pixels of the map a pixel of the planes.
    """

    def __init__(self, maps: Sequence[NDArray[np.float32]]) -> None:
        height, width = maps[0].shape
        self.half = np.array([width / 2, height / 2], np.float32)
        self.grain = 1
        side = min(_PART, height, width)
        window = np.sqrt(np.hanning(side)[:, None] * np.hanning(side)[None]).astype(np.float32)
        corners = [(top, left) for top in _spread(height, side) for left in _spread(width, side)]

        def repeated(corner: tuple[int, int]) -> NDArray[np.float32]:
            top, left = corner
            seen = (soft[top : top + side, left : left + side] * window for soft in maps)
            return _repeats(seen, side)

        with ThreadPoolExecutor(THREADS) as pool:
            self.planes = np.stack(list(pool.map(repeated, corners)))
        self.middles = np.array(corners, np.float32)[:, ::-1] + side / 2 - self.half
        self._close()

    def coarser(self) -> Parts:
        """The same at half the grain: the highest of what lies near, so that no peak is missed."""
        first = self.reach % 2  # the middle stays a pixel
        coarse = object.__new__(Parts)
        coarse.half, coarse.middles, coarse.grain = self.half, self.middles, 2 * self.grain
        near = np.stack([cv2.dilate(p, np.ones((4, 4), np.uint8)) for p in self.planes])
        coarse.planes = near[:, first::2, first::2] - near.mean()
        coarse._close()
        return coarse

    def _close(self) -> None:
        self.reach = (self.planes.shape[1] - 1) // 2
        self.planes[:, [0, -1]] = 0
        self.planes[:, :, [0, -1]] = 0

    def heard(self, steps: NDArray[Any], leans: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) sums over the parts for (n, 2) ``steps`` under (n, 2) or (2,) ``leans``.

        A step A in the middle of the map is (A − X (A·g)) (1 − g·X) at X, g being the lean over
        half of the map.
        """
        g = leans / self.half
        along = (steps * g).sum(-1)[None]  # (1, n)
        nearer = (1 - self.middles @ g.reshape(-1, 2).T) / self.grain  # (parts, n or 1)
        places = []
        for axis in (0, 1):
            moved = (steps[None, :, axis] - self.middles[:, axis, None] * along) * nearer
            # Beyond the reach nothing is heard: the margin is 0.
            np.maximum(moved, -self.reach, out=moved)
            np.minimum(moved, self.reach, out=moved)
            places.append(np.rint(moved, out=moved).astype(np.int32))
        side = 2 * self.reach + 1
        middle = self.reach * (side + 1)
        index = places[1] * side + places[0] + middle
        index += (np.arange(len(self.planes), dtype=np.int32) * side * side)[:, None]
        values = self.planes.reshape(-1).take(index)
        return np.asarray(values.sum(0) / np.sqrt(len(self.planes)), np.float64)


def _repeats(seen: Iterator[NDArray[np.float32]], side: int) -> NDArray[np.float32]:
    """The peaks of the summed autocorrelations of ``seen`` (``side``, ``side``), as of one part."""
    reach = min(FAR + ACROSS, side - 1)
    # The window is 0 in its first and last pixel: no lag within reach wraps round.
    size = fft.next_fast_len(side - 2 + reach, real=True)
    flat = np.zeros((size, size // 2 + 1), np.float32)
    for part in seen:
        # The lines below the part are empty: they need no transform along them.
        flat += _whitened(fft.fft(fft.rfft(part, size, axis=1), size, axis=0))
    repeats = fft.irfft2(fft.ifftshift(flat, 0).astype(np.complex64), (size, size))
    around = np.roll(repeats, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    return _peaked(np.ascontiguousarray(around, np.float32))


def _whitened(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The power of ``spectrum``, its frequency 0 moved to the middle, over what is usual nearby."""
    power = fft.fftshift(np.square(spectrum.real) + np.square(spectrum.imag), 0)
    mean = cv2.blur(power, (_SMOOTHING, _SMOOTHING), borderType=cv2.BORDER_REFLECT_101)
    mean += np.float32(1e-20)
    flat = np.divide(power, mean, out=power)
    np.minimum(flat, np.float32(_OUTLIER), out=flat)
    return np.asarray(flat - 1, np.float32)


def _peaked(repeats: NDArray[np.float32]) -> NDArray[np.float32]:
    """An autocorrelation, as peaks over what is usual at each place.

    Pictures are alike near and far along their edges, in ridges; the tile is alike in one point.
    """
    soft = cv2.GaussianBlur(repeats, (0, 0), 1.0) - cv2.GaussianBlur(repeats, (0, 0), 3.0)
    power = cv2.blur(soft * soft, (_USUAL, _USUAL), borderType=cv2.BORDER_REFLECT_101)
    usual = np.sqrt(np.maximum(power, 0))
    return np.asarray(np.clip(soft / (usual + np.float32(1e-12)), -_MOST, _MOST), np.float32)


def _spread(length: int, side: int) -> list[int]:
    room = length - side
    return [round(p) for p in np.linspace(0, room, int(np.ceil(room / _PART_STEP)) + 1)]

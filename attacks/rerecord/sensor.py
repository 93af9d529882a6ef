"""From light on a phone's sensor to the levels that its encoder gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from attacks.rerecord.screen import ROW_OPEN, STRIPE_CENTRES, STRIPE_OPEN, TABLE, grid_table
from attacks.srgb import to_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BRIGHTEST = 1.5  # linear light at which the tone curve ends
_STEPS = 1 << 14
_GROUPS = ((0, -1, -1), (1, 1, -1), (1, -1, 1), (2, 1, 1))  # RGGB: colour, and where in the quad


def moire(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    *,
    jacobian: NDArray[np.float64],
    sigma: float,
) -> NDArray[np.float32]:
    """(H, W, 3) what the panel's grid leaves of the light, on average 1.

    ``x``, ``y``: (H, W) places on the panel, in its pixels, of the frame's pixels, each of which
    is one Bayer quad (red, two greens, blue): every photosite looks at the grid from a place of
    its own. ``jacobian``: (2, 2) steps on the panel for a step right and down in the frame.
    ``sigma``: of the lens, in pixels of the frame.
    """
    scale = float(abs(np.linalg.det(jacobian)) ** 0.5)
    blurred, site = sigma * scale, scale / 2
    rows = grid_table(centre=0.5, opening=ROW_OPEN, sigma=blurred, site=site)
    stripes = [
        grid_table(centre=centre, opening=STRIPE_OPEN, sigma=blurred, site=site)
        for centre in STRIPE_CENTRES
    ]
    light = np.zeros((*x.shape, 3), np.float32)
    across, down = np.float32(TABLE) * x, np.float32(TABLE) * y
    for colour, right, below in _GROUPS:
        step = jacobian @ (np.array([right, below]) * 0.25) * TABLE
        seen = cv2.LUT(_place(across, step[0]), stripes[colour])
        seen = cv2.multiply(seen, cv2.LUT(_place(down, step[1]), rows))
        light[..., colour] += np.asarray(seen, np.float32) * np.float32(0.5 if colour == 1 else 1)
    return light


def _place(position: NDArray[np.float32], step: float) -> NDArray[np.uint8]:
    """Places in a pixel of the panel, 0…255; whole pixels fall away."""
    return (position + np.float32(step)).astype(np.int32).astype(np.uint8)


def flicker(
    opens_s: NDArray[np.float64], *, hertz: float, depth: float, exposure_s: float, phase: float = 0
) -> NDArray[np.float64]:
    """(N,) light, on average 1, of a lamp of depth 0…1 in exposures that begin at (N,) ``opens_s``.

    What is left of a wave after an exposure is its mean over it: exposures of whole periods show
    none, and in others the rows of a rolling shutter show bands.
    """
    left = depth * np.sinc(hertz * exposure_s)
    middle = opens_s + exposure_s / 2
    return np.asarray(1 + left * np.sin(2 * np.pi * (hertz * middle + phase)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """``electrons``: what full white fills a pixel with; ``read_noise``: electrons rms.

    The noise model is that of EMVA 1288: a variance that grows with light, and a floor.
    """

    electrons: float
    read_noise: float

    def deviation(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standard deviation of what is read where ``light`` (1: white) falls."""
        floor = np.float32((self.read_noise / self.electrons) ** 2)
        signal = np.maximum(light, 0) * np.float32(1 / self.electrons)
        return np.asarray(np.sqrt(signal + floor), np.float32)


class NoiseBank:
    """Noise for frames of (H, W), drawn once and laid elsewhere each time."""

    _ROOM = 64

    def __init__(self, height: int, width: int, random: np.random.Generator) -> None:
        self._size, self._random = (height, width), random
        shape = (height + self._ROOM, width + self._ROOM, 3)
        self._noise = random.standard_normal(shape, dtype=np.float32)

    def next(self) -> NDArray[np.float32]:
        """(H, W, 3), variance 1: a view."""
        top, left = self._random.integers(self._ROOM, size=2)
        height, width = self._size
        turned = self._noise[:, :, self._random.permutation(3)]
        return turned[top : top + height, left : left + width]


class Exposure:
    """Auto exposure: follows what it sees late, and a part of the way: dark scenes stay darker.

    ``target``: mean light it wants, 1 being white; ``lag_s``: its time constant; ``bias_ev``: how
    far off it settles.
    """

    _REACH_EV = 1.5  # most that it brightens or darkens
    _WILL = 0.6  # share of what is missing that it makes up for

    def __init__(self, *, target: float, lag_s: float, bias_ev: float) -> None:
        self._target, self._lag_s, self._bias_ev = target, lag_s, bias_ev
        self._ev: float | None = None

    def gain(self, mean: float, passed_s: float) -> float:
        """What to multiply a frame of this mean light by, ``passed_s`` after the one before."""
        wanted = self._WILL * math.log2(self._target / max(mean, 1e-3))
        wanted = min(max(wanted, -self._REACH_EV), self._REACH_EV) + self._bias_ev
        if self._ev is None:
            self._ev = wanted
        self._ev += (wanted - self._ev) * (1 - math.exp(-passed_s / self._lag_s))
        return float(2.0**self._ev)


def tone_table(contrast: float) -> NDArray[np.uint8]:
    """(16,384,) levels for linear light of 0…1.5: sRGB's curve, steeper in the middle."""
    level = to_levels(np.arange(_STEPS) / _STEPS * _BRIGHTEST)
    level -= contrast * np.sin(2 * np.pi * level) / (2 * np.pi)
    return np.asarray(np.rint(np.clip(level, 0, 1) * 255), np.uint8)


def toned(light: NDArray[np.float32], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``light`` as levels."""
    index = light * np.float32(_STEPS / _BRIGHTEST)
    np.clip(index, 0, _STEPS - 1, out=index)
    return np.asarray(table[index.astype(np.uint16)])


def developed(frame: NDArray[np.uint8], *, denoise: float, sharpen: float) -> NDArray[np.uint8]:
    """What a phone does to its (H, W, 3) sRGB frames: weak detail, up to about ``denoise`` levels,
    is taken for noise and fades, strong detail grows by the share ``sharpen``, colours are blurred.
    """
    luma, red, blue = cv2.split(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb))
    soft = cv2.GaussianBlur(luma, (0, 0), 1.0)
    size = np.arange(-255, 256, dtype=np.float64)
    kept = 1 - np.exp(-((size / max(denoise, 1e-3)) ** 2))
    table = np.rint(size * kept * (1 + sharpen)).astype(np.int16)
    detail = table[(luma.astype(np.int16) - soft) + 255]
    luma = np.clip(soft + detail, 0, 255).astype(np.uint8)
    colours = (cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in (red, blue))
    return np.asarray(cv2.cvtColor(cv2.merge([luma, *colours]), cv2.COLOR_YCrCb2RGB), np.uint8)

"""Noise: of sensors, of film, of bad transmission.

Every frame has noise of its own, which follows from the seed and the frame's time: a second pass
sees the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, drawn_seed, within
from attacks.clip import on_frames, on_luma

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip

TICKS_A_SECOND = 90_000  # the finest clock of video files
GRAIN_SIGMA = 0.8  # of the Gaussian that makes neighbouring grains alike, in pixels


def frame_rng(seed: int, time: float) -> np.random.Generator:
    """The generator of the frame at ``time`` seconds. SFC64: the quickest that NumPy has."""
    return np.random.Generator(np.random.SFC64([seed, round(time * TICKS_A_SECOND)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianNoise:
    """Independent noise of standard deviation ``sigma`` levels on each channel."""

    sigma: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(frame: Frame, time: float) -> Frame:
            field = frame_rng(self.seed, time).standard_normal(frame.shape, np.float32)
            field *= self.sigma
            return cv2.add(frame, field, dtype=cv2.CV_8U)

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaltAndPepper:
    """``share`` of the pixels are black or white."""

    share: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(frame: Frame, time: float) -> Frame:
            rng = frame_rng(self.seed, time)
            height, width = frame.shape[:2]
            count = rng.binomial(height * width, self.share)
            places = rng.integers(height * width, size=count)
            out = frame.copy()
            out.reshape(-1, 3)[places] = rng.choice((0, 255), count).astype(np.uint8)[:, None]
            return out

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speckle:
    """Levels times 1 + noise of standard deviation ``sigma``, the same in all channels."""

    sigma: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(frame: Frame, time: float) -> Frame:
            rng = frame_rng(self.seed, time)
            field = 1 + self.sigma * rng.standard_normal(frame.shape[:2], np.float32)
            return cv2.multiply(frame, cv2.merge([field] * 3), dtype=cv2.CV_8U)

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmGrain:
    """Grain of standard deviation ``sigma`` levels where it is strongest, on luma.

    Neighbouring grains are alike, and it fades towards black and white, as AV1 models it (Norkin
    and Birkbeck 2018, "Film grain synthesis for AV1 video codec"); here 4·y·(1 − y) of luma y.
    """

    sigma: float
    seed: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        bits = clip.video.bits
        black, white = (0, 255) if clip.video.full_range else (16, 235)
        levels = np.arange(1 << bits, dtype=np.float32) / (1 << (bits - 8))
        tone = np.clip((levels - black) / (white - black), 0, 1)
        strength = 4 * tone * (1 - tone) * self.sigma * (1 << (bits - 8))
        change = _grain(strength, (1 << bits) - 1, self.seed)
        return on_luma(clip, change)


def _grain(
    strength: NDArray[Any], top: int, seed: int
) -> Callable[[NDArray[Any], float], NDArray[Any]]:
    # Blurring by s makes unit noise this weak: the kernel's energy, of one axis and so of both.
    axis = cv2.getGaussianKernel(7, GRAIN_SIGMA)
    scaled = (strength / float((axis**2).sum())).astype(np.float32)

    def change(luma: NDArray[Any], time: float) -> NDArray[Any]:
        field = frame_rng(seed, time).standard_normal(luma.shape, np.float32)
        grain = cv2.sepFilter2D(field, cv2.CV_32F, axis, axis)
        grainy = np.rint(luma + grain * scaled[luma])
        changed: NDArray[Any] = np.clip(grainy, 0, top).astype(luma.dtype)
        return changed

    return change


_noise = partial(Attack, family="photometric")
ATTACKS: tuple[Attack, ...] = (
    _noise(
        name="gaussian_noise",
        summary="independent noise on every channel",
        unit="levels (σ)",
        ladder=(2.0, 5.0, 10.0, 20.0, 30.0),
        default=10.0,
        draw=lambda s, rng: GaussianNoise(sigma=within("sigma", s, 0, 255), seed=drawn_seed(rng)),
    ),
    _noise(
        name="salt_pepper",
        summary="black and white pixels",
        unit="share of pixels",
        ladder=(0.001, 0.005, 0.01, 0.05, 0.1),
        default=0.01,
        draw=lambda s, rng: SaltAndPepper(share=within("share", s, 0, 1), seed=drawn_seed(rng)),
    ),
    _noise(
        name="speckle",
        summary="noise in proportion to the level",
        unit="share of the level (σ)",
        ladder=(0.02, 0.05, 0.1, 0.2),
        default=0.1,
        draw=lambda s, rng: Speckle(sigma=within("sigma", s, 0, 2), seed=drawn_seed(rng)),
    ),
    _noise(
        name="film_grain",
        summary="correlated grain that follows the luma",
        unit="levels (σ) at mid-grey",
        ladder=(2.0, 4.0, 8.0, 16.0),
        default=8.0,
        draw=lambda s, rng: FilmGrain(sigma=within("sigma", s, 0, 255), seed=drawn_seed(rng)),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (GaussianNoise, SaltAndPepper, Speckle, FilmGrain)
}

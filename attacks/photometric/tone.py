"""Photometric attacks: brightness, colour and tone of single pixels.

Most are one table from level to level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, within
from attacks.clip import on_frames
from attacks.srgb import to_levels, to_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attacks.base import Desk
    from attacks.canvas import Frame
    from attacks.clip import Clip

LEVELS = np.arange(256) / 255
NEUTRAL_K = 6504.0  # D65, the white of sRGB
# Rec. 709's luma of R, G, B.
LUMA = np.array([0.2126, 0.7152, 0.0722])


def by_table(clip: Clip, values: NDArray[Any]) -> Clip:
    """Every level through a table: ``values`` (256,), or (256, 3) a channel, in 0…1."""
    table = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    table = table.reshape(1, 256, -1)
    return on_frames(clip, lambda frame, _: cv2.LUT(frame, table))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brightness:
    """Levels times ``factor``, cut at white (torchvision's ``adjust_brightness``)."""

    factor: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return by_table(clip, LEVELS * self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """``factor`` times as far from mid-grey (FFmpeg's ``eq``), the same in every frame."""

    factor: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return by_table(clip, 0.5 + (LEVELS - 0.5) * self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """Levels, 0…1, to the power of ``gamma``: above 1 darker (torchvision's ``adjust_gamma``)."""

    gamma: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return by_table(clip, LEVELS**self.gamma)


@dataclass(frozen=True, slots=True, kw_only=True)
class SCurve:
    """Darks darker, lights lighter: a logistic curve of slope ``strength`` through mid-grey."""

    strength: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        curve = np.tanh(self.strength / 2 * (LEVELS - 0.5))
        return by_table(clip, (curve / curve[-1] + 1) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneMap:
    """Light raised by ``stops`` and rolled off to the same white, as HDR modes of phones do.

    Reinhard et al. 2002, "Photographic tone reproduction for digital images", equation 4, on each
    channel.
    """

    stops: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        white = 2.0**self.stops
        light = to_light(LEVELS) * white
        return by_table(clip, to_levels(light * (1 + light / white**2) / (1 + light)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteBalance:
    """As if white were the light of a black body of ``kelvin``; the luma of grey stays.

    Below 6504 K warmer, above colder. Chromaticity: Kim et al. 2002 (US patent 7024034), the cubic
    approximation of the Planckian locus; gains act on linear light.
    """

    kelvin: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        gains = _white(self.kelvin) / _white(NEUTRAL_K)
        gains /= gains @ LUMA
        return by_table(clip, to_levels(to_light(LEVELS)[:, None] * gains))


def _white(kelvin: float) -> NDArray[np.float64]:
    """Linear sRGB, at a luma of 1, of a black body of 1667 to 25,000 kelvin."""
    t = 1000 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    to_srgb = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    white: NDArray[np.float64] = np.maximum(to_srgb @ xyz, 1e-3)
    return white


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """``factor`` times as far from the grey of the same luma; 0 is grey."""

    factor: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        matrix = self.factor * np.eye(3) + (1 - self.factor) * LUMA
        return on_frames(clip, lambda frame, _: cv2.transform(frame, matrix))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hue:
    """Hue moved by ``turn`` times 360° in HSV (torchvision's ``adjust_hue``, −0.5…0.5)."""

    turn: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        def change(frame: Frame, _time: float) -> Frame:
            # In float: OpenCV's HSV in bytes has 2° steps and loses levels on the way.
            colour = cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2HSV)
            hue: NDArray[Any] = colour[..., 0]
            hue += 360 * self.turn
            hue[hue < 0] += 360
            hue[hue >= 360] -= 360
            back = cv2.cvtColor(colour, cv2.COLOR_HSV2RGB)
            return cv2.convertScaleAbs(back)

        return on_frames(clip, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vignette:
    """Darker towards the corners, which keep 1 − ``depth`` of their level; as cos⁴ of a lens."""

    depth: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        width, height = clip.video.width, clip.video.height
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        middle = (width - 1) / 2, (height - 1) / 2
        away = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (middle[0] ** 2 + middle[1] ** 2)
        # cos⁴ of the angle, whose tangent grows with the distance, is (1 + tan²)⁻².
        steep = (1 - self.depth) ** -0.5 - 1
        mask = np.repeat(((1 + steep * away) ** -2)[..., None], 3, axis=2)
        return on_frames(clip, lambda frame, _: cv2.multiply(frame, mask, dtype=cv2.CV_8U))


def _hue(turn: float, rng: np.random.Generator) -> Hue:
    return Hue(turn=within("turn", turn, 0, 0.5) * (1 if rng.random() < 0.5 else -1))


def _factor(factor: float) -> float:
    return within("factor", factor, 0.0, 10.0)


_photometric = partial(Attack, family="photometric")
ATTACKS: tuple[Attack, ...] = (
    _photometric(
        name="brightness",
        summary="all levels darker or brighter",
        unit="factor",
        ladder=(1.1, 0.9, 1.25, 0.75, 1.5, 0.5, 2.0, 0.25),
        default=1.5,
        draw=lambda s, _rng: Brightness(factor=_factor(s)),
    ),
    _photometric(
        name="contrast",
        summary="levels nearer to mid-grey, or farther",
        unit="factor",
        ladder=(1.1, 0.9, 1.25, 0.75, 1.5, 0.5, 2.0, 0.25),
        default=0.5,
        draw=lambda s, _rng: Contrast(factor=_factor(s)),
    ),
    _photometric(
        name="gamma",
        summary="a power of the levels",
        unit="exponent",
        ladder=(0.8, 1.25, 0.6, 1.6, 0.4, 2.2),
        default=1.6,
        draw=lambda s, _rng: Gamma(gamma=within("gamma", s, 0.1, 10)),
    ),
    _photometric(
        name="s_curve",
        summary="a film-like tone curve",
        unit="slope",
        ladder=(2.0, 4.0, 6.0, 10.0),
        default=4.0,
        draw=lambda s, _rng: SCurve(strength=within("slope", s, 0.1, 30)),
    ),
    _photometric(
        name="tone_map",
        summary="shadows lifted and highlights rolled off, as HDR modes do",
        unit="stops",
        ladder=(0.5, 1.0, 2.0, 3.0),
        default=1.0,
        draw=lambda s, _rng: ToneMap(stops=within("stops", s, 0, 8)),
    ),
    _photometric(
        name="white_balance",
        summary="a warmer or colder white",
        unit="kelvin",
        ladder=(5500.0, 8000.0, 4500.0, 10000.0, 3500.0, 15000.0),
        default=4500.0,
        draw=lambda s, _rng: WhiteBalance(kelvin=within("temperature", s, 1667, 25000)),
    ),
    _photometric(
        name="saturation",
        summary="paler or richer colours",
        unit="factor",
        ladder=(0.75, 1.25, 0.5, 1.5, 2.0, 0.0),
        default=1.5,
        draw=lambda s, _rng: Saturation(factor=_factor(s)),
    ),
    _photometric(
        name="hue",
        summary="colours turned either way",
        unit="turns",
        ladder=(0.02, 0.05, 0.1, 0.25, 0.5),
        default=0.1,
        draw=_hue,
    ),
    _photometric(
        name="grayscale",
        summary="no colour",
        unit="on",
        ladder=(1.0,),
        default=1.0,
        draw=lambda _s, _rng: Saturation(factor=0.0),
    ),
    _photometric(
        name="vignette",
        summary="darker corners",
        unit="share of the corners' level lost",
        ladder=(0.2, 0.4, 0.6, 0.8),
        default=0.4,
        draw=lambda s, _rng: Vignette(depth=within("depth", s, 0, 0.99)),
    ),
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Brightness, Contrast, Gamma, SCurve, ToneMap, WhiteBalance, Saturation, Hue, Vignette,
    )
}  # fmt: skip

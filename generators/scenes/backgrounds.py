"""What is behind and under the bodies: a :class:`View` in, sRGB (n, 3, T, H, W) in 0 to 1 out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from generators.scenes.lattice import uniform
from generators.scenes.view import View, cover, over, ramp, soft, waves

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_DEPTH = 0.26  # how far above the bodies' ground its far edge lies


def sky(view: View) -> Tensor:
    image = ramp(0.5 + 0.5 * view.sky_y, (0.86, 0.94, 0.97), (0.62, 0.83, 0.96), (0.33, 0.62, 0.90))
    drift = view.far_x - 0.03 * view.time_s
    for high, wide in ((1.22, 1.5), (0.92, 2.1)):
        image = over(image, (1.0, 1.0, 1.0), 0.9 * _clouds(view, drift, high, wide))
    hill = view.ground + 0.40 + waves(view.far_x, (0.10, 1.3, 0.4), (0.04, 3.1, 2.0))
    image = over(
        image,
        ramp((hill - view.y) * 2, (0.55, 0.77, 0.55), (0.42, 0.68, 0.45)),
        cover(view.y - hill, view.pixel),
    )
    return _floor(view, image, (0.47, 0.75, 0.38), (0.33, 0.62, 0.30), 0.0)


def room(view: View) -> Tensor:
    image = ramp(0.5 + 0.5 * view.sky_y, (0.84, 0.76, 0.66), (0.93, 0.87, 0.78))
    panel = torch.remainder(view.x + 3 * view.tint, 0.62) - 0.31
    image = over(image, (0.80, 0.71, 0.60), 0.45 * soft(panel.abs() - 0.012, 0.03))
    beam = view.x - 1.3 * view.light - 0.5 * (view.y - 0.4)
    image = over(image, (1.0, 0.97, 0.88), 0.5 * soft(beam.abs() - 0.36, 0.25))
    image = _floor(view, image, (0.60, 0.42, 0.28), (0.74, 0.54, 0.36), 0.0)
    below = (view.ground + _DEPTH - view.y).clamp(min=0)
    plank = torch.remainder(view.x / (0.55 + below), 0.42) - 0.21
    inside = cover(view.y - view.ground - _DEPTH, view.pixel)
    image = over(image, (0.42, 0.28, 0.18), 0.55 * inside * soft(plank.abs() - 0.006, 0.025))
    skirt = (view.y - view.ground - _DEPTH - 0.035).abs() - 0.035
    return over(image, (0.97, 0.94, 0.88), cover(skirt, view.pixel) + torch.zeros_like(view.x))


def night(view: View) -> Tensor:
    image = ramp(0.5 + 0.5 * view.sky_y, (0.20, 0.20, 0.42), (0.09, 0.10, 0.27), (0.03, 0.04, 0.13))
    cell = 0.2
    i, j = torch.floor(view.far_x / cell), torch.floor(view.y / cell)
    key = (i * 7919).to(torch.int32) + (j * 104729).to(torch.int32)
    at_x, at_y = uniform(key) * 0.7 + 0.15, uniform(key + 17) * 0.7 + 0.15
    far = torch.hypot(view.far_x / cell - i - at_x, view.y / cell - j - at_y) * cell
    twinkle = 0.65 + 0.35 * torch.sin(2.5 * view.time_s + 40 * at_x)
    size = 0.004 + 0.010 * uniform(key + 31) ** 2
    image = over(image, (0.96, 0.96, 1.0), twinkle * soft(far - size, 0.014))
    moon = torch.hypot(view.far_x - 0.75 * view.tint - 0.2, view.y - view.ground - 1.25)
    image = over(image, (0.55, 0.58, 0.80), 0.5 * torch.exp(-((moon / 0.34) ** 2)))
    image = over(image, (0.96, 0.95, 0.86), cover(moon - 0.15, view.pixel))
    hill = view.ground + 0.42 + waves(view.far_x, (0.12, 1.1, 1.0), (0.03, 4.3, 0.0))
    image = over(image, (0.08, 0.09, 0.22), cover(view.y - hill, view.pixel))
    return _floor(view, image, (0.17, 0.19, 0.38), (0.11, 0.12, 0.27), 0.0)


def sea(view: View) -> Tensor:
    image = ramp(0.5 + 0.5 * view.sky_y, (0.98, 0.93, 0.83), (0.70, 0.88, 0.93), (0.40, 0.70, 0.88))
    shore = view.ground + _DEPTH - 0.04
    horizon = shore + 0.42
    depth = ((horizon - view.y) / 0.42).clamp(0, 1)
    water = ramp(depth, (0.13, 0.42, 0.62), (0.16, 0.58, 0.70), (0.40, 0.80, 0.80))
    ripple = torch.sin(
        (30 - 22 * depth) * view.far_x + 5 * torch.sin(34 * depth**0.6 - 1.6 * view.time_s)
    ) * torch.sin(58 * depth**0.6 - 2.1 * view.time_s)
    water = over(water, (0.93, 0.98, 0.98), 0.55 * soft(0.62 - ripple, 0.35))
    image = over(image, water, cover(view.y - horizon, view.pixel))
    beach = shore + 0.035 * torch.sin(1.9 * view.x + 0.5) + 0.03 * torch.sin(1.1 * view.time_s)
    sand = ramp((beach - view.y) * 1.6, (0.90, 0.80, 0.62), (0.95, 0.86, 0.68))
    image = over(image, (1.0, 1.0, 1.0), 0.9 * soft(view.y - beach - 0.035, 0.03))
    return over(image, sand, soft(view.y - beach, 0.03))


def paper(view: View) -> Tensor:
    fibre = waves(view.x * 7 + 3 * view.y, (0.5, 1.7, 0), (0.5, 4.1, 1)) * torch.sin(9 * view.y)
    image = ramp(0.5 + 0.12 * fibre, (0.93, 0.90, 0.82), (0.98, 0.96, 0.90))
    rule = torch.remainder(view.y - view.ground, 0.24)
    rule = torch.minimum(rule, 0.24 - rule) + torch.zeros_like(view.x)
    image = over(image, (0.62, 0.74, 0.86), 0.55 * cover(rule - 0.005, view.pixel.clamp(min=0.012)))
    line = (view.y - view.ground - 0.008 * torch.sin(5 * view.x)).abs() - 0.010
    return over(image, (0.30, 0.29, 0.32), 0.85 * cover(line, view.pixel))


def grid(view: View) -> Tensor:
    far = torch.hypot(view.x, view.y)
    image = ramp(far / 2.2, (0.13, 0.30, 0.52), (0.05, 0.13, 0.30))
    for period, alpha in ((0.1, 0.10), (0.4, 0.38)):
        for axis in (view.x, view.y - view.ground):
            line = torch.remainder(axis, period)
            line = torch.minimum(line, period - line)
            image = over(
                image, (0.62, 0.82, 1.0), alpha * cover(line - 0.004, view.pixel.clamp(min=0.014))
            )
    return over(
        image,
        (0.90, 0.96, 1.0),
        0.9 * cover((view.y - view.ground + 0.012).abs() - 0.012, view.pixel),
    )


def forest(view: View) -> Tensor:
    image = ramp(0.5 + 0.5 * view.sky_y, (0.90, 0.94, 0.80), (0.70, 0.85, 0.76))
    layers = (
        (0.95, 0.35, 3.2, (0.58, 0.75, 0.62)),
        (0.70, 0.55, 2.3, (0.37, 0.58, 0.45)),
        (0.46, 0.80, 1.6, (0.20, 0.40, 0.29)),
    )
    for index, (high, follow, spread, colour) in enumerate(layers):
        x = (view.far_x + follow * (view.x - view.far_x)) * spread + 2.7 * index + view.tint
        saw = (torch.remainder(x * 1.7, 1) - 0.5).abs() * 2
        tall = 0.55 + 0.45 * uniform(torch.floor(x * 1.7).to(torch.int32) + 101 * index)
        top = view.ground + high * (0.62 + 0.38 * (1 - saw) * tall) + 0.05 * torch.sin(x * 0.7)
        image = over(image, colour, cover((view.y - top) * 0.6, view.pixel))
    return _floor(view, image, (0.30, 0.46, 0.24), (0.40, 0.56, 0.28), 0.35)


def sunset(view: View) -> Tensor:
    image = ramp(
        0.5 + 0.5 * view.sky_y,
        (0.99, 0.78, 0.45),
        (0.98, 0.62, 0.40),
        (0.86, 0.40, 0.45),
        (0.45, 0.25, 0.50),
    )
    sun = torch.hypot(view.far_x - 0.5 * view.tint, view.y - view.ground - 0.55)
    image = over(image, (1.0, 0.86, 0.55), 0.75 * torch.exp(-((sun / 0.6) ** 2)))
    image = over(image, (1.0, 0.95, 0.78), cover(sun - 0.26, view.pixel))
    for high, follow, colour in ((0.50, 0.9, (0.62, 0.29, 0.40)), (0.36, 1.7, (0.42, 0.19, 0.34))):
        x = view.far_x * follow + 3 * high
        hill = view.ground + high + waves(x, (0.13, 1.5, 0.3), (0.05, 3.7, 1.1))
        image = over(image, colour, cover(view.y - hill, view.pixel))
    return _floor(view, image, (0.40, 0.20, 0.32), (0.30, 0.14, 0.27), 0.0)


def studio(view: View) -> Tensor:
    spot = torch.hypot((view.x - 0.5 * view.light) / 1.7, (view.y - 0.15) / 1.25)
    turn = 2 * math.pi * (0.5 + 0.45 * view.tint)
    hue = torch.stack([0.5 + 0.5 * torch.cos(turn + shift) for shift in (0.0, 2.1, 4.2)], dim=1)
    light, dark = 0.72 + 0.20 * hue, 0.40 + 0.24 * hue
    image = over(light, dark, (spot * 0.8).clamp(0, 1))
    edge = soft(view.y - view.ground - 0.16, 0.34)
    return over(image, 0.30 + 0.66 * light, 0.65 * edge * torch.exp(-((view.x / 1.9) ** 2)))


BACKGROUNDS: dict[str, Callable[[View], Tensor]] = {
    "sky": sky,
    "room": room,
    "night": night,
    "sea": sea,
    "paper": paper,
    "grid": grid,
    "forest": forest,
    "sunset": sunset,
    "studio": studio,
}


def _clouds(view: View, x: Tensor, high: float, wide: float) -> Tensor:
    """One cloud in most cells of the width ``wide``: four discs that share a flat foot."""
    cell = torch.floor(x / wide)
    key = cell.to(torch.int32) * 7919 + int(high * 1000)
    size = 0.13 + 0.07 * uniform(key)
    u = (x - (cell + 0.3 + 0.4 * uniform(key + 5)) * wide) / size
    v = (view.y - view.ground - high - 0.16 * uniform(key + 9)) / size
    distance = torch.hypot(u, v - 0.35) - 0.85
    for at, radius in ((-1.05, 0.58), (0.95, 0.66), (1.75, 0.40)):
        distance = torch.minimum(distance, torch.hypot(u - at, v - radius + 0.5) - radius)
    distance = torch.maximum(distance, -v - 0.5)
    seen = (uniform(key + 3) < 0.75) & (view.y > view.ground)
    return cover(distance * size, view.pixel) * seen


def _floor(
    view: View,
    image: Tensor,
    far: tuple[float, float, float],
    near: tuple[float, float, float],
    rough: float,
) -> Tensor:
    """A ground that reaches from the far edge down to the bottom, lighter or darker on the way."""
    edge = view.ground + _DEPTH
    if rough:
        edge = edge + rough * waves(view.x, (0.05, 7.0, 0.0), (0.04, 17.0, 1.0))
    return over(image, ramp((edge - view.y) / 0.65, far, near), cover(view.y - edge, view.pixel))

"""What is painted on a body: how much of its second colour shows at each point, 0 to 1.

Each takes x and y in units of the body's size (turning with it) and the size of a pixel in the same
units, over which edges are spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def plain(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    del y, pixel
    return torch.zeros_like(x)


def stripes(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    return _edge(_wave(0.8 * x + 0.6 * y, 0.62), pixel)


def checker(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    a, b = _edge(_wave(x, 0.84), pixel), _edge(_wave(y, 0.84), pixel)
    return a + b - 2 * a * b


def dots(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    """Discs on a grid of which every second row is shifted by a half."""
    row = torch.round(y / 0.5)
    x = torch.remainder(x + 0.29 * torch.remainder(row, 2), 0.58) - 0.29
    return _edge(0.16 - torch.hypot(x, y - 0.5 * row), pixel)


def noise(x: Tensor, y: Tensor, pixel: Tensor) -> Tensor:
    """Marble: bent waves with soft edges."""
    bend = 0.35 * torch.sin(3.1 * y + 1.3) + 0.22 * torch.sin(5.3 * x - 2.4 * y)
    veins = torch.sin(5.2 * (0.6 * x + 0.8 * y + bend))
    del pixel
    return (0.5 + 0.75 * veins).clamp(0, 1)


TEXTURES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "plain": plain,
    "stripes": stripes,
    "checker": checker,
    "dots": dots,
    "noise": noise,
}


def _wave(x: Tensor, period: float) -> Tensor:
    """Distance to the nearest edge of bands of half a period, positive in every other band."""
    part = torch.remainder(x / period, 1.0)
    return ((part - 0.5).abs() - 0.25) * period


def _edge(distance: Tensor, pixel: Tensor) -> Tensor:
    return (0.5 + distance / pixel).clamp(0, 1)

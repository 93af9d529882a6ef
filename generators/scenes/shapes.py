"""Signed distances of the shapes: negative inside, exact or nearly so near the outline.

Each takes x and y (any shape, in units of the body's size, y up) and returns the distance in the
same units. The formulas are those of I. Quilez, "2D distance functions", written anew for tensors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from generators.scenes.shape_extents import EXTENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_ROUND = 0.10  # radius of rounded corners


def ball(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1


def box(x: Tensor, y: Tensor) -> Tensor:
    return _rectangle(x, y, EXTENTS["box"][2], EXTENTS["box"][0])


def triangle(x: Tensor, y: Tensor) -> Tensor:
    """Equal sides, one flat at the foot."""
    return _polygon(x, y, 3, EXTENTS["triangle"][0])


def star(x: Tensor, y: Tensor) -> Tensor:
    """Five points, one up."""
    outer, n = EXTENTS["star"][1], 5
    inner = outer * 0.52
    radius, angle = torch.hypot(x, y), torch.atan2(x, y)
    angle = (torch.remainder(angle + math.pi / n, 2 * math.pi / n) - math.pi / n).abs()
    px, py = radius * angle.sin(), radius * angle.cos()
    # The edge from the point (0, outer) to the notch, half a turn of the star away.
    ex, ey = inner * math.sin(math.pi / n), inner * math.cos(math.pi / n) - outer
    along = ((px * ex + (py - outer) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
    distance = torch.hypot(px - along * ex, py - outer - along * ey)
    return torch.where(px * -ey + (py - outer) * ex < 0, -distance, distance)


def ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.74).abs() - 0.26


def capsule(x: Tensor, y: Tensor) -> Tensor:
    radius = EXTENTS["capsule"][0]
    return torch.hypot((x.abs() - (EXTENTS["capsule"][2] - radius)).clamp(min=0), y) - radius


def heart(x: Tensor, y: Tensor) -> Tensor:
    """A square on its corner with two half discs."""
    scale = 1.66
    x, y = x.abs() / scale, y / scale + EXTENTS["heart"][0] / scale
    top = torch.hypot(x - 0.25, y - 0.75) - math.sqrt(2) / 4
    along = (x + y).clamp(min=0) / 2
    low = torch.minimum(torch.hypot(x, y - 1), torch.hypot(x - along, y - along))
    low = low * torch.sign(x - y)
    return torch.where(x + y > 1, top, low) * scale


def cross(x: Tensor, y: Tensor) -> Tensor:
    reach = EXTENTS["cross"][0]
    return torch.minimum(
        _rectangle(x, y, reach, 0.38 * reach), _rectangle(x, y, 0.38 * reach, reach)
    )


SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ball": ball,
    "box": box,
    "triangle": triangle,
    "star": star,
    "ring": ring,
    "capsule": capsule,
    "heart": heart,
    "cross": cross,
}


def bar(x: Tensor, y: Tensor, ends: tuple[Tensor, ...], radius: Tensor) -> Tensor:
    """Distance to a line from (x0, y0) to (x1, y1) of half the thickness ``radius``."""
    x0, y0, x1, y1 = ends
    dx, dy = x1 - x0, y1 - y0
    along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy).clamp(min=1e-9)
    along = along.clamp(0, 1)
    return torch.hypot(x - x0 - along * dx, y - y0 - along * dy) - radius


def _rectangle(x: Tensor, y: Tensor, half_x: float, half_y: float) -> Tensor:
    dx, dy = x.abs() - (half_x - _ROUND), y.abs() - (half_y - _ROUND)
    outside = torch.hypot(dx.clamp(min=0), dy.clamp(min=0))
    return outside + torch.maximum(dx, dy).clamp(max=0) - _ROUND


def _polygon(x: Tensor, y: Tensor, n: int, inner: float) -> Tensor:
    """Regular, a side at the foot; ``inner`` is the distance of the sides from the middle."""
    radius, angle = torch.hypot(x, y), torch.atan2(x, -y)
    angle = torch.remainder(angle + math.pi / n, 2 * math.pi / n) - math.pi / n
    across, out = radius * angle.sin(), radius * angle.cos()
    flat = inner - _ROUND
    half = flat * math.tan(math.pi / n)
    outside = torch.hypot((across.abs() - half).clamp(min=0), (out - flat).clamp(min=0))
    return outside + (out - flat).clamp(max=0) - _ROUND

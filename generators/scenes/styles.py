"""How bodies and backgrounds look in each style.

A :class:`Look` paints one layer of bodies over the picture and changes the background before.
Colours are sRGB in 0 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F

from generators.scenes.view import View, cover, over, soft

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_PAPER = (0.975, 0.965, 0.935)
_INK = (0.16, 0.15, 0.19)
# Widths of the bevel in units of the size: what is round is round all over.
BEVELS = {"ball": 1.0, "ring": 0.26, "capsule": 0.58, "heart": 0.5, "star": 0.4}
BEVEL = 0.3
# How much, and how sharply, a material shines.
SHINE = {
    "wood": (0.10, 14.0),
    "metal": (0.65, 34.0),
    "glass": (0.75, 70.0),
    "rubber": (0.16, 12.0),
    "stone": (0.06, 9.0),
}


class Layer(NamedTuple):
    """One body in each of n scenes.

    ``distance`` to the outline, in the picture's units, and the body's own coordinates ``u`` and
    ``v`` (n, T, H, W), in its size; ``paint`` (n, 3, T, H, W) the textured colour, ``rgb``
    (n, 3, 1, 1, 1) the plain one; ``size``, ``bevel``, ``shine``, ``sharp`` (n, 1, 1, 1).
    """

    distance: Tensor
    u: Tensor
    v: Tensor
    paint: Tensor
    rgb: Tensor
    size: Tensor
    bevel: Tensor
    shine: Tensor
    sharp: Tensor


class Look(NamedTuple):
    """A style: what it does to the background, and how it paints a layer of bodies over it."""

    background: Callable[[Tensor, View], Tensor]
    body: Callable[[Tensor, View, Layer], Tensor]
    shadow: float


def _same(image: Tensor, view: View) -> Tensor:
    del view
    return image


def _flat_body(image: Tensor, view: View, layer: Layer) -> Tensor:
    # A second, darker tone on the side away from the light, and a hint of a gradient.
    away = -0.8 * layer.v - 0.6 * view.light * layer.u
    shade = 1 - 0.07 * (0.5 + 0.5 * away).clamp(0, 1) - 0.12 * soft(0.42 - away, 0.06)
    return over(image, layer.paint * shade.unsqueeze(1), cover(layer.distance, view.pixel))


def _shaded_body(image: Tensor, view: View, layer: Layer) -> Tensor:
    """A solid with a round edge, under a key light, the sky and light from the ground."""
    d = layer.distance
    gx, gy = _slope(d, view.pixel)
    width = layer.bevel * layer.size
    flatness = (1 + d / width).clamp(0, 1)
    nx, ny = gx * flatness, gy * flatness
    nz = (1 - flatness * flatness).clamp(min=0.0).sqrt()
    # The key light stands up and in front; half-way to the eye is where it shines.
    lx, ly, lz = 0.62 * view.light, 0.66, 0.62
    length = (lx * lx + ly * ly + lz * lz).sqrt()
    key = ((nx * lx + ny * ly + nz * lz) / length).clamp(min=0)
    half = (lx * lx + ly * ly + (lz + length) ** 2).sqrt()
    gleam = ((nx * lx + ny * ly + nz * (lz + length)) / half).clamp(min=0) ** layer.sharp
    glow = 0.42 + 0.14 * ny + 0.10 * (-ny).clamp(min=0)
    lit = layer.paint * (glow + 0.72 * key).unsqueeze(1)
    lit = lit + (layer.shine * gleam + 0.16 * (1 - nz) ** 3 * (0.5 + 0.5 * ny)).unsqueeze(1)
    return over(image, lit.clamp(0, 1), cover(d, view.pixel))


def _pencil_background(image: Tensor, view: View) -> Tensor:
    luma = image[:, 0] * 0.3 + image[:, 1] * 0.59 + image[:, 2] * 0.11
    strokes = 0.5 + 0.5 * torch.sin((view.far_x * 0.8 + view.y * 0.6) * 62)
    keep = 0.44 - 0.13 * strokes * (1.15 - luma)
    return over(image, _PAPER, 1 - keep.clamp(0.1, 0.6))


def _pencil_body(image: Tensor, view: View, layer: Layer) -> Tensor:
    d = layer.distance
    strokes = 0.5 + 0.5 * torch.sin((layer.u * 0.83 - layer.v * 0.55) * 22)
    shade = (0.55 - 0.5 * layer.v - 0.3 * layer.u * view.light).clamp(0, 1)
    fill = over(layer.paint, _PAPER, (0.30 * strokes * (1 - 0.6 * shade)).clamp(0, 1))
    fill = fill * (1 - 0.16 * shade * (1 - strokes)).unsqueeze(1)
    image = over(image, fill, cover(d, view.pixel))
    wobble = 0.012 + 0.005 * torch.sin(9 * layer.u + 7 * layer.v)
    return over(image, _INK, 0.85 * cover(d.abs() - wobble, view.pixel))


def _neon_background(image: Tensor, view: View) -> Tensor:
    del view
    return image * 0.26 * image.new_tensor((0.85, 0.75, 1.15)).view(1, 3, 1, 1, 1)


def _neon_body(image: Tensor, view: View, layer: Layer) -> Tensor:
    d = layer.distance
    image = over(image, layer.paint * 0.40, cover(d, view.pixel))
    near = d.abs()
    tube = cover(near - 0.017, view.pixel)
    halo = 0.75 * torch.exp(-near / 0.055) + 0.22 * torch.exp(-near / 0.22)
    image = image + layer.rgb * halo.unsqueeze(1)
    return over(image, 0.35 + 0.75 * layer.rgb, 0.9 * tube).clamp(0, 1)


STYLES = {
    "flat": Look(_same, _flat_body, 0.8),
    "shaded": Look(_same, _shaded_body, 1.0),
    "pencil": Look(_pencil_background, _pencil_body, 0.75),
    "neon": Look(_neon_background, _neon_body, 0.3),
    "film": Look(_same, _shaded_body, 1.0),
}


def graded(image: Tensor, view: View) -> Tensor:
    """The colours of a film print: warm lights, teal shadows, corners that fall off."""
    luma = (image[:, 0] * 0.3 + image[:, 1] * 0.59 + image[:, 2] * 0.11).unsqueeze(1)
    warm = image.new_tensor((1.06, 1.0, 0.86)).view(1, 3, 1, 1, 1)
    cool = image.new_tensor((0.88, 1.0, 1.06)).view(1, 3, 1, 1, 1)
    image = 0.78 * image + 0.22 * luma
    image = image * (cool + (warm - cool) * luma)
    image = 0.035 + 0.93 * image
    corner = 0.18 * (view.sky_x**2 + view.sky_y**2) ** 1.5
    return image * (1 - corner).unsqueeze(1)


def _slope(d: Tensor, pixel: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of a distance (x to the right, y up), of length 1 at most."""
    wide = F.pad(d, (1, 1, 1, 1), mode="replicate")
    scale = 0.5 / pixel
    gx = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) * scale
    gy = (wide[..., :-2, 1:-1] - wide[..., 2:, 1:-1]) * scale
    length = torch.hypot(gx, gy).clamp(min=1)
    return gx / length, gy / length

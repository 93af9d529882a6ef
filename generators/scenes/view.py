"""What a camera sees: coordinates of all pixels, kept apart by axis, so that they cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor


class View(NamedTuple):
    """Coordinates of n scenes over T frames in units of :class:`generators.scenes.spec.Body`.

    ``x`` (n, T, 1, W) and ``y`` (n, T, H, 1) of the plane that the bodies move in; ``far_x`` of the
    distance, which follows the camera less; ``sky_x`` (1, 1, 1, W) and ``sky_y`` (1, 1, H, 1) from
    -1 at the left or bottom to 1 at the right or top of the frame; ``pixel``, ``ground``,
    ``light`` and ``tint`` (n, T or 1, 1, 1); ``time_s`` (1, T, 1, 1).
    """

    x: Tensor
    y: Tensor
    far_x: Tensor
    sky_x: Tensor
    sky_y: Tensor
    pixel: Tensor
    ground: Tensor
    light: Tensor
    tint: Tensor
    time_s: Tensor


def ramp(t: Tensor, *stops: tuple[float, float, float]) -> Tensor:
    """Colours (n, 3, …) for ``t`` (n, …): 0 is the first stop, 1 the last, linear in between."""
    colours = t.new_tensor(stops)
    place = t.clamp(0, 1).unsqueeze(1) * (len(stops) - 1)
    shape = (1, 3, *([1] * (t.ndim - 1)))
    result = colours[0].view(shape)
    for index in range(len(stops) - 1):
        step = (colours[index + 1] - colours[index]).view(shape)
        result = result + step * (place - index).clamp(0, 1)
    return result


def over(base: Tensor, colour: Tensor | tuple[float, float, float], alpha: Tensor) -> Tensor:
    """``colour`` over ``base`` (n, 3, …), as far as ``alpha`` (n, …) says."""
    if isinstance(colour, tuple):
        colour = base.new_tensor(colour).view(1, 3, *([1] * (base.ndim - 2)))
    return base + (colour - base) * alpha.unsqueeze(1)


def cover(distance: Tensor, pixel: Tensor) -> Tensor:
    """How much of a pixel lies inside, from the signed distance of its middle to the outline."""
    return (0.5 - distance / pixel).clamp(0, 1)


def soft(distance: Tensor, width: float) -> Tensor:
    """As :func:`cover`, with an edge that is blurred over ``width``."""
    t = (0.5 - distance / width).clamp(0, 1)
    return t * t * (3 - 2 * t)


def waves(x: Tensor, *terms: tuple[float, float, float]) -> Tensor:
    """Sum of amplitude · sin(frequency · x + phase)."""
    result = torch.zeros_like(x)
    for amplitude, frequency, phase in terms:
        result = result + amplitude * torch.sin(frequency * x + phase)
    return result

"""Our reader's first step as a differentiable function: what an attacker who has it descends on.

The same arithmetic as :class:`provenance.watermark.carrier.MatchedFilterExtractor`, which is public
code, in torch, so that gradients flow from the map of the mark's sign back to the luma.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from provenance.watermark.tile import CELLS_PER_SHORT_SIDE

PIXELS_PER_CELL = 2
_BLOCK = 4
_LOW_BANDS = 3
_ENERGY_WINDOW = 7
_NOISE_FLOOR = 6.0  # levels²


def listen(luma: torch.Tensor) -> torch.Tensor:
    """The map of the mark's sign, (B, 1, h, w), in ``luma`` (B, 1, H, W), 0…255, any float type.

    The luma is brought to 240 pixels on the short side first, two a cell, as the reader does;
    h and w are that size. Positive where the pattern is more likely to be positive.
    """
    height, width = luma.shape[-2:]
    scale = PIXELS_PER_CELL * CELLS_PER_SHORT_SIDE / min(height, width)
    size = (max(8, round(height * scale)), max(8, round(width * scale)))
    return soft_map(resized(luma, size))


def resized(luma: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """``luma`` (B, 1, H, W) at ``size`` (h, w): mean over the area to shrink, else linear.

    OpenCV's ``INTER_AREA`` for any factor, as two products with matrices.
    """
    height, width = luma.shape[-2:]
    if (height, width) == size:
        return luma
    if size[1] >= width:
        return functional.interpolate(luma, size, mode="bilinear", align_corners=False)
    down = _area(height, size[0]).to(luma)
    across = _area(width, size[1]).to(luma)
    return down @ luma @ across.T


def soft_map(luma: torch.Tensor) -> torch.Tensor:
    """The map for ``luma`` (B, 1, h, w) with two pixels a cell: locally whitened low bands of a
    sliding 4 × 4 DCT, put together again by the adjoint transform.
    """
    kernels = _bands().to(luma)
    count = len(kernels)
    before, after = _BLOCK // 2, _BLOCK - 1 - _BLOCK // 2
    bands = functional.conv2d(_padded(luma, before, after), kernels)
    half = _ENERGY_WINDOW // 2
    energy = functional.avg_pool2d(_padded(bands * bands, half, half), _ENERGY_WINDOW, stride=1)
    heard = bands / (energy + _NOISE_FLOOR)
    adjoint = kernels.flip(-1, -2).transpose(0, 1)
    assert adjoint.shape == (1, count, _BLOCK, _BLOCK)
    return functional.conv2d(_padded(heard, after, before), adjoint)


def _bands() -> torch.Tensor:
    """(8, 1, 4, 4): the lowest kernels of the orthonormal DCT without the mean."""
    steps = torch.arange(_BLOCK, dtype=torch.float64)
    orders = torch.arange(_LOW_BANDS, dtype=torch.float64)[:, None]
    basis = torch.cos(torch.pi * (2 * steps + 1) * orders / (2 * _BLOCK))
    basis = basis * torch.where(orders == 0, 1 / _BLOCK, 2 / _BLOCK).sqrt()
    kernels = torch.einsum("vy,ux->vuyx", basis, basis).reshape(-1, 1, _BLOCK, _BLOCK)
    return kernels[1:]


def _padded(planes: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """Mirrored at the edges, the outermost row and column twice: OpenCV's ``BORDER_REFLECT``."""
    for axis in (-2, -1):
        size = planes.shape[axis]
        first = planes.narrow(axis, 0, before).flip(axis)
        last = planes.narrow(axis, size - after, after).flip(axis)
        planes = torch.cat([first, planes, last], dim=axis)
    return planes


def _area(source: int, target: int) -> torch.Tensor:
    """(target, source): the share that each source pixel has of each target pixel."""
    step = source / target
    start = torch.arange(target, dtype=torch.float64)[:, None] * step
    place = torch.arange(source, dtype=torch.float64)[None]
    overlap = torch.minimum(start + step, place + 1) - torch.maximum(start, place)
    return overlap.clamp_min(0) / step

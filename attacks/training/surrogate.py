"""A video codec that gradients pass through: transform, quantise, predict from the last frame.

Modelled on x264 (Merritt & Vanam 2006; libx264's ratecontrol.c and macroblock.c): quantiser step
0.625·2^(QP/6); adaptive quantisation by the macroblock's variance (aq-mode 1); dead zones of 1/3
(intra) and 1/6 (inter); inter frames code only what the motion-compensated last frame misses;
edges between blocks are smoothed. No entropy coder: the rate follows from CRF as in x264.
How well it agrees with x264 is measured in docs/training.md.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

_MACROBLOCK = 16


@lru_cache(maxsize=16)
def _basis(size: int, device: torch.device) -> Tensor:
    """Orthonormal two-dimensional DCT-II of a block as one matrix, (size², size²).

    One product with this is far faster on a GPU than two with the one-dimensional matrix.
    """
    frequency = torch.arange(size, dtype=torch.float64)[:, None]
    place = torch.arange(size, dtype=torch.float64)[None]
    basis = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * size)) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return torch.kron(basis, basis).float().to(device)


def quantise(values: Tensor, step: Tensor, rounding: float) -> Tensor:
    """Dead-zone quantisation. The gradient is 1 where something is left, a quarter where not.

    A plain straight-through estimator would tell the embedder that a coefficient in the dead zone
    arrives; a true derivative, that nothing it does matters. Neither trains well.
    """
    scaled = values / step
    level = (scaled.abs() + rounding).floor() * scaled.sign()
    slope = torch.where(level == 0, 0.25, 1.0)
    return step * (level.detach() + slope * (scaled - scaled.detach()))


def code_blocks(picture: Tensor, step: Tensor, *, block: int, rounding: float) -> Tensor:
    """(B, 1, H, W) in levels, ``step`` (B, 1, H/16, W/16) → the same, quantised block by block."""
    count, _, height, width = picture.shape
    basis = _basis(block, picture.device)
    blocks = picture.reshape(count, height // block, block, width // block, block)
    blocks = blocks.transpose(2, 3).flatten(3)  # (B, rows, columns, block²)
    times = _MACROBLOCK // block
    fine = step[:, 0].repeat_interleave(times, 1).repeat_interleave(times, 2)[..., None]
    back = quantise(blocks @ basis.T, fine, rounding) @ basis
    back = back.reshape(count, height // block, width // block, block, block)
    return back.transpose(2, 3).reshape(count, 1, height, width)


def adaptive_offset(host: Tensor) -> Tensor:
    """QP offset of every macroblock, (B, 1, H/16, W/16): flat ones finer, textured ones coarser."""
    mean = functional.avg_pool2d(host, _MACROBLOCK)
    power = functional.avg_pool2d(host * host, _MACROBLOCK) - mean * mean
    energy = (power * _MACROBLOCK**2).clamp_min(1.0)
    return (1.0397 * (energy.log2() - 14.427)).clamp(-12.0, 6.0)


def smooth_edges(picture: Tensor, step: Tensor, block: int) -> Tensor:
    """Deblocking: pull together what lies on both sides of a block edge, by at most a third of
    the step, and only where the jump is small enough to be the codec's own.
    """
    limit = functional.interpolate(step, scale_factor=_MACROBLOCK, mode="nearest")
    for dimension in (-1, -2):
        size = picture.shape[dimension]
        before = torch.arange(block - 1, size - 1, block, device=picture.device)
        p1, p0, q0, q1 = (picture.index_select(dimension, before + near) for near in range(-1, 3))
        allowed = limit.index_select(dimension, before)
        jump = q0 - p0
        pull = (4 * jump + (p1 - q1)) / 8
        pull = torch.maximum(torch.minimum(pull, allowed / 12), -allowed / 12)
        pull = torch.where(jump.abs() < allowed, pull, 0.0)
        picture = picture.index_add(dimension, before, pull)
        picture = picture.index_add(dimension, before + 1, -pull)
    return picture


def _move(picture: Tensor, poses: Tensor, last_poses: Tensor) -> Tensor:
    """The last frame as the camera's motion says that it looks now (bicubic, like 6 taps)."""
    # Affine inverse by hand: a solver on the GPU makes the host wait for it in every step.
    turn, shift = last_poses[:, :2, :2], last_poses[:, :2, 2:]
    (a, b), (c, d) = turn[:, 0].unbind(1), turn[:, 1].unbind(1)
    inverse = torch.stack([d, -b, -c, a], 1).reshape(-1, 2, 2) / (a * d - b * c)[:, None, None]
    motion = inverse @ torch.cat([poses[:, :2, :2], poses[:, :2, 2:] - shift], 2)
    grid = functional.affine_grid(motion, list(picture.shape), align_corners=False)
    return functional.grid_sample(
        picture, grid, mode="bicubic", padding_mode="border", align_corners=False
    )


def code_video(
    frames: Tensor, host: Tensor, poses: Tensor, qp: Tensor, *, block: int = 8, drop: float = 2.0
) -> Tensor:
    """What a player shows of frames (B, T, 1, H, W), levels, H and W multiples of 16.

    ``host``: one unmarked frame each (B, 1, H, W), for the adaptive quantiser. ``poses``: the
    camera, (B, T, 3, 3). ``qp``: (B,), of the first frame; later frames are ``drop`` coarser.
    """
    offset = adaptive_offset(host)
    step = 0.625 * torch.exp2((qp.reshape(-1, 1, 1, 1) + offset).clamp(0, 51) / 6)
    later = step * 2 ** (drop / 6)
    # 128 is taken off so that the quantiser's dead zone treats dark and bright alike.
    shown = code_blocks(frames[:, 0] - 128, step, block=block, rounding=1 / 3) + 128
    shown = smooth_edges(shown, step, block)
    out = [shown]
    for time in range(1, frames.shape[1]):
        predicted = _move(shown, poses[:, time], poses[:, time - 1])
        missed = frames[:, time] - predicted
        shown = predicted + code_blocks(missed, later, block=block, rounding=1 / 6)
        shown = smooth_edges(shown, later, block)
        out.append(shown)
    return torch.stack(out, 1)

"""Peak signal-to-noise ratio: what a codec loses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def psnr_db(reference: Tensor, other: Tensor, *, data_range: float) -> Tensor:
    """(B,) decibels over all else of (B, …) tensors; ``data_range`` is 2 for pictures in [-1, 1].

    Infinite where both are the same.
    """
    error = (reference.double() - other.double()).pow(2).flatten(1).mean(dim=1)
    return 10 * torch.log10(data_range**2 / error)


def pooled_psnr_db(made: Tensor, wanted: Tensor) -> Tensor:
    """One figure for a whole batch of pictures in [-1, 1], on the device, as training logs it;
    ``made`` is clipped first.
    """
    return -10 * torch.log10((made.clamp(-1, 1) - wanted).square().mean() / 4 + 1e-10)

"""The bottleneck of the codecs: latents of mean 0 and variance 1 in every channel.

Flow matching starts from unit noise, so it wants latents of unit size; a KL term would buy that
with a weight to tune and with channels that die. Here each channel is normalised by its own
statistics while training, by the stored ones afterwards, and noise of a known size is added while
training. That is a Gaussian channel of fixed capacity: at a noise of 0.1, 3.3 bits a value. The
decoder learns to read latents that are a little off, as those of a generator are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MOMENTUM = 0.02
_EPSILON = 1e-5


class UnitLatent(nn.Module):
    """(B, C, …) → (B, C, …), mean 0 and variance 1 a channel over the training's data."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.momentum = _MOMENTUM

    def forward(self, x: Tensor, *, noise: float = 0.0) -> Tensor:
        """``noise``: the largest standard deviation of what is added; each sample draws its own."""
        x = x.float()
        shape = (1, -1, *(1,) * (x.ndim - 2))
        if self.training:
            axes = [axis for axis in range(x.ndim) if axis != 1]
            variance, mean = torch.var_mean(x, axes, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance, self.momentum)
        else:
            mean, variance = self.mean, self.variance
        unit = (x - mean.view(shape)) * (variance.view(shape) + _EPSILON).rsqrt()
        if noise > 0:
            level = noise * torch.rand(x.shape[0], *(1,) * (x.ndim - 1), device=x.device)
            unit = unit + level * torch.randn_like(unit)
        return unit

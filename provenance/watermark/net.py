"""The two nets of the watermark: one lays the pattern into the picture, one finds it again.

Not in use yet: docs/watermark.md says why. Both are fully convolutional and know no key, payload
or geometry; they turn "the sign of this cell" into a change of luma that survives, and a damaged
luma back into a log-likelihood.

Working size: short side 480 px, one cell of the pattern is ``CELL_PX`` px a side. Everything heavy
runs on a quarter of that resolution (one position a cell), which is what two CPU cores can afford.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import cast

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from provenance.watermark.jnd import DEFAULT_BOUND, Bound, amplitude

CELL_PX = 4
"""Side of a cell in working pixels."""

DEFAULT_PSNR_DB = 44.0
"""Mean luma PSNR that the residual of a frame does not fall below."""

Plane = NDArray[np.float32]
Embed = Callable[[Plane, Plane], Plane]
Extract = Callable[[Plane], Plane]

_FOLD = 4  # pixels a side that become channels
_MULTIPLE = 8  # the nets halve the folded picture once more


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSizes:
    """Channels (at a quarter of the resolution; twice that at an eighth) and depth of both nets."""

    embed: int = 40
    embed_deep: int = 2
    extract: int = 64
    extract_deep: int = 3


DEFAULT_SIZES = NetSizes()


def smooth_pattern(cells: Tensor) -> Tensor:
    """Cells (B, 1, h, w), ±1, to the pattern in working pixels, (B, 1, 4h, 4w), in −1…1.

    Smoothed by a binomial of 5 taps: steps would only feed frequencies that no codec keeps.
    """
    pattern = functional.interpolate(cells, scale_factor=CELL_PX, mode="nearest")
    pattern = functional.pad(pattern, (2, 2, 2, 2), mode="replicate")
    for _ in range(4):  # 1 4 6 4 1 is 1 1 four times
        pattern = functional.avg_pool2d(pattern, 2, 1)
    return pattern


def _conv(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Residual(nn.Module):
    """x + f(x), two 3×3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(x + self.second(functional.silu(self.first(x))))


class Trunk(nn.Module):
    """A U of two levels over the folded picture: (B, inputs, h, w) → (B, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, width: int, deep: int) -> None:
        super().__init__()
        self.stem = _conv(inputs, width)
        self.near = Residual(width)
        self.down = _conv(width, 2 * width, stride=2)
        self.far = nn.Sequential(*(Residual(2 * width) for _ in range(deep)))
        self.up = _conv(2 * width, width, size=1)
        self.join = _conv(2 * width, width, size=1)
        self.end = Residual(width)
        self.out = nn.Conv2d(width, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = self.near(functional.silu(self.stem(x)))  # (B, width, h, w)
        far = self.far(functional.silu(self.down(near)))  # (B, 2 width, h/2, w/2)
        up = functional.interpolate(self.up(far), scale_factor=2, mode="nearest")
        joined = functional.silu(self.join(torch.cat([near, functional.silu(up)], 1)))
        return cast("Tensor", self.out(self.end(joined)))


def _host_channels(luma: Tensor) -> Tensor:
    """What the nets see of a picture (B, 1, H, W), 0…1: its detail, twice compressed, and its tone.

    Detail in flat areas is below one level, in texture tens of levels. Two saturating scales keep
    both readable for a convolution. Returns (B, 33, H/4, W/4).
    """
    levels = luma * 255.0
    tone = functional.avg_pool2d(levels, 8)
    tone = functional.interpolate(tone, scale_factor=8, mode="bilinear", align_corners=False)
    detail = levels - tone
    folded = functional.pixel_unshuffle(detail, _FOLD)
    brightness = functional.avg_pool2d(tone, _FOLD) / 128.0 - 1.0
    return torch.cat([(folded / 4.0).tanh(), (folded / 40.0).tanh() * 2.0, brightness], 1)


class Embedder(nn.Module):
    """Luma and pattern to the share of the invisible amplitude that each pixel is changed by."""

    def __init__(self, sizes: NetSizes = DEFAULT_SIZES) -> None:
        super().__init__()
        self.trunk = Trunk(33 + 16 + 1, 4, sizes.embed, sizes.embed_deep)
        nn.init.zeros_(self.trunk.out.weight)
        nn.init.zeros_(cast("Tensor", self.trunk.out.bias))

    def forward(self, luma: Tensor, pattern: Tensor, allowed: Tensor) -> Tensor:
        """Luma (B, 1, H, W) 0…1, pattern likewise −1…1, ``allowed`` levels → −1…1."""
        folded = functional.pixel_unshuffle(pattern, _FOLD)
        share = functional.avg_pool2d(allowed, _FOLD).log()
        correction = self.trunk(torch.cat([_host_channels(luma), folded, share], 1))
        # Only slow waves: left free, training finds stripes of two pixels, which read superbly
        # from an untouched file and are the first thing that codecs and resizing remove.
        slow = functional.pixel_shuffle(correction.float(), 2)  # (B, 1, H/2, W/2)
        for _ in range(2):
            slow = functional.avg_pool2d(functional.pad(slow, (1, 0, 1, 0), mode="replicate"), 2, 1)
            slow = slow.flip(2, 3)  # so that the two half-pixel shifts cancel
        slow = functional.interpolate(slow, scale_factor=2, mode="bilinear", align_corners=False)
        # The pattern itself is a fair answer, so training starts from it.
        return torch.tanh(1.5 * pattern + slow)


class Extractor(nn.Module):
    """Luma to the log-likelihood ratio of the pattern's sign at every pixel."""

    def __init__(self, sizes: NetSizes = DEFAULT_SIZES) -> None:
        super().__init__()
        self.trunk = Trunk(33, _FOLD * _FOLD, sizes.extract, sizes.extract_deep)

    def forward(self, luma: Tensor) -> Tensor:
        """Luma (B, 1, H, W) 0…1 → (B, 1, H, W) natural-log odds of +1."""
        return functional.pixel_shuffle(self.trunk(_host_channels(luma)).float(), _FOLD)


def residual(
    embedder: Embedder, luma: Tensor, pattern: Tensor, *, bound: Bound = DEFAULT_BOUND
) -> Tensor:
    """The change in levels, (B, 1, H, W), for luma 0…1 and pattern −1…1; never beyond the bound."""
    allowed = amplitude(luma, bound)
    return allowed * cast("Tensor", embedder(luma, pattern, allowed))


def limit_psnr(change: Tensor, psnr_db: float | Tensor) -> Tensor:
    """Scale each picture's change (B, 1, H, W), in levels, down to ``psnr_db`` where it is worse.

    ``psnr_db``: one limit for all, or (B, 1, 1, 1).
    """
    power = change.square().mean((1, 2, 3), keepdim=True)
    most = 255.0**2 * 10.0 ** (psnr_db / -10.0)
    return change * (most / power.clamp_min(1e-9)).sqrt().clamp_max(1.0)


def fold_norms(model: nn.Module) -> None:
    """Melt every batch norm into the convolution before it: the same map in fewer passes."""
    for module in list(model.modules()):
        if (
            isinstance(module, nn.Sequential)
            and len(module) == 2  # a convolution and its norm
            and isinstance(module[1], nn.BatchNorm2d)
        ):
            fused = nn.utils.fusion.fuse_conv_bn_eval(cast("nn.Conv2d", module[0]), module[1])
            module[0] = fused
            module[1] = nn.Identity()


def channels_last(nets: nn.Module) -> None:
    """Lay the weights out as the fast convolutions of CPUs and GPUs want them."""
    for weight in nets.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def build_nets(sizes: NetSizes = DEFAULT_SIZES) -> nn.ModuleDict:
    """Untrained nets as ``{"embedder": …, "extractor": …}``: what training starts from."""
    return nn.ModuleDict({"embedder": Embedder(sizes), "extractor": Extractor(sizes)})


def load_nets(
    device: str | torch.device = "cpu", *, psnr_db: float = DEFAULT_PSNR_DB
) -> tuple[Embed, Extract]:
    """The trained nets as plain functions over numpy planes.

    ``embed(luma, pattern)``: luma (H, W) float32 0…255 at the working size and pattern (H, W)
    float32 −1…1 → residual (H, W) float32 in levels, to be upsampled and added to the full luma.
    ``extract(luma)``: mean luma of some frames (H, W) float32 0…255 → (H, W) float32 log odds.
    Any H and W: planes are padded by repeating their edge.
    """
    packed = resources.files("provenance.watermark").joinpath("weights/modem.safetensors")
    state = safetensors.torch.load(packed.read_bytes())
    nets = build_nets()
    nets.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return as_functions(nets, device, psnr_db=psnr_db)


def as_functions(
    nets: nn.ModuleDict, device: str | torch.device = "cpu", *, psnr_db: float = DEFAULT_PSNR_DB
) -> tuple[Embed, Extract]:
    """Trained nets as the two functions of :func:`load_nets`. Changes ``nets`` (norms folded)."""
    nets.eval()
    fold_norms(nets)
    nets.to(device)
    channels_last(nets)
    embedder, extractor = cast("Embedder", nets["embedder"]), cast("Extractor", nets["extractor"])

    def tensor(plane: Plane) -> Tensor:
        height, width = plane.shape
        stacked = torch.from_numpy(np.ascontiguousarray(plane, np.float32))[None, None].to(device)
        margin = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        return functional.pad(stacked, margin, mode="replicate")

    def embed(luma: Plane, pattern: Plane) -> Plane:
        with torch.inference_mode():
            change = residual(embedder, tensor(luma) / 255.0, tensor(pattern))
            change = limit_psnr(change[..., : luma.shape[0], : luma.shape[1]], psnr_db)
        return cast("Plane", change[0, 0].cpu().numpy())

    def extract(luma: Plane) -> Plane:
        with torch.inference_mode():
            odds = extractor(tensor(luma) / 255.0)[..., : luma.shape[0], : luma.shape[1]]
        return cast("Plane", odds[0, 0].cpu().numpy())

    return embed, extract

"""Pictures moved by a field of displacements."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def warp(pictures: Tensor, flow: Tensor) -> Tensor:
    """Fetch every pixel from where ``flow`` points; outside, the edge goes on.

    pictures: (B, C, H, W); flow: (B, 2, H, W), displacements (x, y) in pixels from the pixel that
    is written to the place that is read. Returns (B, C, H, W), float32, bilinear.
    """
    height, width = pictures.shape[-2:]
    with torch.autocast(pictures.device.type, enabled=False):
        flow = flow.float()
        x = torch.arange(width, device=flow.device, dtype=torch.float32)
        y = torch.arange(height, device=flow.device, dtype=torch.float32)
        across = (flow[:, 0] + x + 0.5) * (2 / width) - 1  # (B, H, W), −1…1 from edge to edge
        down = (flow[:, 1] + y[:, None] + 0.5) * (2 / height) - 1
        grid = torch.stack([across, down], -1)  # (B, H, W, 2)
        return functional.grid_sample(
            pictures.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
        )

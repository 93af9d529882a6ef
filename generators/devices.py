"""On what a model runs."""

from __future__ import annotations

import torch

from provenance.errors import DeviceMissing


def choose_device(name: str | None) -> torch.device:
    """``cpu``, ``cuda``, ``cuda:1``, or for None a GPU where there is one.

    Raises :class:`~provenance.errors.DeviceMissing`.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceMissing(f"no device {name!r}", hint="cpu, cuda or cuda:0") from error
    if device.type not in {"cpu", "cuda"}:
        raise DeviceMissing(f"no device {name!r}", hint="cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceMissing(
            f"no GPU {name!r} here: {torch.cuda.device_count()} found",
            hint="use --device cpu, or install a PyTorch that knows the GPU",
        )
    return device

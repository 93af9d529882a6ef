"""Weights on disk: half-precision safetensors, and clear errors where a file does not fit."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from provenance.errors import InputMissing, UnreadableMedia


def save_weights(path: Path, net: nn.Module) -> None:
    """All that ``net`` holds, floats as float16, complete or not at all."""
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in net.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    part.write_bytes(safetensors.torch.save(state))  # save_file lets nobody else read it
    os.replace(part, path)  # noqa: PTH105  the rename that cannot half happen


def load_weights(path: Path, net: nn.Module) -> None:
    """Fill ``net``, in the type and on the device that it has.

    Raises InputMissing where there is no such file, UnreadableMedia where it is damaged or holds
    the weights of another net.
    """
    if not path.is_file():
        raise InputMissing(f"{path}: no such file of weights", hint="train it, or install it anew")
    try:
        state = safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UnreadableMedia(
            f"{path}: these weights cannot be read ({error})", hint="install the package anew"
        ) from error
    want = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    have = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wrong = sorted(name for name in want | have if want.get(name) != have.get(name))
    if wrong:
        raise UnreadableMedia(
            f"{path}: {len(wrong)} of {len(want)} tensors do not fit {type(net).__name__}, "
            f"{wrong[0]} is {have.get(wrong[0])} and should be {want.get(wrong[0])}",
            hint="use the weights that were trained with this configuration",
        )
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise UnreadableMedia(
            f"{path}: these weights are not all finite", hint="install the package anew"
        )
    net.load_state_dict(state)


def bundled(name: str) -> Path:
    """The file of this name that the package brings, such as ``video_codec.safetensors``."""
    return Path(str(resources.files("generators"))) / "weights" / name

"""What a later run needs to go on: one safetensors file of modest size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from generators.weight_file import load_weights, write_tensors
from provenance.errors import InputMissing, UnreadableMedia

if TYPE_CHECKING:
    from pathlib import Path

_MOMENTS = ("exp_avg", "exp_avg_sq")


def save_state(path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Weights as float32 and Adam's moments as bfloat16, complete or not at all."""
    state = {f"net.{name}": _portable(tensor) for name, tensor in net.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name in _MOMENTS:
            state[f"moment.{index}.{name}"] = _portable(moments[name]).bfloat16()
    write_tensors(path, state, metadata={"step": str(step)})


def load_state(
    path: Path, net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Fill net, average (of ``average.safetensors`` beside it) and optimizer; returns the step.

    Raises InputMissing when there is none, UnreadableMedia when it is damaged or of another net.
    """
    if not path.is_file():
        raise InputMissing(f"{path}: no checkpoint", hint="give --out the folder of an earlier run")
    try:
        state = safetensors.torch.load_file(path)
        with safetensors.safe_open(path, "pt") as file:
            step = int(file.metadata()["step"])
        net.load_state_dict(
            {name[4:]: tensor for name, tensor in state.items() if name.startswith("net.")}
        )
        stored: dict[str, Any] = optimizer.state_dict()
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        stored["state"] = {
            index: {
                "step": torch.tensor(float(step)),
                # In the weight's own memory layout, which the fused optimizer insists on.
                **{
                    name: torch.empty_like(weight).copy_(state[f"moment.{index}.{name}"])
                    for name in _MOMENTS
                },
            }
            for index, weight in enumerate(weights)
            if f"moment.{index}.{_MOMENTS[0]}" in state
        }
        optimizer.load_state_dict(stored)
    except (SafetensorError, RuntimeError, KeyError, ValueError, OSError) as error:
        raise UnreadableMedia(
            f"{path}: this checkpoint cannot be used ({error})",
            hint="it is damaged, or was written for a net of another size",
        ) from error
    load_weights(path.with_name("average.safetensors"), average)
    return step


def _portable(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()

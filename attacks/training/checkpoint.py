"""Everything that a later run needs to go on, in a folder of safetensors files of modest size."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from provenance.errors import InputMissing, UnreadableMedia

if TYPE_CHECKING:
    from pathlib import Path

_MOMENTS = ("exp_avg", "exp_avg_sq")


def save_checkpoint(
    folder: Path, nets: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Write ``folder`` anew; the previous one stays until the new one is complete.

    Adam's moments are kept as bfloat16: half of the size for no measurable difference.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    safetensors.torch.save_file(_portable(nets.state_dict()), part / "nets.safetensors")
    safetensors.torch.save_file(_portable(average.state_dict()), part / "average.safetensors")
    moments = {
        f"{index}.{name}": state[name].bfloat16()
        for index, state in optimizer.state_dict()["state"].items()
        for name in _MOMENTS
    }
    safetensors.torch.save_file(_portable(moments), part / "moments.safetensors")
    (part / "step.json").write_text(json.dumps({"step": step}))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def load_checkpoint(
    folder: Path, nets: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Fill nets, average and optimizer from ``folder`` and return the step it was written after.

    Raises InputMissing when there is none, UnreadableMedia when it is damaged or of other nets.
    """
    if not (folder / "step.json").is_file():
        raise InputMissing(f"{folder}: no checkpoint", hint="name the folder of an earlier run")
    try:
        step = int(json.loads((folder / "step.json").read_text())["step"])
        nets.load_state_dict(safetensors.torch.load_file(folder / "nets.safetensors"))
        average.load_state_dict(safetensors.torch.load_file(folder / "average.safetensors"))
        moments = safetensors.torch.load_file(folder / "moments.safetensors")
    except (SafetensorError, RuntimeError, KeyError, ValueError, OSError) as error:
        raise UnreadableMedia(
            f"{folder}: this checkpoint cannot be used ({error})",
            hint="it is damaged, or was written for nets of another size",
        ) from error
    stored: dict[str, Any] = optimizer.state_dict()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    stored["state"] = {
        index: {
            "step": torch.tensor(float(step)),
            # In the weight's own memory layout, which the fused optimizer insists on.
            **{
                name: torch.empty_like(weight).copy_(moments[f"{index}.{name}"])
                for name in _MOMENTS
            },
        }
        for index, weight in enumerate(weights)
        if f"{index}.{_MOMENTS[0]}" in moments
    }
    optimizer.load_state_dict(stored)
    return step


def _portable(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}

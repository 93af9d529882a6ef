"""What a later run needs to go on, small enough to be carried: files of at most 15 MiB.

Weights as float16, Adam's second moments as bfloat16 and its first as 8-bit integers; the average
of the weights is taken from the exported file. What rounding loses, some steps bring back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from generators.quantised import pack, unpack
from generators.weight_file import load_weights, save_packed, write_tensors
from provenance.errors import InputMissing, UnreadableMedia

if TYPE_CHECKING:
    from pathlib import Path

FILE_BYTES = 15 << 20
EXPORT = "dit.safetensors"
_STEP = "step"


def save_state(
    folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Write the weights to ship and everything to go on from into ``folder``.

    Raises DiskFull and OutputError; what an earlier call wrote is still there then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"weight.{name}": value.half() for name, value in model.state_dict().items()}
    first: dict[str, Tensor] = {}
    for name, weight in model.named_parameters():
        moments = optimizer.state.get(weight, {})
        if moments:
            first[f"first.{name}"] = moments["exp_avg"]
            tensors[f"second.{name}"] = moments["exp_avg_sq"].bfloat16()
    tensors |= pack(first)
    tensors[_STEP] = torch.tensor(step)
    batches: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        bytes_more = value.numel() * value.element_size()
        if batches[-1] and size + bytes_more > FILE_BYTES:
            batches.append({})
            size = 0
        batches[-1][name] = value.detach().cpu().contiguous()
        size += bytes_more
    files = [folder / f"state-{number}.safetensors" for number in range(len(batches))]
    # All of it is there before any of the last one goes.
    try:
        save_packed(_beside(folder / EXPORT), average)
        for file, batch in zip(files, batches, strict=True):
            write_tensors(_beside(file), batch)
    except BaseException:
        for file in (folder / EXPORT, *files):
            _beside(file).unlink(missing_ok=True)
        raise
    for file in (folder / EXPORT, *files):
        _beside(file).replace(file)
    for stale in set(folder.glob("state-*.safetensors")) - set(files):
        stale.unlink()


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.new")


def load_state(
    folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Fill model, average and optimizer from ``folder``; returns the step it was written after.

    Raises InputMissing when there is none, UnreadableMedia when it is damaged or of another model.
    """
    files = sorted(folder.glob("state-*.safetensors"))
    if not files:
        raise InputMissing(f"{folder}: no state", hint="name the folder of an earlier run")
    load_weights(folder / EXPORT, average)
    try:
        tensors: dict[str, Tensor] = {}
        for file in files:
            tensors |= safetensors.torch.load_file(file)
        step = int(tensors[_STEP])
        model.load_state_dict(
            {name: tensors[f"weight.{name}"].float() for name in model.state_dict()}
        )
        first = unpack({name: x for name, x in tensors.items() if name.startswith("first.")})
        for name, weight in model.named_parameters():
            if f"second.{name}" in tensors:
                optimizer.state[weight] = {
                    # Where the fused optimizer wants it.
                    "step": torch.tensor(float(step), device=weight.device),
                    "exp_avg": first[f"first.{name}"].to(weight),
                    "exp_avg_sq": tensors[f"second.{name}"].to(weight),
                }
        return step
    except (SafetensorError, RuntimeError, KeyError, ValueError, OSError) as error:
        raise UnreadableMedia(
            f"{folder}: this state cannot be used ({error})",
            hint="it is damaged, or of a model of another size",
        ) from error

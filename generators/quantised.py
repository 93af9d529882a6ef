"""Weights as 8-bit integers with a scale for each output channel, in safetensors.

Rounding to 8 bits changes a weight by at most 1/254 of the largest of its row: about 45 dB below
the weights, far less than training for another minute changes them. It takes a quarter of the space
of float32, so that a model may have twice the parameters of one that is kept as float16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from generators.weight_file import check_fit, write_tensors
from provenance.errors import InputMissing, UnreadableMedia

if TYPE_CHECKING:
    from pathlib import Path

_SCALE = ".scale"


def pack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as int8 with float32 scales named ``<name>.scale``, all else as float16, in the
    memory of the host; rounded where they are.
    """
    out: dict[str, Tensor] = {}
    for name, tensor in state.items():
        weight = tensor.detach().float()
        if weight.ndim < 2 or weight[0].numel() < 16:
            out[name] = weight.half().cpu()
            continue
        largest = weight.flatten(1).abs().amax(1)
        scale = (largest / 127).clamp(min=1e-12)
        shaped = scale.view(-1, *[1] * (weight.ndim - 1))
        out[name] = (weight / shaped).round().clamp(-127, 127).to(torch.int8).contiguous().cpu()
        out[name + _SCALE] = scale.cpu()
    return out


def unpack(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """float32 weights of what :func:`pack` made."""
    out: dict[str, Tensor] = {}
    for name, tensor in packed.items():
        if name.endswith(_SCALE):
            continue
        scale = packed.get(name + _SCALE)
        if scale is None:
            out[name] = tensor.float()
        else:
            out[name] = tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
    return out


def save_packed(path: Path, model: nn.Module) -> None:
    """Write the weights of ``model`` to ``path``, complete or not at all."""
    write_tensors(path, pack(model.state_dict()))


def load_packed(path: Path, model: nn.Module) -> None:
    """Fill ``model`` from ``path``.

    Raises InputMissing when there is no such file, UnreadableMedia when it is damaged or of a model
    of another size.
    """
    if not path.is_file():
        raise InputMissing(f"{path}: no weights", hint="ltx-download brings them")
    try:
        state = unpack(safetensors.torch.load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise UnreadableMedia(
            f"{path}: these weights cannot be used ({error})",
            hint="they are damaged: ltx-download brings them again",
        ) from error
    check_fit(path, state, model)
    model.load_state_dict(state)

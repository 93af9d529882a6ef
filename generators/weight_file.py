"""Weights on disk: safetensors of 8-bit or half-precision numbers, and clear errors where a file
does not fit.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from generators.quantised import pack, unpack
from provenance.disk import disk_errors
from provenance.errors import InputMissing, UnreadableMedia


def write_tensors(
    path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str] | None = None
) -> None:
    """Complete or not at all, for whoever may read new files: what safetensors writes by itself,
    nobody else may.

    Raises DiskFull and OutputError.
    """
    part = path.with_name(path.name + ".part")
    with disk_errors(path):
        try:
            part.write_bytes(safetensors.torch.save(tensors, metadata))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def save_weights(path: Path, net: nn.Module) -> None:
    """All that ``net`` holds, floats as float16, complete or not at all."""
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in net.state_dict().items()
    }
    write_tensors(path, state)


def save_packed(path: Path, net: nn.Module) -> None:
    """All that ``net`` holds, matrices as 8-bit integers (:func:`generators.quantised.pack`),
    complete or not at all.
    """
    write_tensors(path, pack(net.state_dict()))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a file that :func:`save_weights` or :func:`save_packed` wrote, as float32.

    Raises InputMissing where there is no such file, UnreadableMedia where it is damaged.
    """
    if not path.is_file():
        raise InputMissing(
            f"{path}: no such file of weights",
            hint="ltx-download brings the bundled ones; or train it",
        )
    try:
        state = unpack(safetensors.torch.load_file(path))
    except (SafetensorError, RuntimeError, OSError, ValueError) as error:
        raise UnreadableMedia(
            f"{path}: these weights cannot be read ({error})",
            hint="they are damaged: ltx-download brings the bundled ones again",
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise UnreadableMedia(
            f"{path}: these weights are not all finite",
            hint="ltx-download brings the bundled ones again",
        )
    return state


def load_weights(path: Path, net: nn.Module) -> None:
    """Fill ``net``, in the type and on the device that it has.

    Raises what :func:`read_weights` does, and UnreadableMedia where the weights are another net's.
    """
    state = read_weights(path)
    check_fit(path, state, net)
    net.load_state_dict(state)


def check_fit(path: Path, state: dict[str, Tensor], net: nn.Module) -> None:
    """Raises UnreadableMedia where ``state``, out of ``path``, is that of another net."""
    want = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    have = {name: tuple(tensor.shape) for name, tensor in state.items()}
    both = want | have
    wrong = sorted(name for name in both if want.get(name) != have.get(name))
    if wrong:
        raise UnreadableMedia(
            f"{path}: {len(wrong)} of {len(both)} tensors do not fit {type(net).__name__}, "
            f"{wrong[0]} is {have.get(wrong[0], 'missing')} "
            f"and should be {want.get(wrong[0], 'missing')}",
            hint="use the weights that were trained with this configuration",
        )


def bundled(name: str) -> Path:
    """The file of this name that the package brings, such as ``video_codec.safetensors``."""
    return Path(str(resources.files("generators"))) / "weights" / name

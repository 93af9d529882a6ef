"""More blocks for a transformer that is trained already, without changing what it makes.

A new block is a copy of the one before it whose every way back into its stream is nought, so that
it is the identity until it has learnt (as in Net2Net: Chen et al. 2016, arXiv:1511.05641).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from generators.weight_file import check_fit, read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from generators.dit import DiT

_BLOCK = "blocks."
_WAYS_BACK = ("look.out", "read.out", "listen.out", "think.2")


def fill_deeper(path: Path, model: DiT) -> int:
    """Fill ``model`` with the weights of ``path``, of a model with as many blocks or fewer; returns
    how many blocks are new.

    Raises what :func:`generators.weight_file.load_weights` does.
    """
    state = read_weights(path)
    state, new = deepened(state, len(model.blocks))
    check_fit(path, state, model)
    model.load_state_dict(state)
    return new


def deepened(state: dict[str, Tensor], blocks: int) -> tuple[dict[str, Tensor], int]:
    """``state`` with new blocks spread evenly among the old ones until there are ``blocks``, and
    how many those are; as it is where it has so many or more.
    """
    old = 1 + max((_number(name) for name in state if name.startswith(_BLOCK)), default=-1)
    new = blocks - old
    if old < 1 or new < 1:
        return state, 0
    out = {name: weight for name, weight in state.items() if not name.startswith(_BLOCK)}
    for place, (source, fresh) in enumerate(_plan(old, blocks)):
        begins = f"{_BLOCK}{source}."
        for name, weight in state.items():
            if name.startswith(begins):
                rest = name.removeprefix(begins)
                silent = fresh and any(way in rest for way in _WAYS_BACK)
                out[f"{_BLOCK}{place}.{rest}"] = torch.zeros_like(weight) if silent else weight
    return out, new


def _plan(old: int, blocks: int) -> list[tuple[int, bool]]:
    """For each block, the old one that it is, or is a silent copy of."""
    plan: list[tuple[int, bool]] = []
    for source in range(old):
        copies = (source + 1) * blocks // old - source * blocks // old
        plan += [(source, index > 0) for index in range(copies)]
    return plan


def _number(name: str) -> int:
    return int(name.split(".")[1])

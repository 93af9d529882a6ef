"""The processes of a run, one for each GPU: what they share and what each has to itself."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import torch
import torch.distributed as dist

from generators.devices import choose_device
from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One process: its number ``rank`` of ``size``, its device, its own random numbers there."""

    rank: int
    size: int
    device: torch.device
    generator: torch.Generator

    @classmethod
    def join(cls, device: str | None, seed: int) -> Self:
        """By the variables that ``torchrun`` sets; alone without them. ``device``: default a GPU
        where there is one.

        Raises :class:`~provenance.errors.DeviceMissing`, and
        :class:`~provenance.errors.OptionError` for a seed below 0.
        """
        if seed < 0:
            raise OptionError(f"--seed {seed} is below 0", hint="give 0 or more")
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        own = choose_device(device)
        if own == torch.device("cuda"):  # none by its number
            own = choose_device(f"cuda:{local}")
        if own.type == "cuda":
            torch.cuda.set_device(own)
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
        if size > 1:
            dist.init_process_group(
                "nccl" if own.type == "cuda" else "gloo", timeout=timedelta(minutes=5)
            )
        generator = torch.Generator(own).manual_seed(seed * 1000 + rank)
        return cls(rank=rank, size=size, device=own, generator=generator)

    def leave(self) -> None:
        if self.size > 1:
            dist.barrier()
            dist.destroy_process_group()

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their mean over the processes, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        torch._foreach_copy_(
            list(tensors), [part.view_as(t) for part, t in zip(parts, tensors, strict=True)]
        )

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by the first process's."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor.data, 0)

    def agree(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def wait(self) -> None:
        """Until the device has done what it was told."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def peak_gb(self) -> float | None:
        """The most memory of the device that was in use, in GB."""
        if self.device.type != "cuda":
            return None
        return round(torch.cuda.max_memory_allocated(self.device) / 1e9, 2)

    def autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def say(self, line: str) -> None:
        """To stderr, from the first process alone."""
        if self.rank == 0:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

"""Blocks that live in the memory of the host as 8-bit integers and visit the GPU one by one.

While one block works, the weights of the next are on their way (the idea of Ren et al. 2021,
ZeRO-Offload, arXiv:2101.06840): two blocks at a time are on the GPU, whatever the depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from generators.quantised import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SCALE = ".scale"


class StreamedBlocks(nn.Module):
    """In place of the list of blocks of a transformer: iterating gives each block, loaded.

    ``packed``: the weights of each block as :func:`generators.quantised.pack` gives them.
    ``build``: makes an empty block on the device in the type that it computes in.
    """

    def __init__(
        self,
        packed: Sequence[dict[str, Tensor]],
        build: Callable[[], nn.Module],
        device: torch.device,
    ) -> None:
        super().__init__()
        self.device = device
        on_gpu = device.type == "cuda"
        self._packed = [
            {name: part.pin_memory() if on_gpu else part for name, part in block.items()}
            for block in packed
        ]
        self._seats = nn.ModuleList([build(), build()]).requires_grad_(requires_grad=False)
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]

    @classmethod
    def of(
        cls, blocks: nn.ModuleList, build: Callable[[], nn.Module], device: torch.device
    ) -> StreamedBlocks:
        """Of blocks that fit the memory of the host."""
        return cls([pack(block.state_dict()) for block in blocks], build, device)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[nn.Module]:
        arrived = self._load(0)
        for index in range(len(self._packed)):
            # Into the seat of the block before, once the work that was given to that one is done:
            # before any is given to this one, so that the two go on side by side.
            following = self._load(index + 1) if index + 1 < len(self._packed) else None
            if arrived is not None:
                torch.cuda.current_stream(self.device).wait_event(arrived)
            yield self._seats[index % 2]
            arrived = following

    def _load(self, index: int) -> torch.cuda.Event | None:
        if self._stream is None:
            self._fill(index)
            return None
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            self._fill(index)
            event: torch.cuda.Event = self._stream.record_event()
            return event

    def _fill(self, index: int) -> None:
        packed = self._packed[index]
        with torch.no_grad():
            for name, weight in self._seats[index % 2].named_parameters():
                part = packed[name].to(self.device, non_blocking=True)
                if name + _SCALE in packed:
                    scale = packed[name + _SCALE].to(self.device, non_blocking=True)
                    part = part.to(weight.dtype) * scale.to(weight.dtype).view(
                        -1, *[1] * (weight.ndim - 1)
                    )
                weight.copy_(part)

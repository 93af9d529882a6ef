"""Pictures on their way from a GPU to the host, while it goes on with the next ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


class HostCopies:
    """Copies from ``device`` beside its other work; from a CPU there is nothing to copy."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._beside: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._beside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def send(self, tensors: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
        """Begin once the device has made ``tensors``; what is returned waits until they are here.
        They must not be written to in the meantime.
        """
        beside = self._beside
        if beside is None:
            here = list(tensors)
            return lambda: here
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            copies = [torch.empty(one.shape, dtype=one.dtype, pin_memory=True) for one in tensors]
            for copy, one in zip(copies, tensors, strict=True):
                copy.copy_(one, non_blocking=True)
                one.record_stream(beside)
            arrived = beside.record_event()

        def wait() -> list[Tensor]:
            arrived.synchronize()
            return copies

        return wait

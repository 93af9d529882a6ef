"""Luma planes as levels of the 8-bit scale, whatever the depth of their samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.errors import FrameError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def levels(luma: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """``luma``, ``bits`` bits a sample, in levels 0…255."""
    return luma.astype(np.float32) * np.float32(2.0 ** (8 - bits))


def check_alike(reference: NDArray[Any], marked: NDArray[Any]) -> None:
    """Raises :class:`~provenance.errors.FrameError` unless both are planes of one size and type."""
    if reference.shape != marked.shape or reference.dtype != marked.dtype or reference.ndim != 2:
        raise FrameError(
            f"cannot compare luma {reference.shape} {reference.dtype} with "
            f"{marked.shape} {marked.dtype}",
            hint="both must be (height, width) of one type",
        )

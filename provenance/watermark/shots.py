"""Where a shot begins: the picture changes as a whole, and far more than it did just before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINES = 90  # at least so many of a picture are looked at, evenly apart
_SIZE = (64, 36)
_LEVELS = 10.0  # mean change, in levels of 8 bits
_SUDDEN = 5.0  # so many times the change before: what moves fast moved before, too


def glance(luma: Any) -> Any:
    """Every so many pixels of ``luma`` (…, H, W), an array or a tensor, each way."""
    step = max(1, min(luma.shape[-2:]) // _LINES)
    return luma[..., ::step, ::step]


class Shots:
    """Looks at the pictures of one clip as they pass."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._change: float | None = None

    def begins(self, glanced: NDArray[Any], *, bits: int = 8) -> bool:
        """Whether a shot begins with the next picture, of which this is a :func:`glance`. The first
        one does.
        """
        small = cv2.resize(np.ascontiguousarray(glanced), _SIZE, interpolation=cv2.INTER_AREA)
        small = small.astype(np.float32) * np.float32(2.0 ** (8 - bits))
        last, self._last = self._last, small
        if last is None:
            return True
        before, self._change = self._change, float(np.abs(small - last).mean())
        return before is not None and self._change > max(_LEVELS, _SUDDEN * before)

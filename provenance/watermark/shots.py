"""Where a shot begins: the picture changes as a whole, and far more than in the frames before."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINES = 90  # at least so many of a picture are looked at, evenly apart
_SIZE = (64, 36)
_LEVELS = 10.0  # mean change, in levels of 8 bits
_SUDDEN = 3.0  # so many times the changes before: what moves fast moved before, too
_BEFORE = 4  # of them: a frame that is shown twice or thrice does not change


def glance(luma: Any) -> Any:
    """Every so many pixels of ``luma`` (…, H, W), an array or a tensor, each way."""
    step = max(1, min(luma.shape[-2:]) // _LINES)
    return luma[..., ::step, ::step]


class Shots:
    """Looks at the pictures of one clip as they pass."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=_BEFORE)

    def begins(self, glanced: NDArray[Any], *, bits: int = 8) -> bool:
        """Whether a shot begins with the next picture, of which this is a :func:`glance`. The first
        one does.
        """
        small = cv2.resize(np.ascontiguousarray(glanced), _SIZE, interpolation=cv2.INTER_AREA)
        small = small.astype(np.float32) * np.float32(2.0 ** (8 - bits))
        last, self._last = self._last, small
        if last is None:
            return True
        change = float(np.abs(small - last).mean())
        sudden = bool(self._changes) and change > max(_LEVELS, _SUDDEN * max(self._changes))
        self._changes.append(change)
        return sudden

"""Whether a place shows something drawn that stands still, as a logo or a caption does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.watermark.rectangles import Rectangle
    from provenance.watermark.spots import Spots

_STILL_LEVELS = 0.8  # usual change between windows below which a region stands still
_STILL_SHARE = 0.25  # and beside that of the rest of the picture
_SHARP = 24.0  # activity that only what was drawn has all over the place


def stands_still(run: Sequence[Spots], place: Rectangle) -> bool:
    """Whether ``place`` shows something drawn that stands still in the windows of ``run``."""
    shown = np.stack([each.brightness for each in run]).astype(np.float32)
    sharp = np.stack([each.activity for each in run]).astype(np.float32).mean(0)
    inside = np.zeros(shown.shape[1:], bool)
    inside[place.slices] = True
    if len(run) < 2 or inside.all():
        return False
    change = np.abs(np.diff(shown, axis=0)).mean(0)
    # Medians: the rectangle is not cut to what was drawn to the spot.
    here, around = float(np.median(change[inside])), float(np.median(change[~inside]))
    if here > _STILL_LEVELS:
        return False
    return here < _STILL_SHARE * around or float(np.quantile(sharp[inside], 0.8)) > _SHARP

"""The transfer function of sRGB (IEC 61966-2-1): levels and the light that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_light(levels: NDArray[Any]) -> NDArray[Any]:
    """Linear light of ``levels``, both 0…1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def to_levels(light: NDArray[Any]) -> NDArray[Any]:
    """Levels 0…1 of linear ``light``, which is cut to 0…1."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)

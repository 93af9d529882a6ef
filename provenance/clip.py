"""What flows through everyframe: data only, no behaviour beyond checks.

A generator yields :class:`Chunk`; the writer and the media files are described by
:class:`VideoSpec` and :class:`AudioSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpec:
    """Pictures of a clip: ``width`` and ``height`` in pixels as shown (after rotation).

    ``rate`` is frames per second, ``pixel_aspect`` the width of a pixel over its height. The
    colour fields are the numbers of ITU-T H.273 (1 = BT.709, 2 = unspecified), ``full_range``
    says that black is 0 and not 16.
    """

    width: int
    height: int
    rate: Fraction
    pixel_aspect: Fraction = Fraction(1)
    bits: int = 8
    full_range: bool = False
    primaries: int = 1
    transfer: int = 1
    matrix: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSpec:
    """Sound of a clip: ``sample_rate`` in Hz, ``channels`` 1 to 8."""

    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some consecutive frames with the sound of the same time span.

    ``frames``: (T, H, W, 3) uint8 sRGB, numpy or torch, any device.
    ``audio``: (N, channels) float32 in −1…1, or None for a silent clip.
    """

    frames: Any
    audio: NDArray[np.float32] | None = None

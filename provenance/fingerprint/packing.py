"""The bytes of a fingerprint: a header with the length, then a row of bytes for each second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import struct

    from numpy.typing import NDArray

LONGEST_S = 48 * 3600


def unpacked(
    data: bytes, magic: bytes, version: int, header: struct.Struct, width: int
) -> tuple[float, NDArray[np.uint8]]:
    """Seconds and rows (N, width) uint8 of ``data``; raises :class:`ValueError` for other bytes."""
    if len(data) < header.size:
        raise ValueError(f"{len(data)} bytes are no fingerprint")
    found, number, duration_s, count = header.unpack_from(data)
    if found != magic or number != version:
        raise ValueError(f"not a fingerprint of the kind {magic.decode()} {version}")
    whole = len(data) == header.size + count * width
    if not whole or count > LONGEST_S or not math.isfinite(duration_s) or duration_s < 0:
        raise ValueError("a damaged fingerprint")
    return duration_s, np.frombuffer(data, np.uint8, offset=header.size).reshape(count, width)

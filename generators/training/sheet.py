"""Contact sheets, written as PNG by the standard library alone."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor


def write_sheet(path: Path, rows: Sequence[Sequence[Tensor]]) -> None:
    """Pictures (3, H, W) in −1…1, all of one size, as a grid."""
    table = [np.concatenate([_levels(picture) for picture in row], 1) for row in rows]
    write_png(path, np.concatenate(table, 0))


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """(H, W, 3) uint8 (PNG, third edition: one IDAT, no filter)."""
    height, width = picture.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = picture.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _part(b"IHDR", header),
        _part(b"IDAT", zlib.compress(rows.tobytes(), 6)),
        _part(b"IEND", b""),
    ]
    path.write_bytes(b"".join(parts))


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _levels(picture: Tensor) -> NDArray[np.uint8]:
    levels = (picture.detach().float().cpu().clamp(-1, 1) + 1) * 127.5
    return levels.round().byte().permute(1, 2, 0).numpy()

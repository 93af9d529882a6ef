"""Samples to look at and to listen to, written with nothing but the standard library."""

from __future__ import annotations

import struct
import wave
import zlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_COLOUR = 2  # PNG's colour type of three channels


def contact_sheet(clips: Tensor, columns: int) -> Tensor:
    """Clips (B, 3, T, H, W) in −1…1 → (B·H, columns·W, 3) uint8: a row of frames for each."""
    index = torch.linspace(0, clips.shape[2] - 1, columns).round().long()
    frames = clips[:, :, index.to(clips.device)]  # (B, 3, columns, H, W)
    levels = ((frames.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return levels.permute(0, 3, 2, 4, 1).flatten(1, 1).flatten(0, 1).flatten(1, 2).cpu()


def write_png(path: Path, picture: Tensor) -> None:
    """(H, W, 3) uint8 as PNG (W3C, Portable Network Graphics, third edition)."""
    height, width, _ = picture.shape
    rows = b"".join(b"\0" + picture[y].contiguous().numpy().tobytes() for y in range(height))

    def box(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + box(b"IHDR", head)
        + box(b"IDAT", zlib.compress(rows, 6))
        + box(b"IEND", b"")
    )


def write_wav(path: Path, samples: Tensor, rate: int) -> None:
    """Sound (B, channels, N) in −1…1, one clip after the other with a quarter of a second between,
    as 16-bit PCM."""
    gap = samples.new_zeros(samples.shape[1], rate // 4)
    line = torch.cat([part for clip in samples for part in (clip, gap)], dim=1)
    levels = (line.float().clamp(-1, 1) * 32767).round().to(torch.int16).cpu()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(levels.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.T.contiguous().numpy().tobytes())

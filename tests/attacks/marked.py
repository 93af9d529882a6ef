"""Clips with a known pattern on them, for attacks on marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from attacks.clip import open_clip
from tests.drawn import natural_luma, write_luma

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from attacks.clip import Clip

HEIGHT, WIDTH = 256, 384  # six tiles of 128 pixels


def spread_pattern(seed: int, *, tiled: bool = False, levels: float = 3.0) -> NDArray[np.float32]:
    """(256, 384) of cells of 4 pixels with random signs, soft as a mark is; ``tiled``: 32 × 32
    cells that repeat.
    """
    random = np.random.default_rng(seed)
    cells = (32, 32) if tiled else (HEIGHT // 4, WIDTH // 4)
    signs = random.choice((-1.0, 1.0), cells).astype(np.float32)
    if tiled:
        signs = np.tile(signs, (HEIGHT // 128, WIDTH // 128))
    return levels * cv2.GaussianBlur(np.kron(signs, np.ones((4, 4), np.float32)), (0, 0), 1.0)


def marked_clip(
    path: Path, pattern: NDArray[np.float32] | None, *, frames: int = 16, seed: int = 0
) -> Clip:
    """A soft moving picture with ``pattern`` added to each frame, almost without loss."""
    sharp = natural_luma(frames, HEIGHT, WIDTH, seed=seed, pan=3.0)
    planes = [cv2.GaussianBlur(plane, (0, 0), 3.0) for plane in sharp]
    added = 0 if pattern is None else np.rint(pattern)
    marked = [np.clip(plane + added, 0, 255).astype(np.uint8) for plane in planes]
    return open_clip(write_luma(path, marked, crf=4, preset="ultrafast"))


def held(clip: Clip) -> Clip:
    """``clip`` made once: what is lazy would be made anew by each look."""
    pictures = list(clip.pictures())
    return clip.changed(pictures=lambda: iter(pictures))


def lumas(clip: Clip) -> list[NDArray[np.float32]]:
    return [picture.luma.astype(np.float32) for picture in clip.pictures()]


def alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlation of two planes."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def heard(clip: Clip, pattern: NDArray[np.float32]) -> float:
    """Correlation of a pattern with the mean fine detail of a clip."""
    mean = np.mean([p - cv2.GaussianBlur(p, (0, 0), 3) for p in lumas(clip)], axis=0)
    return alike(np.clip(mean, -4, 4), pattern)


def psnr_between(first: Clip, second: Clip) -> float:
    pairs = zip(lumas(first), lumas(second), strict=True)
    return float(10 * np.log10(255**2 / np.mean([np.mean((a - b) ** 2) for a, b in pairs])))


@dataclass(frozen=True)
class Friend:
    """An accomplice for tests: gives what it was given."""

    clips: tuple[Clip, ...] = ()

    def copies(self, count: int) -> list[Clip]:
        return list(self.clips[:count])

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        raise NotImplementedError

    def listen(self, luma: torch.Tensor) -> torch.Tensor:
        from attacks.removal.listener import listen

        return listen(luma)

    def stranger(self) -> Clip:
        return self.clips[0]

"""A small mark that another package brings: quick to write and read, found by its entry point.

Its 8 bits stand in 8 columns of the picture, each as the sign of a chequerboard.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attacks.clip import Clip, on_luma
from attacks.systems.base import Reading
from provenance.errors import OptionError

BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    name: str = "columns"
    version: str = "1"
    medium: str = "video"
    message_bits: int = BITS
    keyed: bool = True
    frames_most: int | None = None

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        def add(luma, _time):
            pattern = pattern_of(luma.shape) * np.repeat(signs(seed), luma.shape[1] // BITS)
            return np.clip(luma.astype(int) + 6 * pattern, 0, 255).astype(np.uint8)

        return on_luma(clip, add)

    def read(self, clip: Clip, *, seed: int) -> Reading:
        total = sum(picture.luma.astype(float) for picture in clip.pictures())
        heard = (total * pattern_of(total.shape)).reshape(total.shape[0], BITS, -1).sum((0, 2))
        right = float(np.mean(np.sign(heard) == signs(seed)))
        return Reading(recovered=right == 1, bit_accuracy=right)

    def accomplice(self, original, *, seed, stranger):
        return Nobody()


class Nobody:
    def copies(self, count):
        raise OptionError("nobody has copies")

    mark = listen = stranger = copies


def signs(seed: int):
    return np.random.default_rng(seed).choice([-1, 1], BITS)


def pattern_of(shape):
    rows, columns = np.indices(shape)
    # Fat squares: codecs keep what is coarse.
    return ((rows // 4 + columns // 4) % 2) * 2 - 1


def install(folder: Path) -> Path:
    """Writes what an installer would leave of a package with this system; its folder."""
    info = folder / "toy_watermark-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-watermark\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[everyframe.systems]\ncolumns = toy_watermark:Columns\n"
    )
    (folder / "toy_watermark.py").write_text(Path(__file__).read_text())
    return folder

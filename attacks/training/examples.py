"""Examples for the listener: marked scenes after real codecs and geometry, as a reader sees them.

No gradient passes through a codec and none has to: what embeds is fixed, only what listens is
trained. An example is the mean of a few decoded frames at the size at which evidence is gathered,
with the cell that every pixel of it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from attacks.training.scenes import Sources, draw_scene
from provenance.video.elementary import CodecSettings, round_trip
from provenance.watermark.carrier import SpreadSpectrumEmbedder
from provenance.watermark.marker import UPDATE_S, loudness

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = (64, 80)  # of a scene, down and across
GRAIN = 2  # pixels of evidence for a cell that lies as it was marked
SHAPE = (CELLS[0] * GRAIN, CELLS[1] * GRAIN)
OUTSIDE = CELLS[0] * CELLS[1]
FINENESS = 128  # steps in a level of luma in which means are kept
_LENGTH = 22  # frames
_MEAN_S, _MOST_FRAMES = 0.25, 8
_PER_SCENE = 3
_RATES = (8, 15, 24, 25, 30, 30)
_CELL_PX = (4, 6, 6, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """``means``: (n, 128, 160) uint16, in 1/128 level.

    ``cells``: (128, 160) int16, the cell that each pixel of them shows, row by row; ``OUTSIDE``
    where none. ``signs``: (5120,) int8, ±1, of the cells.
    """

    means: NDArray[np.uint16]
    cells: NDArray[np.int16]
    signs: NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What happens between writing and reading.

    ``stamped``: the encoder that writes the mark. ``again``: the one after it, if any, which sees
    frames of ``size`` (H, W) taken from the marked ones by ``taken`` ((3, 3), pixels of the new
    frame to pixels of the marked one). ``seen``: (3, 3), pixels of evidence to pixels of the last
    frames.
    """

    stamped: CodecSettings
    again: CodecSettings | None
    size: tuple[int, int]
    taken: NDArray[np.float64]
    seen: NDArray[np.float64]


def _scaling(x: float, y: float) -> NDArray[np.float64]:
    """Pixel centres, enlarged about the corner of the picture."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]])


def draw_codec(random: np.random.Generator, rate: int) -> CodecSettings:
    """Mostly x264 from fine to ruinous, sometimes its successors at comparable qualities."""
    crf = int(random.integers(20, 46))
    kind = random.random()
    fps = Fraction(rate)
    if kind < 0.7:
        preset = str(random.choice(["veryfast", "fast", "medium", "medium"]))
        return CodecSettings(crf=crf, preset=preset, rate=fps)
    if kind < 0.82:
        return CodecSettings(codec="x265", crf=crf, preset="superfast", rate=fps)
    if kind < 0.9:
        return CodecSettings(codec="vp9", crf=crf + 8, rate=fps)
    return CodecSettings(codec="av1", crf=crf + 10, preset="10", rate=fps)


def draw_passage(cell: int, rate: int, random: np.random.Generator) -> Passage:
    """Half of the files stay as they are or are coded again; the others change size or shape."""
    height, width = CELLS[0] * cell, CELLS[1] * cell
    # Most platforms and this project's own encoder are between 18 and 28.
    first = CodecSettings(
        crf=int(random.integers(18, 29)), preset="veryfast", rate=Fraction(rate)
    )
    if random.random() < 0.15:
        crf = int(random.integers(20, 42))
        first = CodecSettings(crf=crf, preset="medium", rate=Fraction(rate))
    whole = _scaling(width / SHAPE[1], height / SHAPE[0])
    if random.random() < 0.12:
        return Passage(
            stamped=first, again=None, size=(height, width), taken=np.eye(3), seen=whole
        )
    again = draw_codec(random, rate)
    if random.random() < 0.45:
        return Passage(
            stamped=first, again=again, size=(height, width), taken=np.eye(3), seen=whole
        )
    # Pixels a cell in the frames in hand: down to those of 720 lines shown at 180.
    shown = float(np.exp(random.uniform(np.log(1.4), np.log(1.2 * cell))))
    scale = shown / cell
    size = (round(height * scale) // 2 * 2, round(width * scale) // 2 * 2)
    taken = _scaling(width / size[1], height / size[0])
    if random.random() < 0.5:
        taken = taken @ _turned(size, random)
    # A picture that was cut is listened to with larger cells, one in a frame with smaller ones.
    grain = GRAIN if random.random() < 0.5 else np.exp(random.uniform(np.log(1.35), np.log(4.4)))
    factor = shown / float(grain)
    seen = _scaling(factor, factor)
    # Evidence shows the middle of the frame.
    middle = np.array([size[1] / 2 - 0.5, size[0] / 2 - 0.5])
    here = seen[:2, :2] @ [SHAPE[1] / 2 - 0.5, SHAPE[0] / 2 - 0.5]
    seen[:2, 2] = middle - here
    return Passage(stamped=first, again=again, size=size, taken=taken, seen=seen)


def _turned(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float64]:
    """Turned about the middle by any angle, sometimes stretched, mirrored, or with a keystone."""
    height, width = size
    to_middle = np.eye(3)
    to_middle[:2, 2] = -(width - 1) / 2, -(height - 1) / 2
    angle = random.uniform(-np.pi, np.pi) if random.random() < 0.6 else random.normal(0, 0.03)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    stretch = np.diag([np.exp(random.normal(0, 0.08)), random.choice([-1.0, 1.0]), 1.0])
    lean = np.eye(3)
    if random.random() < 0.5:
        lean[2, :2] = random.normal(0, 0.15, 2) / [width, height]
    return np.asarray(np.linalg.inv(to_middle) @ turn @ stretch @ lean @ to_middle)


def mark_scene(
    frames: NDArray[np.uint8], signs: NDArray[np.float32], cell: int, rate: int
) -> NDArray[np.uint8]:
    """(T, H, W) ``frames`` with the pattern of ``signs`` (64, 80) drawn in as ClipMarker does."""
    embedder = SpreadSpectrumEmbedder()
    pattern = np.kron(signs, np.ones((GRAIN, GRAIN), np.float32))
    marked = np.empty_like(frames)
    previous: NDArray[np.float32] | None = None
    residual = np.zeros(frames.shape[1:], np.float32)
    drawn = -1
    for index, luma in enumerate(frames):
        moment = int(index / rate / UPDATE_S)
        if moment != drawn:
            small = cv2.resize(luma, SHAPE[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
            change = embedder.residual(small, pattern, previous)
            full = cv2.resize(change, luma.shape[::-1], interpolation=cv2.INTER_CUBIC)
            residual = np.rint(full * np.float32(loudness(cell)))
            previous, drawn = small, moment
        marked[index] = np.clip(luma + residual, 0, 255).astype(np.uint8)
    return marked


def _warped(
    frame: NDArray[np.float32] | NDArray[np.uint8],
    matrix: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """``frame`` seen through ``matrix`` (new pixels to old ones), averaged where it shrinks."""
    here = np.asarray(frame, np.float32)
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if shrink > 1.01:
        small = (max(8, round(here.shape[0] / shrink)), max(8, round(here.shape[1] / shrink)))
        matrix = (
            np.linalg.inv(_scaling(here.shape[1] / small[1], here.shape[0] / small[0])) @ matrix
        )
        here = cv2.resize(here, small[::-1], interpolation=cv2.INTER_AREA)
    whole = np.allclose(matrix, np.eye(3), atol=1e-6) and here.shape == size
    if whole:
        return here
    return np.asarray(
        cv2.warpPerspective(
            here,
            matrix,
            size[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        np.float32,
    )


def cells_seen(cell: int, matrix: NDArray[np.float64]) -> NDArray[np.int16]:
    """(128, 160) number of the cell at each pixel of evidence, ``OUTSIDE`` where there is none.

    ``matrix`` takes pixels of evidence to pixels marked; a cell has ``cell`` of these a side.
    """
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float64)
    u, v, w = matrix @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    column = np.floor((u / w + 0.5) / cell).astype(int)
    row = np.floor((v / w + 0.5) / cell).astype(int)
    inside = (row >= 0) & (row < CELLS[0]) & (column >= 0) & (column < CELLS[1]) & (w > 0)
    return np.where(inside, row * CELLS[1] + column, OUTSIDE).astype(np.int16).reshape(SHAPE)


def draw_examples(sources: Sources, seed: int) -> Examples:
    """The examples of one scene; ``seed`` decides everything."""
    random = np.random.default_rng(seed)
    cell, rate = int(random.choice(_CELL_PX)), int(random.choice(_RATES))
    frames = draw_scene(sources, _LENGTH, (CELLS[0] * cell, CELLS[1] * cell), random)
    signs = random.choice(np.array([-1, 1], np.float32), CELLS)
    passage = draw_passage(cell, rate, random)
    shown, _ = round_trip(mark_scene(frames, signs, cell, rate), passage.stamped)
    if passage.again is not None:
        if passage.size != shown.shape[1:] or not np.array_equal(passage.taken, np.eye(3)):
            moved = np.stack([_warped(f, passage.taken, passage.size) for f in shown])
            shown = np.clip(np.rint(moved), 0, 255).astype(np.uint8)
        shown, _ = round_trip(shown, passage.again)
    count = max(1, min(_MOST_FRAMES, round(_MEAN_S * rate)))
    cells = cells_seen(cell, passage.taken @ passage.seen)
    means = []
    for start in random.choice(_LENGTH - count + 1, _PER_SCENE, replace=False):
        mean = shown[start : start + count].astype(np.float32).mean(0)
        small = _warped(mean, passage.seen, SHAPE)
        means.append(np.clip(np.rint(small * FINENESS), 0, 65535).astype(np.uint16))
    return Examples(means=np.stack(means), cells=cells, signs=signs.astype(np.int8).ravel())

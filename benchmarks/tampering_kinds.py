"""Twenty-two kinds of tampering, each with what it did: kind, place and time.

A kind takes the marked take as its file gives it, and footage of others, and draws the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.takes import RATE, Take, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BROWN = (60, 40, 0)
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """``kind``: what must be found. ``places``: (start, end, box) of what was changed in the
    picture. ``cuts``: times at which what is shown changes its origin. Times in seconds.
    """

    kind: str
    places: tuple[tuple[float, float, Box], ...] = ()
    cuts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """``marked`` is the video to tamper with; ``other`` is unmarked and ``other_marked`` carries a
    mark of its own, both of the same size and rate and at least as long.
    """

    marked: Take
    other: Take
    other_marked: Take
    rng: np.random.Generator = field(default_factory=np.random.default_rng)


def _box(m: Material, width: float, height: float) -> Box:
    """A box somewhere, its sides shares of the picture's; even numbers of pixels."""
    full = m.marked.size
    w, h = 2 * round(full[0] * width / 2), 2 * round(full[1] * height / 2)
    x, y = m.rng.integers(0, full[0] - w + 1), m.rng.integers(0, full[1] - h + 1)
    return int(x), int(y), w, h


def _cut(box: Box) -> tuple[slice, slice]:
    x, y, w, h = box
    return slice(y, y + h), slice(x, x + w)


def _painted(
    m: Material, box: Box, paint: Callable[[float, NDArray[np.uint8]], NDArray[np.uint8]]
) -> Take:
    """``paint`` gives the new content of ``box`` from the time and the frame."""

    def change(time: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = frame.copy()
        out[_cut(box)] = paint(time, frame)
        return out

    return m.marked.with_frames(change)


def _throughout(m: Material, kind: str, box: Box) -> Truth:
    return Truth(kind=kind, places=((0.0, m.marked.seconds, box),))


def region_replaced(m: Material) -> tuple[Take, Truth]:
    box = _box(m, m.rng.uniform(0.25, 0.45), m.rng.uniform(0.3, 0.5))
    take = _painted(m, box, lambda t, _: m.other.frames[m.marked.at(t)][_cut(box)])
    return take, _throughout(m, "region_replaced", box)


def region_inpainted(m: Material) -> tuple[Take, Truth]:
    box = _box(m, m.rng.uniform(0.2, 0.3), m.rng.uniform(0.3, 0.4))
    x, y, w, h = box
    pad = 12
    rows = slice(max(0, y - pad), y + h + pad)
    columns = slice(max(0, x - pad), x + w + pad)

    def change(_: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = frame.copy()
        hole = np.zeros(frame.shape[:2], np.uint8)
        hole[_cut(box)] = 1
        around = np.ascontiguousarray(frame[rows, columns])
        out[rows, columns] = cv2.inpaint(
            around, np.ascontiguousarray(hole[rows, columns]), 3, cv2.INPAINT_TELEA
        )
        return out

    return m.marked.with_frames(change), _throughout(m, "region_replaced", box)


def region_blurred(m: Material) -> tuple[Take, Truth]:
    box = _box(m, m.rng.uniform(0.2, 0.35), m.rng.uniform(0.3, 0.45))
    strength = box[3] / 12
    take = _painted(m, box, lambda _, f: cv2.GaussianBlur(f, (0, 0), strength)[_cut(box)])
    return take, _throughout(m, "region_replaced", box)


def region_mosaic(m: Material) -> tuple[Take, Truth]:
    box = _box(m, m.rng.uniform(0.2, 0.3), m.rng.uniform(0.3, 0.4))

    def paint(_: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        inside = np.ascontiguousarray(frame[_cut(box)])
        small = cv2.resize(inside, (8, 8), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, box[2:], interpolation=cv2.INTER_NEAREST), np.uint8)

    return _painted(m, box, paint), _throughout(m, "region_replaced", box)


def logo(m: Material) -> tuple[Take, Truth]:
    box = _box(m, m.rng.uniform(0.16, 0.22), m.rng.uniform(0.16, 0.22))
    colour = m.rng.integers(0, 256, 3).tolist()
    drawn = np.full((box[3], box[2], 3), colour, np.uint8)
    middle = (box[2] // 2, box[3] // 2)
    ring = [255 - c for c in colour]
    cv2.circle(drawn, middle, min(middle) - 4, ring, 5, cv2.LINE_AA)
    cv2.putText(drawn, "TV", (middle[0] - 20, middle[1] + 9), 0, 0.9, ring, 2, cv2.LINE_AA)
    return _painted(m, box, lambda _t, _f: drawn), _throughout(m, "overlay", box)


def caption(m: Material) -> tuple[Take, Truth]:
    width, height = m.marked.size
    h = 2 * round(height * 0.08)
    w = 2 * round(width * m.rng.uniform(0.3, 0.42))
    box = ((width - w) // 2, height - h - 2 * round(height * 0.02), w, h)
    start_s, end_s = 0.25 * m.marked.seconds, 0.75 * m.marked.seconds
    band = np.full((h, w, 3), 24, np.uint8)
    size = h / 60
    at = (8, round(h * 0.65))
    cv2.putText(band, "they said it never happened", at, 0, size, (245,) * 3, 2, cv2.LINE_AA)
    take = _painted(m, box, lambda t, f: band if start_s <= t < end_s else f[_cut(box)])
    return take, Truth(kind="overlay", places=((start_s, end_s, box),))


def sticker(m: Material) -> tuple[Take, Truth]:
    side = 2 * round(m.marked.size[1] * 0.16)
    box = _box(m, side / m.marked.size[0], side / m.marked.size[1])
    radius = side // 2
    drawn = np.zeros((side, side, 3), np.uint8)
    cv2.circle(drawn, (radius, radius), radius - 1, (255, 205, 50), -1, cv2.LINE_AA)
    for eye in (-1, 1):
        at = (radius + eye * radius // 3, radius * 2 // 3)
        cv2.circle(drawn, at, radius // 8, BROWN, -1)
    mouth = (radius // 2, radius // 3)
    cv2.ellipse(drawn, (radius, radius * 6 // 5), mouth, 0, 0, 180, BROWN, 4)
    inside = np.zeros((side, side, 1), bool)
    inside[..., 0] = drawn.any(2)
    take = _painted(m, box, lambda _, f: np.where(inside, drawn, f[_cut(box)]))
    return take, _throughout(m, "overlay", box)


def moving_object(m: Material) -> tuple[Take, Truth]:
    """A piece of other footage that crosses the picture."""
    width, height = m.marked.size
    w, h = 2 * round(width * 0.12), 2 * round(height * 0.22)
    y = int(m.rng.integers(0, height - h))

    def left(time: float) -> int:
        return round((width - w) * (0.1 + 0.8 * time / m.marked.seconds))

    def change(time: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = frame.copy()
        box = (left(time), y, w, h)
        out[_cut(box)] = m.other.frames[m.marked.at(time)][y : y + h, (width - w) // 2 :][:, :w]
        return out

    take = m.marked.with_frames(change)
    step = float(1 / m.marked.rate)
    times = np.arange(len(m.marked.frames)) * step
    places = tuple((t, t + step, (left(t), y, w, h)) for t in times.tolist())
    return take, Truth(kind="region_replaced", places=places)


def background(m: Material) -> tuple[Take, Truth]:
    """All but an ellipse in the middle is other footage."""
    width, height = m.marked.size
    kept = np.zeros((height, width, 1), np.uint8)
    axes = (round(width * 0.3), round(height * 0.46))
    cv2.ellipse(kept, (width // 2, height * 11 // 20), axes, 0, 0, 360, 1, -1)

    def change(time: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.where(kept > 0, frame, m.other.frames[m.marked.at(time)])

    box = (0, 0, width, height)
    return m.marked.with_frames(change), _throughout(m, "region_replaced", box)


def _insert(m: Material, piece: Take) -> tuple[Take, Truth]:
    at_s = float(m.marked.at(0.45 * m.marked.seconds) / m.marked.rate)
    parts = (m.marked.part(0, at_s), piece, m.marked.part(at_s, m.marked.seconds))
    return joined(*parts), Truth(kind="inserted", cuts=(at_s, at_s + piece.seconds))


def _silent(take: Take) -> Take:
    sound = None if take.sound is None else np.zeros_like(take.sound)
    return replace(take, sound=sound)


def black_inserted(m: Material) -> tuple[Take, Truth]:
    piece = m.marked.part(0, 1.5)
    return _insert(m, _silent(piece.with_frames(lambda _, f: np.full_like(f, 16))))


def footage_inserted(m: Material) -> tuple[Take, Truth]:
    return _insert(m, replace(m.other.part(0, 1.5), sound=m.marked.part(0, 1.5).sound))


def removed(m: Material) -> tuple[Take, Truth]:
    start_s, end_s = 0.35 * m.marked.seconds, 0.35 * m.marked.seconds + 1.5
    take = joined(m.marked.part(0, start_s), m.marked.part(end_s, m.marked.seconds))
    return take, Truth(kind="cut", cuts=(start_s,))


def reordered(m: Material) -> tuple[Take, Truth]:
    third = m.marked.seconds / 3
    parts = [m.marked.part(i * third, (i + 1) * third) for i in (0, 2, 1)]
    return joined(*parts), Truth(kind="reordered", cuts=(third, 2 * third))


def repeated(m: Material) -> tuple[Take, Truth]:
    start_s, end_s = 0.3 * m.marked.seconds, 0.3 * m.marked.seconds + 1.8
    take = joined(m.marked.part(0, end_s), m.marked.part(start_s, m.marked.seconds))
    return take, Truth(kind="repeated", cuts=(end_s,))


def frozen(m: Material) -> tuple[Take, Truth]:
    at = m.marked.at(0.4 * m.marked.seconds)
    at_s = float(at / m.marked.rate)
    piece = _silent(m.marked.part(0, 1.5))
    piece = replace(piece, frames=[m.marked.frames[at - 1]] * len(piece.frames))
    take = joined(m.marked.part(0, at_s), piece, m.marked.part(at_s, m.marked.seconds))
    return take, Truth(kind="frozen", cuts=(at_s, at_s + piece.seconds))


def _remade(m: Material, change: Callable[[Take], Take], kind: str) -> tuple[Take, Truth]:
    """The middle part, of three seconds or half of the whole, changed in time."""
    length_s = min(3.0, m.marked.seconds / 2)
    start_s = 0.25 * m.marked.seconds
    piece = change(m.marked.part(start_s, start_s + length_s))
    rest = m.marked.part(start_s + length_s, m.marked.seconds)
    take = joined(m.marked.part(0, start_s), piece, rest)
    return take, Truth(kind=kind, cuts=(start_s, start_s + piece.seconds))


def faster(m: Material) -> tuple[Take, Truth]:
    def hurried(piece: Take) -> Take:
        count = round(len(piece.frames) / 1.25)
        frames = [piece.frames[round(i * 1.25)] for i in range(count)]
        if piece.sound is None:
            return replace(piece, frames=frames)
        samples = round(count / piece.rate * RATE)
        at = np.linspace(0, len(piece.sound) - 1, samples)
        ways = [np.interp(at, np.arange(len(piece.sound)), channel) for channel in piece.sound.T]
        return replace(piece, frames=frames, sound=np.stack(ways, 1).astype(np.float32))

    return _remade(m, hurried, "speed_changed")


def backwards(m: Material) -> tuple[Take, Truth]:
    def turned(piece: Take) -> Take:
        sound = None if piece.sound is None else piece.sound[::-1]
        return replace(piece, frames=piece.frames[::-1], sound=sound)

    return _remade(m, turned, "reversed")


def spliced_unmarked(m: Material) -> tuple[Take, Truth]:
    half = float(m.marked.at(m.marked.seconds / 2) / m.marked.rate)
    end = replace(m.other.part(half, m.marked.seconds), sound=m.marked.part(0, half).sound)
    take = joined(m.marked.part(0, half), end)
    return take, Truth(kind="added_after", cuts=(half,))


def spliced_marked(m: Material) -> tuple[Take, Truth]:
    half = float(m.marked.at(m.marked.seconds / 2) / m.marked.rate)
    take = joined(m.marked.part(0, half), m.other_marked.part(half, m.marked.seconds))
    return take, Truth(kind="spliced", cuts=(half,))


def sound_replaced(m: Material) -> tuple[Take, Truth]:
    return replace(m.marked, sound=m.other.sound), Truth(kind="audio_replaced")


def sound_of_another(m: Material) -> tuple[Take, Truth]:
    return replace(m.marked, sound=m.other_marked.sound), Truth(kind="audio_replaced")


def sound_shifted(m: Material) -> tuple[Take, Truth]:
    assert m.marked.sound is not None
    late = np.pad(m.marked.sound, ((RATE // 2, 0), (0, 0)))[: len(m.marked.sound)]
    return replace(m.marked, sound=late), Truth(kind="audio_shifted")


def sound_muted(m: Material) -> tuple[Take, Truth]:
    assert m.marked.sound is not None
    start_s, end_s = 0.4 * m.marked.seconds, 0.4 * m.marked.seconds + 1.5
    sound = m.marked.sound.copy()
    sound[round(start_s * RATE) : round(end_s * RATE)] = 0
    return replace(m.marked, sound=sound), Truth(kind="audio_muted", cuts=(start_s, end_s))


PICTURE_KINDS: dict[str, Callable[[Material], tuple[Take, Truth]]] = {
    kind.__name__: kind
    for kind in (
        region_replaced,
        region_inpainted,
        region_blurred,
        region_mosaic,
        logo,
        caption,
        sticker,
        moving_object,
        background,
        black_inserted,
        footage_inserted,
        removed,
        reordered,
        repeated,
        frozen,
        faster,
        backwards,
        spliced_unmarked,
        spliced_marked,
    )
}
SOUND_KINDS: dict[str, Callable[[Material], tuple[Take, Truth]]] = {
    kind.__name__: kind for kind in (sound_replaced, sound_of_another, sound_shifted, sound_muted)
}
BYTES_FLIPPED = "bytes_flipped"

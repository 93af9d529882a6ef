"""The shape of the tile in a soft map that is seen at a slant, without any key.

Under a perspective the tile has another size in every part of the picture, and the spectrum of the
whole shows no lattice. In each part, though, the map repeats after one tile to the right and one
down, and the autocorrelation of the part peaks there. How these two steps change from part to part
is ruled by two numbers, the same for both steps: with X counted from the middle of the map, a step
that is A there is (A − X (A·g)) (1 − g·X) at X (the derivative of a homography). So for every g the
autocorrelations of all parts are summed where a step A would lie in each, for all A at once; the
best pair of steps and its g are the shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.watermark.bend import straighten
from provenance.watermark.shake import steadied
from provenance.watermark.sync import SIDE, Folds, clipped, laid, straightened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from provenance.watermark.bend import Bend
    from provenance.watermark.sync import Placement

SLANTS = 2  # ways to take a keystone out that are followed, of each kind
_MOMENTS = (8, 4)  # maps in which a hand hardly moves, and fewer
_MOST_MOMENTS = 10  # sums of so many maps
_BETTER = 1.1  # times the coherence of the whole: following a hand has to be worth it
_SAME = 1.0  # pixels a tile
_COHERENT = 1.5  # energy of the sum of all tiles over that of the tiles
_PART = 160  # pixels a side of a part: two and a half tiles as marked
_PART_STEP = 56  # pixels between parts, at most
_SMOOTHING = 15  # bins over which a part's spectrum is compared with its surroundings
_OUTLIER = 8.0  # times the local mean
_USUAL = 17  # pixels over which repeats are compared with their surroundings
_MOST = 4.0  # times the usual
_NEAR, _FAR, _ACROSS = 32, 98, 32  # of a step: pixels along, least and most, and aside
_STEP = 2  # pixels between the steps tried
_LEAN, _LEANS = 0.4, 17  # g times half of a side, at most, and how many values are tried
_SIDES, _SIDE_STEP = (44.0, 74.0), 0.03  # of an upright tile, in pixels, and its relative step
_TURN_DEG, _TURN_STEP_DEG = 6.0, 2.0
_LEAN_ASIDE, _LEAN_UP, _LEAN_STEP = 0.3, 0.2, 0.05  # of an upright tile, as a lean
_PAIRED = 6  # best steps to the right, and down, of which the best pair is taken
_STARTS = 10
_MOVES = ((2.0, 0.03), (1.0, 0.015), (0.5, 0.008), (0.25, 0.004))  # pixels, leans


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystone:
    """A supposition of how the tile lies.

    ``plane``: (3, 3) homography from tiles (x, y) to pixels of the map, counted from its corner;
    its middle is a corner of a tile. ``score``: height of the sum over the parts, in standard
    deviations.
    """

    plane: NDArray[np.float64]
    score: float


class Parts:
    """What parts of maps (H, W each, outliers cut off) repeat: their whitened autocorrelations.

    Several maps may be off each other: each is compared with itself alone, and the sums are kept.
    """

    def __init__(self, maps: Sequence[NDArray[np.float32]]) -> None:
        height, width = maps[0].shape
        self.half = np.array([width / 2, height / 2], np.float32)
        side = min(_PART, height, width)
        tops, lefts = _spread(height, side), _spread(width, side)
        window = np.sqrt(np.hanning(side)[:, None] * np.hanning(side)[None]).astype(np.float32)
        reach = _FAR + _ACROSS
        planes, middles = [], []
        for top in tops:
            for left in lefts:
                flat = sum(
                    _whitened(soft[top : top + side, left : left + side] * window) for soft in maps
                )
                repeats = np.fft.irfft2(np.fft.ifftshift(flat, 0), (2 * side, 2 * side))
                planes.append(_peaked(np.fft.fftshift(repeats).astype(np.float32), side, reach))
                middles.append((left + side / 2, top + side / 2))
        self.reach = (planes[0].shape[0] - 1) // 2
        self.planes = np.stack(planes)
        self.planes[:, [0, -1]] = 0
        self.planes[:, :, [0, -1]] = 0
        self.middles = np.array(middles, np.float32) - self.half

    def heard(self, steps: NDArray[Any], leans: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) sums over the parts for (n, 2) ``steps`` under (n, 2) or (2,) ``leans``."""
        g = leans / self.half
        along = (steps * g).sum(-1)[None]  # (1, n)
        nearer = 1 - self.middles @ g.reshape(-1, 2).T  # (parts, n or 1)
        places = []
        for axis in (0, 1):
            moved = (steps[None, :, axis] - self.middles[:, axis, None] * along) * nearer
            # Beyond the reach nothing is heard: the margin is 0.
            places.append(np.clip(np.rint(moved), -self.reach, self.reach).astype(np.int32))
        side = 2 * self.reach + 1
        middle = self.reach * (side + 1)
        index = places[1] * side + places[0] + middle
        index += (np.arange(len(self.planes), dtype=np.int32) * side * side)[:, None]
        values = self.planes.reshape(-1)[index]
        return np.asarray(values.sum(0) / np.sqrt(len(self.planes)), np.float64)


def _whitened(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """The power spectrum of ``part`` (n, n), padded to twice that, over what is usual nearby."""
    side = 2 * len(part)
    power = np.square(np.abs(np.fft.rfft2(part, (side, side))))
    power = np.fft.fftshift(np.asarray(power, np.float32), 0)
    mean = cv2.blur(power, (_SMOOTHING, _SMOOTHING), borderType=cv2.BORDER_REFLECT_101)
    flat = np.minimum(power / (mean + np.float32(1e-20)), np.float32(_OUTLIER)) - 1
    return np.asarray(flat, np.float32)


def keystones(parts: Parts, count: int) -> list[Keystone]:
    """The best ``count`` suppositions, best first: tiles of any shape, up to 45° turned."""
    along = np.arange(_NEAR, min(_FAR, parts.reach), _STEP)
    aside = np.arange(-_ACROSS, _ACROSS + 1, _STEP)
    right = np.stack(np.meshgrid(along, aside, indexing="ij"), -1).reshape(-1, 2)
    right = right.astype(np.float32)
    down = right[:, ::-1].copy()
    found = []
    for x in np.linspace(-_LEAN, _LEAN, _LEANS):
        for y in np.linspace(-_LEAN, _LEAN, _LEANS):
            lean = np.array([x, y], np.float32)
            one, two = (s[np.argsort(parts.heard(s, lean))[-_PAIRED:]] for s in (right, down))
            pairs = np.concatenate([np.repeat(one, _PAIRED, 0), np.tile(two, (_PAIRED, 1))], 1)
            shapes = np.concatenate([np.tile(lean, (len(pairs), 1)), pairs], 1)
            scores = _scores(parts, shapes)
            best = int(scores.argmax())
            if np.isfinite(scores[best]):
                found.append((float(scores[best]), shapes[best]))
    return _best(parts, found, count)


def upright_keystones(parts: Parts, count: int) -> list[Keystone]:
    """The best ``count`` suppositions of a camera before a screen: square tiles, hardly turned.

    So much fewer than all that a fainter one stands out from what is so by chance.
    """
    least, most = np.log(_SIDES).tolist()
    sides = np.exp(np.arange(least, most, _SIDE_STEP))
    angles = np.deg2rad(np.arange(-_TURN_DEG, _TURN_DEG + 0.1, _TURN_STEP_DEG))
    x = np.outer(sides, np.cos(angles)).ravel()
    y = np.outer(sides, np.sin(angles)).ravel()
    pairs = np.stack([x, y, -y, x], 1).astype(np.float32)
    found = []
    for right in _up_to(_LEAN_ASIDE):
        for down in _up_to(_LEAN_UP):
            lean = np.array([right, down], np.float32)
            shapes = np.concatenate([np.tile(lean, (len(pairs), 1)), pairs], 1)
            scores = _scores(parts, shapes)
            best = int(scores.argmax())
            found.append((float(scores[best]), shapes[best]))
    return _best(parts, found, count)


def _up_to(lean: float) -> NDArray[np.float64]:
    steps = round(lean / _LEAN_STEP)
    return np.linspace(-lean, lean, 2 * steps + 1)


def _best(
    parts: Parts, found: list[tuple[float, NDArray[np.float64]]], count: int
) -> list[Keystone]:
    """The best ``count`` of (score, shape) ``found``, after a climb, and no two alike."""
    found.sort(key=lambda item: -item[0])
    climbed = [_climbed(parts, _shortest(start)) for _, start in found[:_STARTS]]
    kept: list[tuple[float, NDArray[np.float64]]] = []
    for score, shape in sorted(climbed, key=lambda item: -item[0]):
        if all(np.abs(shape - other).max() > 1.0 for _, other in kept):
            kept.append((score, shape))
    return [Keystone(plane=_plane(shape, parts.half), score=score) for score, shape in kept[:count]]


def _peaked(repeats: NDArray[np.float32], middle: int, reach: int) -> NDArray[np.float32]:
    """The autocorrelation around its ``middle``, as peaks over what is usual at each place.

    Pictures are alike near and far along their edges, in ridges; the tile is alike in one point.
    """
    around = slice(max(0, middle - reach), middle + reach + 1)
    soft = repeats[around, around]
    soft = cv2.GaussianBlur(soft, (0, 0), 1.0) - cv2.GaussianBlur(soft, (0, 0), 3.0)
    power = cv2.blur(soft * soft, (_USUAL, _USUAL), borderType=cv2.BORDER_REFLECT_101)
    usual = np.sqrt(np.maximum(power, 0))
    return np.asarray(np.clip(soft / (usual + np.float32(1e-12)), -_MOST, _MOST), np.float32)


def _spread(length: int, side: int) -> list[int]:
    room = length - side
    return [round(p) for p in np.linspace(0, room, int(np.ceil(room / _PART_STEP)) + 1)]


def _scores(parts: Parts, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) scores of (n, 6) shapes: lean, step to the right, step down."""
    lean, right, down = shapes[:, :2], shapes[:, 2:4], shapes[:, 4:]
    steps = (right, down, right + down, right - down)
    heard = sum(parts.heard(step, lean) for step in steps) / np.sqrt(len(steps))
    # A shape without area repeats in every map.
    area = np.abs(right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0])
    return np.where(area > _NEAR**2 / 2, heard, -np.inf)


def _shortest(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """``shape`` with the shortest steps that give the same lattice (Lagrange's reduction).

    A tile is about square: of all the parallelograms that a lattice can be cut into, these.
    """
    right, down = shape[2:4].copy(), shape[4:].copy()
    for _ in range(4):
        down -= np.rint(right @ down / (right @ right)) * right
        right -= np.rint(right @ down / (down @ down)) * down
    return np.concatenate([shape[:2], right, down])


def _climbed(parts: Parts, start: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    best, score = start, float(_scores(parts, start[None])[0])
    for pixels, lean in _MOVES:
        sizes = np.array([lean, lean, pixels, pixels, pixels, pixels])
        for _ in range(6):
            near = best + np.concatenate([np.diag(sizes), -np.diag(sizes)])
            scores = _scores(parts, near)
            if scores.max() <= score:
                break
            best, score = near[int(scores.argmax())], float(scores.max())
    return score, best


def _plane(shape: NDArray[np.float64], half: NDArray[np.float32]) -> NDArray[np.float64]:
    lean, right, down = shape[:2] / half, shape[2:4], shape[4:]
    plane = np.eye(3)
    plane[:2, 0], plane[:2, 1] = right, down
    plane[2, :2] = right @ lean, down @ lean
    to_middle = np.eye(3)
    to_middle[:2, 2] = half
    return np.asarray(to_middle @ plane, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slant:
    """A way in which a picture may be slanted.

    ``fine_map``: the finer map of all moments, moved back by ``slips`` (n, 2) pixels (x, y) of the
    usual map. ``shape``: of the tile in it; ``straight``: folds of it with the bend taken out.
    ``coherence``: as that of a :class:`~provenance.watermark.bend.Bend`.
    """

    fine_map: NDArray[np.float32]
    slips: NDArray[np.float64]
    shape: Placement
    straight: Folds
    coherence: float


def slants(
    maps: Sequence[NDArray[np.float32]],
    fine_map: NDArray[np.float32],
    finer: Callable[[NDArray[np.float64]], NDArray[np.float32]],
    *,
    ratio: float = 1.0,
) -> list[Slant]:
    """How a picture may be slanted, the best first.

    ``maps``: the usual ones (H, W, outliers cut off), one for each quarter of a second or so; in
    them the shapes are looked for, as their parts hold enough to repeat: in the sum of all and, of
    what was held in the hand, in sums over a second or two. ``fine_map``: the finer map of all,
    outliers cut off; ``finer`` makes one of the maps' slips (n, 2). ``ratio``: size of a cell as
    marked over the usual one; where it is larger, the search is made in maps so much smaller.
    """
    height, width = maps[0].shape
    size = (round(width / ratio), round(height / ratio))
    small = clipped(_shrunk(fine_map, size))
    if size != (width, height):
        maps = [clipped(_shrunk(soft, size)) for soft in maps]
    larger = np.array([width, height]) / size
    parts = Parts([small])
    found = [*upright_keystones(parts, SLANTS), *keystones(parts, SLANTS)]
    for together in _MOMENTS:
        if len(maps) > together:
            found += upright_keystones(Parts(_summed(maps, together)), SLANTS)
    slanted: list[Slant] = []
    followed: list[NDArray[np.float64]] = []
    for keystone in found:
        if any(_alike(keystone.plane, seen, size) for seen in followed):
            continue
        followed.append(keystone.plane)
        plane = keystone.plane @ np.diag([1 / SIDE, 1 / SIDE, 1.0])
        still = straighten(small, plane, SIDE)
        least = _COHERENT
        if still is not None and still.coherence >= least:
            slanted.append(_slant(still, 2 * larger, fine_map, np.zeros((len(maps), 2))))
            least = _BETTER * still.coherence
        steady = steadied(maps, plane, least=least) if len(maps) > 1 else None
        if steady is not None:
            slips = steady.slips * larger
            slanted.append(_slant(steady.bend, 2 * larger, clipped(finer(slips)), slips))
    return sorted(slanted, key=lambda item: -item.coherence)


def _shrunk(soft_map: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(soft_map, size, interpolation=cv2.INTER_AREA), np.float32)


def _slant(
    bend: Bend,
    larger: NDArray[np.float64],
    fine_map: NDArray[np.float32],
    slips: NDArray[np.float64],
) -> Slant:
    """``bend`` in ``fine_map``, which is so many times ``larger``, (x, y)."""
    # The same homography between pixels of another size.
    grow = np.diag([*larger, 1.0])
    grow[:2, 2] = (larger - 1) / 2
    whole = grow @ np.reshape(bend.homography, (3, 3)) @ np.linalg.inv(grow)
    taken = tuple((whole / whole[2, 2]).ravel().tolist())
    return Slant(
        fine_map=fine_map,
        slips=slips,
        shape=replace(laid(larger[:, None] * bend.matrix), bend=taken),
        straight=Folds(straightened(fine_map, taken)),
        coherence=bend.coherence,
    )


def _summed(maps: Sequence[NDArray[np.float32]], together: int) -> list[NDArray[np.float32]]:
    """Sums of so many of ``maps``, or more, in turn; at most as many sums as may be looked at."""
    together = max(together, -(-len(maps) // _MOST_MOMENTS))
    firsts = range(0, len(maps), together)
    return [clipped(np.sum(maps[first : first + together], 0)) for first in firsts]


def _alike(one: NDArray[np.float64], other: NDArray[np.float64], size: tuple[int, int]) -> bool:
    """Whether one tile is about the same in the middle and near a corner of a map of ``size``."""
    width, height = size
    for place in ((width / 2, height / 2), (width / 6, height / 6)):
        steps = [_steps(plane, place) for plane in (one, other)]
        if float(np.abs(steps[0] - steps[1]).max()) > _SAME:
            return False
    return True


def _steps(plane: NDArray[np.float64], place: tuple[float, float]) -> NDArray[np.float64]:
    """(2, 2) columns: one tile to the right and one down, where ``plane`` shows (x, y)."""
    here = np.linalg.inv(plane) @ [*place, 1.0]
    depth = 1 / here[2]  # of the map's place, as the plane counts it
    return np.asarray((plane[:2, :2] - np.outer(place, plane[2, :2])) * depth, np.float64)

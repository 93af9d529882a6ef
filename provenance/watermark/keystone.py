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

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance.watermark.repeats import ACROSS, FAR, NEAR, Parts
from provenance.watermark.sync import SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_AREA = (0.45, 4.0)  # of a tile, over that of one as marked, least and most
_STEP = 4  # pixels between the steps tried
_LEAN, _LEANS = 0.4, 17  # g times half of a side, at most, and how many values are tried
_SIDES, _SIDE_STEP = (44.0, 74.0), 0.03  # of an upright tile, in pixels, and its relative step
_TURN_DEG, _TURN_STEP_DEG = 6.0, 2.0
_LEAN_ASIDE, _LEAN_UP, _LEAN_STEP = 0.3, 0.2, 0.05  # of an upright tile, as a lean
_PAIRED = 6  # best steps to the right, and down, of which the best pair is taken
_KEPT = 3  # pairs of each lean
_STARTS, _COARSE_STARTS = 10, 24
_MOST_MOVES = 6  # of each size
_COARSE_MOVES = ((4.0, 0.06), (2.0, 0.03))  # pixels, leans
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


def keystones(parts: Parts, count: int) -> list[Keystone]:
    """The best ``count`` suppositions, best first: tiles of any shape, up to 45° turned.

    They are sought at half the grain, and the best of them are climbed at both.
    """
    coarse = parts.coarser()
    along = np.arange(NEAR, min(FAR, parts.reach), _STEP)
    aside = np.arange(-ACROSS, ACROSS + 1, _STEP)
    right = np.stack(np.meshgrid(along, aside, indexing="ij"), -1).reshape(-1, 2)
    right = right.astype(np.float32)
    down = right[:, ::-1].copy()
    found = []
    for x in np.linspace(-_LEAN, _LEAN, _LEANS):
        for y in np.linspace(-_LEAN, _LEAN, _LEANS):
            lean = np.array([x, y], np.float32)
            one, two = (s[np.argsort(coarse.heard(s, lean))[-_PAIRED:]] for s in (right, down))
            pairs = np.concatenate([np.repeat(one, _PAIRED, 0), np.tile(two, (_PAIRED, 1))], 1)
            shapes = np.concatenate([np.tile(lean, (len(pairs), 1)), pairs], 1)
            scores = _scores(coarse, shapes)
            # Of each lean a few: the loudest may be what the picture repeats by itself.
            best = [int(index) for index in np.argsort(scores)[-_KEPT:]]
            found += [(float(scores[i]), shapes[i]) for i in best if np.isfinite(scores[i])]
    starts = _loudest(found, _COARSE_STARTS)
    return _best(parts, _climbed(coarse, starts, _COARSE_MOVES)[1], count)


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
    return _best(parts, _loudest(found, _STARTS), count)


def _up_to(lean: float) -> NDArray[np.float64]:
    steps = round(lean / _LEAN_STEP)
    return np.linspace(-lean, lean, 2 * steps + 1)


def _loudest(found: list[tuple[float, NDArray[np.float64]]], count: int) -> NDArray[np.float64]:
    """(≤ count, 6) shapes of the best of (score, shape) ``found``, cut as short as they can be."""
    found.sort(key=lambda item: -item[0])
    return np.array([_shortest(shape) for _, shape in found[:count]]).reshape(-1, 6)


def _best(parts: Parts, starts: NDArray[np.float64], count: int) -> list[Keystone]:
    """The best ``count`` after a climb from (n, 6) ``starts``, and no two alike."""
    scores, shapes = _climbed(parts, starts, _MOVES)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if all(np.abs(shapes[index] - shapes[other]).max() > 1.0 for other in kept):
            kept.append(index)
    return [
        Keystone(plane=_plane(shapes[index], parts.half), score=float(scores[index]))
        for index in kept[:count]
    ]


def _scores(parts: Parts, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) scores of (n, 6) shapes: lean, step to the right, step down."""
    lean, right, down = shapes[:, :2], shapes[:, 2:4], shapes[:, 4:]
    steps = (right, down, right + down, right - down)
    every = parts.heard(np.concatenate(steps), np.tile(lean, (len(steps), 1)))
    heard = every.reshape(len(steps), -1).sum(0) / np.sqrt(len(steps))
    # Small shapes, and such without area, repeat in many a picture.
    area = np.abs(right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]) / SIDE**2
    low, high = _AREA
    return np.where((area > low) & (area < high), heard, -np.inf)


def _shortest(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """``shape`` with the shortest steps that give the same lattice (Lagrange's reduction).

    A tile is about square: of all the parallelograms that a lattice can be cut into, these.
    """
    right, down = shape[2:4].copy(), shape[4:].copy()
    for _ in range(4):
        down -= np.rint(right @ down / (right @ right)) * right
        right -= np.rint(right @ down / (down @ down)) * down
    return np.concatenate([shape[:2], right, down])


def _climbed(
    parts: Parts, starts: NDArray[np.float64], moves: Sequence[tuple[float, float]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) scores and (n, 6) shapes uphill of ``starts``, by ``moves`` of pixels and leans."""
    if not len(starts):
        return np.zeros(0), starts
    every = np.arange(len(starts))
    best, score = starts, _scores(parts, starts)
    for pixels, lean in moves:
        sizes = np.array([lean, lean, pixels, pixels, pixels, pixels])
        offsets = np.concatenate([np.zeros((1, 6)), np.diag(sizes), -np.diag(sizes)])
        for _ in range(_MOST_MOVES):
            near = best[:, None] + offsets
            scores = _scores(parts, near.reshape(-1, 6)).reshape(len(starts), -1)
            which = scores.argmax(1)
            best, score = near[every, which], scores[every, which]
            if not which.any():
                break
    return score, best


def _plane(shape: NDArray[np.float64], half: NDArray[np.float32]) -> NDArray[np.float64]:
    lean, right, down = shape[:2] / half, shape[2:4], shape[4:]
    plane = np.eye(3)
    plane[:2, 0], plane[:2, 1] = right, down
    plane[2, :2] = right @ lean, down @ lean
    to_middle = np.eye(3)
    to_middle[:2, 2] = half
    return np.asarray(to_middle @ plane, np.float64)

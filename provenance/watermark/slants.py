"""The ways in which a picture may be slanted: keystones, taken out, and the hand followed.

A keystone (:mod:`.keystone`) is a supposition. Here it is made exact by what all tiles have in
common (:mod:`.bend`), and of what was held in the hand moment by moment (:mod:`.shake`); what is
left is a map to be searched as an upright one is.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from provenance.watermark.bend import planar, straighten
from provenance.watermark.keystone import keystones, upright_keystones
from provenance.watermark.repeats import Parts
from provenance.watermark.shake import steadied
from provenance.watermark.sync import SIDE, THREADS, Folds, clipped, laid, straightened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from provenance.watermark.bend import Bend
    from provenance.watermark.keystone import Keystone
    from provenance.watermark.shake import Steady
    from provenance.watermark.sync import Placement

T = TypeVar("T")

_SLANTS = 2  # keystones that are followed, of each kind
_MOMENTS = (8, 4)  # maps summed, in which a hand hardly moves: two seconds, and one
_MOST_MOMENTS = 10  # such sums, at most
_BETTER = 1.1  # times the coherence of the whole: following a hand has to be worth it
_SAME = 1.0  # pixels a tile
_COHERENT = 1.5  # energy of the sum of all tiles over that of the tiles


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
) -> Iterator[Slant]:
    """How a picture may be slanted: the likely first, and each worked out when it is asked for.

    ``maps``: the usual ones (H, W, outliers cut off), one for each quarter of a second or so; in
    them the shapes are looked for, as their parts hold enough to repeat: in the sum of all and, of
    what was held in the hand, in sums over a second or two. ``fine_map``: the finer map of all,
    outliers cut off; ``finer`` makes it anew of moments that are moved back by the slips (n, 2),
    outliers and all. ``ratio``: size of a cell as marked over the usual one; where it is larger,
    the search is made in maps so much smaller.
    """
    height, width = maps[0].shape
    size = (round(width / ratio), round(height / ratio))
    small = clipped(_shrunk(fine_map, size))
    if size != (width, height):
        maps = [clipped(_shrunk(soft, size)) for soft in maps]
    larger = np.array([width, height]) / size

    def followed(keystone: Keystone) -> tuple[Bend | None, Steady | None]:
        plane = keystone.plane @ np.diag([1 / SIDE, 1 / SIDE, 1.0])
        still = straighten(small, plane, SIDE)
        if still is not None and still.coherence < _COHERENT:
            still = None
        least = _COHERENT if still is None else _BETTER * still.coherence
        steady = steadied(maps, plane, least=least) if len(maps) > 1 else None
        if still is None and steady is None:
            still = planar(plane, (size[1], size[0]))  # as it is supposed
        return still, steady

    for still, steady in _ahead(followed, _unlike(_supposed(small, maps), size)):
        if steady is not None:
            slips = steady.slips * larger
            yield _slant(steady.bend, 2 * larger, clipped(finer(slips)), slips)
        if still is not None and still.plausible:
            yield _slant(still, 2 * larger, fine_map, np.zeros((len(maps), 2)))


def _ahead(work: Callable[[Keystone], T], keystones: Iterable[Keystone]) -> Iterator[T]:
    """``work`` of each, in their order, that of the next ones beside it."""
    with ThreadPoolExecutor(THREADS) as pool:
        begun: deque[Future[T]] = deque()
        for keystone in keystones:
            begun.append(pool.submit(work, keystone))
            if len(begun) > THREADS:
                yield begun.popleft().result()
        for done in begun:
            yield done.result()


def _unlike(keystones: Iterable[Keystone], size: tuple[int, int]) -> Iterator[Keystone]:
    """Those of ``keystones`` that are unlike the ones before them."""
    seen: list[NDArray[np.float64]] = []
    for keystone in keystones:
        if not any(_alike(keystone.plane, other, size) for other in seen):
            seen.append(keystone.plane)
            yield keystone


def _supposed(
    small: NDArray[np.float32], maps: Sequence[NDArray[np.float32]]
) -> Iterator[Keystone]:
    """Keystones in the sum of all ``maps``, and in sums over a second or two."""
    parts = Parts([small])
    yield from upright_keystones(parts, _SLANTS)
    yield from keystones(parts, _SLANTS)
    for together in _MOMENTS:
        if len(maps) > together:
            yield from upright_keystones(Parts(_summed(maps, together)), _SLANTS)


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

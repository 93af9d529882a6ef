"""A stream of examples from processes that run real encoders while the GPU learns."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from attacks.training.examples import Examples, draw_examples
from attacks.training.scenes import Sources
from provenance.video import open_media

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

_AHEAD = 4  # scenes asked for and not come back yet, for each process
_sources: list[Sources] = []  # of this worker process, filled once when it starts


def unpack_sources(
    folder: Path, stills: NDArray[np.uint8], clips: Sequence[Path], most: int = 120
) -> None:
    """Write what all workers share into ``folder``: uncompressed, to be mapped and not copied.

    ``most``: frames kept of each clip.
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "stills.npy", stills)
    for index, clip in enumerate(clips):
        with open_media(clip) as reader:
            run = np.stack([picture.luma.copy() for picture in islice(reader.pictures(), most)])
        np.save(folder / f"run{index}.npy", run)


def open_sources(folder: Path) -> Sources:
    """What :func:`unpack_sources` has written."""
    runs = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("run*.npy"))]
    return Sources(stills=np.load(folder / "stills.npy", mmap_mode="r"), runs=runs)


def _begin(folder: Path) -> None:
    os.environ["SVT_LOG"] = "1"
    cv2.setNumThreads(1)
    _sources.append(open_sources(folder))


def _draw(seed: int) -> Examples:
    return draw_examples(_sources[0], seed)


class Supply:
    """Draws scenes of ascending seeds from ``first`` on, in ``workers`` processes."""

    def __init__(self, folder: Path, *, workers: int, first: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(folder,)
        )
        self._waiting: deque[Future[Examples]] = deque()
        self._ahead = _AHEAD * workers
        self._next = first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def next_seed(self) -> int:
        """The first seed that nobody has been asked to draw yet."""
        return self._next

    def take(self) -> Iterator[Examples]:
        """What has come back since; never waits."""
        self._ask()
        while self._waiting and self._waiting[0].done():
            yield self._waiting.popleft().result()
            self._ask()

    def wait(self, scenes: int) -> list[Examples]:
        """The next ``scenes``, however long they take."""
        taken: list[Examples] = []
        while len(taken) < scenes:
            self._ask()
            taken.append(self._waiting.popleft().result())
        return taken

    def _ask(self) -> None:
        while len(self._waiting) < self._ahead:
            self._waiting.append(self._pool.submit(_draw, self._next))
            self._next += 1

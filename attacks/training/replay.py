"""Real codecs beside the surrogate: marked clips are encoded in other processes while the GPU
works on, and come back some steps later as examples for the extractor.

No gradient passes through them, so they cannot teach the embedder; they keep the extractor honest
about what real encoders leave behind.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from provenance.video.elementary import CodecSettings, round_trip

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Marked clips (B, T, S, S) uint8 and the patterns in them (B, 1, P, P) float32."""

    clips: NDArray[np.uint8]
    patterns: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Means of some decoded frames (B, 1, S, S) float32, 0…255, and the patterns as given."""

    means: NDArray[np.float32]
    patterns: NDArray[np.float32]


def draw_settings(random: np.random.Generator) -> CodecSettings:
    """Mostly x264 from fine to ruinous, sometimes its successors at comparable qualities."""
    crf = int(random.integers(20, 47))
    kind = random.random()
    if kind < 0.72:
        return CodecSettings(crf=crf, preset=str(random.choice(["veryfast", "medium"])))
    if kind < 0.84:
        return CodecSettings(codec="x265", crf=crf, preset="ultrafast")
    if kind < 0.92:
        return CodecSettings(codec="vp9", crf=crf + 8)
    return CodecSettings(codec="av1", crf=crf + 10, preset="9")


def _decode(clip: NDArray[np.uint8], settings: CodecSettings, first: int) -> NDArray[np.float32]:
    shown, _ = round_trip(clip, settings)
    return np.asarray(shown[first:].mean(0), np.float32)


def _quiet() -> None:
    os.environ["SVT_LOG"] = "1"


class Replay:
    """A pool of encoders. ``submit`` never waits; ``take`` returns what has come back, or None."""

    def __init__(self, *, workers: int, depth: int = 6, keep: int = 8) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet)
        self._waiting: deque[tuple[list[Future[NDArray[np.float32]]], Batch]] = deque()
        self._ready: deque[Decoded] = deque(maxlen=keep)
        self._depth = depth

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def full(self) -> bool:
        """True while the encoders have enough to do: give them nothing more."""
        return len(self._waiting) >= self._depth

    def submit(self, batch: Batch, random: np.random.Generator) -> None:
        length = batch.clips.shape[1]
        futures = [
            self._pool.submit(
                _decode, clip, draw_settings(random), int(random.integers(0, length - 1))
            )
            for clip in batch.clips
        ]
        self._waiting.append((futures, batch))

    def take(self, random: np.random.Generator) -> Decoded | None:
        """One of the latest batches that came back; the same one may be taken again."""
        while self._waiting and all(future.done() for future in self._waiting[0][0]):
            futures, batch = self._waiting.popleft()
            means = np.stack([future.result() for future in futures])[:, None]
            self._ready.append(Decoded(means=means, patterns=batch.patterns))
        return self._ready[int(random.integers(len(self._ready)))] if self._ready else None

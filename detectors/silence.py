"""Sound that stops and starts again from one moment to the next: muted, not fallen silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.order import span
from detectors.result import Tampering

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

STEP_S = 0.02
SHORTEST_S = 0.3
SILENT = 1e-4  # rms, full scale 1: nothing is recorded so softly
_EDGE_STEPS = (2, 8)  # steps beside the silence that are heard: the nearest belong to the codec
_LOUD_SHARE = 0.2  # of the usual level: what falls silent by itself is softer just before


class LevelMeter:
    """Listens to blocks of (N, channels) float32 as they pass: the level of every 20 ms."""

    def __init__(self, rate: int) -> None:
        self._step = max(1, round(rate * STEP_S))
        self._step_s = self._step / rate
        self._rest = np.zeros(0, np.float32)
        self._levels: list[NDArray[np.float32]] = []

    def through(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            loud = np.abs(block).max(1) if block.size else np.zeros(len(block), np.float32)
            self._rest = np.concatenate([self._rest, loud])
            whole = len(self._rest) // self._step * self._step
            steps = self._rest[:whole].reshape(-1, self._step)
            self._levels.append(np.sqrt((steps * steps).mean(1)))
            self._rest = self._rest[whole:]
            yield block

    def muted(self) -> tuple[Tampering, ...]:
        """The silences in the midst of sound that begin and end at once."""
        if not self._levels:
            return ()
        levels = np.concatenate(self._levels)
        silent = levels < SILENT
        if silent.all() or not silent.any():
            return ()
        usual = float(np.median(levels[~silent]))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(np.int8), [0]])))
        found = []
        for first, last in edges.reshape(-1, 2).tolist():
            long_enough = (last - first) * self._step_s >= SHORTEST_S
            near, far = _EDGE_STEPS
            before, after = (
                levels[max(0, first - far) : max(0, first - near)],
                levels[last + near :],
            )
            # A beginning or an end without sound is nothing unusual.
            sides = [side[: far - near] for side in (before, after)]
            loud = all(len(side) and side.mean() >= _LOUD_SHARE * usual for side in sides)
            if long_enough and loud:
                start_s, end_s = first * self._step_s, last * self._step_s
                detail = f"the sound stops and starts again at once at {span(start_s, end_s)}"
                found.append(
                    Tampering(
                        kind="audio_muted",
                        start_s=round(start_s, 3),
                        end_s=round(end_s, 3),
                        detail=detail,
                    )
                )
        return tuple(found)

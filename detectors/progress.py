"""The line on the terminal: how much of a run is done, how fast it goes, how long it will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

_BAR = 24


class Progress:
    """Counts files. ``done`` of ``count`` were there before; ``clock`` gives seconds."""

    def __init__(self, *, count: int, done: int, clock: Callable[[], float]) -> None:
        self._count = count
        self._before = done
        self._done = done
        self._clock = clock
        self._start = clock()

    def finished(self) -> None:
        """One more file is done."""
        self._done += 1

    def line(self, path: str, fraction: float) -> str:
        """The line while ``fraction`` (0…1) of the file ``path`` is done."""
        share = min((self._done + fraction) / max(self._count, 1), 1.0)
        full = round(share * _BAR)
        parts = [f"[{'#' * full}{'.' * (_BAR - full)}] {share:4.0%}"]
        if self._count > 1:
            parts.append(f"{self._done}/{self._count}")
            # What was done before took no time of this run.
            finished, spent = self._done - self._before, self._clock() - self._start
            if finished and spent > 0:
                rate = finished / spent
                left = (self._count - self._done - fraction) / rate
                parts.append(f"{rate:.3g} files/s, {_span(max(left, 0.0))} left")
        return " ".join([*parts, printable(Path(path).name[:40])])


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"

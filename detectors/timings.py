"""Wall time of the steps of a verification."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Timings:
    """Wall time of each step and of all, in milliseconds."""

    started: float = field(default_factory=time.perf_counter)
    steps: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.steps[step] = round(self.steps.get(step, 0.0) + _ms(start), 1)

    def finish(self) -> dict[str, float]:
        return {**self.steps, "total": _ms(self.started)}


def _ms(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 1)

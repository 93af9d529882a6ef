"""Successes of trials, which never go anywhere without what they say of the true rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attacks.bench.statistics import Interval, rate, upper_bound, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    successes: int
    trials: int

    @property
    def share(self) -> float | None:
        """0…1, None where nothing was tried."""
        return self.successes / self.trials if self.trials else None

    @property
    def interval(self) -> Interval | None:
        """95 %, Wilson's. None where nothing was tried."""
        return wilson(self.successes, self.trials) if self.trials else None

    @property
    def upper(self) -> float | None:
        """The exact one-sided 95 % upper bound. None where nothing was tried."""
        return upper_bound(self.successes, self.trials) if self.trials else None

    @property
    def text(self) -> str:
        """With its interval or bound."""
        return rate(self.successes, self.trials)

    @property
    def bounded(self) -> str:
        """For what should not happen: always with the exact upper bound."""
        if self.upper is None or self.successes == 0:
            return self.text
        return f"{self.successes:,} of {self.trials:,} (≤ {_percent(self.upper)} %)"


def count_of(outcomes: Iterable[bool | None]) -> Count:
    """None is no trial."""
    tried = [outcome for outcome in outcomes if outcome is not None]
    return Count(successes=sum(tried), trials=len(tried))


def _percent(share: float) -> str:
    """Rounded up: a bound must not read as less than it is."""
    percent = 100 * share
    digits = 0 if percent >= 10 else 2
    return f"{math.ceil(percent * 10**digits - 1e-9) / 10**digits:g}"

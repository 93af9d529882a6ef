"""How sure a share is: intervals of counted successes, and two systems over the same cells.

A share of few trials says little, and "0 of n" says nothing without the rate that it still allows:
:func:`rate` is the one way to print a count, and never prints one without its interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import TYPE_CHECKING

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_HALVINGS = 60  # of 0…1: finer than a double is around 1e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A share of 0…1 lies in ``low`` … ``high`` with the confidence that was asked for."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Two systems over the same cells: how often both, one alone or neither succeeded.

    ``p``: two-sided p-value of the exact McNemar test that one is no better than the other.
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    p: float

    @property
    def cells(self) -> int:
        return self.both + self.first_only + self.second_only + self.neither


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """The score interval of a share, two-sided (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Unlike the usual ± it stays inside 0…1 and has a width at 0 of n and n of n. Raises
    :class:`~provenance.errors.OptionError` for impossible counts.
    """
    _check(successes, trials, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = successes / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    # At the ends the formula gives 0 and 1 up to rounding.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return Interval(low=low, high=high)


def upper_bound(successes: int, trials: int, *, confidence: float = 0.95) -> float:
    """The largest rate that ``successes`` of ``trials`` leave possible, one-sided and exact.

    Clopper and Pearson 1934 (doi:10.1093/biomet/26.4.404): the rate at which so few successes
    would have a probability of 1 − ``confidence``. 1 − 0.05^(1/n), near 3/n, for 0 of n. Raises
    :class:`~provenance.errors.OptionError` for impossible counts.
    """
    _check(successes, trials, confidence)
    if successes == trials:
        return 1.0
    low, high = successes / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_likely = _at_most(successes, trials, middle) > 1 - confidence
        low, high = (middle, high) if too_likely else (low, middle)
    return high


def compare(outcomes: Iterable[tuple[bool, bool]]) -> Pairing:
    """Two systems by their success in the same cells, each a pair of (first, second).

    Only cells in which they differ say which one is better: under the hypothesis that neither is,
    each such cell is a fair coin (McNemar 1947, doi:10.1007/BF02295996; the exact form).
    """
    counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
    for first, second in outcomes:
        counts[bool(first), bool(second)] += 1
    ahead, behind = counts[True, False], counts[False, True]
    differing = ahead + behind
    tail = _at_most(min(ahead, behind), differing, 0.5) if differing else 1.0
    return Pairing(
        both=counts[True, True],
        first_only=ahead,
        second_only=behind,
        neither=counts[False, False],
        p=min(1.0, 2 * tail),
    )


def middle(values: Iterable[float | None]) -> float | None:
    """The median of what was measured, None where nothing was. None values are left out."""
    measured = [value for value in values if value is not None]
    return median(measured) if measured else None


def rate(successes: int, trials: int, *, confidence: float = 0.95) -> str:
    """A count with what it says of the true rate: ``9 of 10 (60–98 %)``, ``0 of 10 (≤ 26 %)``.

    The Wilson interval; where nothing succeeded, the one-sided exact upper bound. ``0 of 0`` says
    nothing and is ``not tried``.
    """
    if trials == 0 and successes == 0:
        return "not tried"
    if successes == 0:
        bound = upper_bound(successes, trials, confidence=confidence)
        return f"0 of {trials:,} (≤ {_percent(bound)} %)"
    span = wilson(successes, trials, confidence=confidence)
    return f"{successes:,} of {trials:,} ({_percent(span.low)}–{_percent(span.high)} %)"


def _percent(share: float) -> str:
    """Two digits that count, and no more than a whole percent where shares are large."""
    percent = 100 * share
    # What is nearly all must not read as all.
    if share < 1 and percent >= 99.5:
        return f"{100 - float(f'{100 - percent:.1g}'):g}"
    return f"{percent:.0f}" if percent >= 9.95 or percent == 0 else f"{percent:.2g}"


def _at_most(successes: int, trials: int, share: float) -> float:
    """The probability of ``successes`` or fewer of ``trials`` at this rate."""
    if share <= 0 or trials == 0:
        return 1.0
    if share >= 1:
        return 1.0 if successes >= trials else 0.0
    log_yes, log_no, whole = math.log(share), math.log1p(-share), math.lgamma(trials + 1)
    # By logarithms: the binomial coefficients of some thousand trials are no doubles.
    return math.fsum(
        math.exp(
            whole
            - math.lgamma(n + 1)
            - math.lgamma(trials - n + 1)
            + n * log_yes
            + (trials - n) * log_no
        )
        for n in range(successes + 1)
    )


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials or trials == 0:
        raise OptionError(
            f"{successes} of {trials} is no share", hint="count 0 to n successes of n ≥ 1 trials"
        )
    if not 0 < confidence < 1:
        raise OptionError(f"a confidence of {confidence} is impossible", hint="0.95 is usual")

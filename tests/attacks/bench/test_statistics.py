"""Intervals and tests against published values."""

from __future__ import annotations

import pytest

from attacks.bench.statistics import compare, middle, rate, upper_bound, wilson
from provenance.errors import OptionError


# Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E), table I,
# method 3, and 9 of 10 as in the usual tables.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (9, 10, 0.5958, 0.9821),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_the_published_ones(successes, trials, low, high):
    span = wilson(successes, trials)
    assert (span.low, span.high) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(trials - successes, trials)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=5e-5)


def test_more_trials_and_less_confidence_are_narrower():
    def width(span):
        return span.high - span.low

    assert width(wilson(90, 100)) < width(wilson(9, 10)) < width(wilson(9, 10, confidence=0.99))


def test_upper_bounds_are_exact():
    for trials in (1, 10, 100, 10_000):
        assert upper_bound(0, trials) == pytest.approx(1 - 0.05 ** (1 / trials), rel=1e-9)
    assert upper_bound(0, 10_000) == pytest.approx(3e-4, rel=0.01)
    # Clopper and Pearson's two-sided 95 % interval of 1 of 10 ends at 0.4450, of 5 of 10 at 0.8129.
    assert upper_bound(1, 10, confidence=0.975) == pytest.approx(0.4450, abs=5e-5)
    assert upper_bound(5, 10, confidence=0.975) == pytest.approx(0.8129, abs=5e-5)
    assert upper_bound(10, 10) == 1


def test_pairs_are_compared_where_they_differ():
    cells = [(True, True)] * 40 + [(True, False)] * 9 + [(False, True)] + [(False, False)] * 3
    pairing = compare(cells)
    assert (pairing.both, pairing.first_only, pairing.second_only, pairing.neither) == (40, 9, 1, 3)
    assert pairing.cells == 53
    assert pairing.p == pytest.approx(2 * (1 + 10) / 2**10)
    assert compare([(b, a) for a, b in cells]).p == pairing.p
    assert compare([(True, True)] * 9).p == 1
    assert compare([]).p == 1
    assert compare([(True, False), (False, True)]).p == 1


def test_medians_leave_out_what_was_not_measured():
    assert middle([3.0, None, 1.0, 2.0]) == 2
    assert middle([None]) is None


@pytest.mark.parametrize(
    ("successes", "trials", "text"),
    [
        (9, 10, "9 of 10 (60–98 %)"),
        (0, 10, "0 of 10 (≤ 26 %)"),
        (0, 10_000, "0 of 10,000 (≤ 0.03 %)"),
        (10, 10, "10 of 10 (72–100 %)"),
        (9_999, 10_000, "9,999 of 10,000 (99.94–99.998 %)"),
        (0, 0, "not tried"),
    ],
)
def test_no_count_without_its_interval(successes, trials, text):
    assert rate(successes, trials) == text


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_counts_are_refused(successes, trials):
    for measure in (wilson, upper_bound):
        with pytest.raises(OptionError):
            measure(successes, trials)
    with pytest.raises(OptionError):
        wilson(1, 3, confidence=1.0)

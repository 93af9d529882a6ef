from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest

from provenance.in_order import in_order


def test_results_come_in_order_whoever_is_done_first():
    second = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            second.wait(10)
        else:
            second.set()
        return number * number

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(pool, work, range(6), ahead=2)) == [0, 1, 4, 9, 16, 25]
        assert list(in_order(pool, work, range(0), ahead=2)) == []


def test_no_more_is_begun_than_was_agreed():
    asked = count()
    with ThreadPoolExecutor(1) as pool:
        taken = list(islice(in_order(pool, str, asked, ahead=3), 5))
    assert taken == ["0", "1", "2", "3", "4"]
    assert next(asked) == 5 + 3


def test_what_fails_is_raised_in_its_turn():
    def work(number: int) -> float:
        return 1 / (number - 2)

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, work, range(9), ahead=4)
        assert [next(results), next(results)] == [-0.5, -1.0]
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert list(results) == []

from __future__ import annotations

import threading

import pytest

from generators.ahead import made_ahead


def _pieces(made: list[int], ended: threading.Event, *, fail_at: int | None = None):
    try:
        for number in range(1000):
            if number == fail_at:
                raise LookupError(number)
            made.append(number)
            yield number
    finally:
        ended.set()


def test_pieces_come_in_order_and_one_waits_while_one_is_made():
    made, ended = [], threading.Event()
    with made_ahead(_pieces(made, ended)) as pieces:
        assert [next(pieces) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert not ended.is_set()
    assert ended.is_set()
    assert 5 <= len(made) <= 8


def test_the_first_piece_is_made_before_anybody_asks():
    begun = threading.Event()

    def pieces():
        begun.set()
        yield 1

    with made_ahead(pieces()) as coming:
        assert begun.wait(10)
        assert list(coming) == [1]
        assert list(coming) == []


def test_what_fails_is_raised_in_its_turn():
    made, ended = [], threading.Event()
    with made_ahead(_pieces(made, ended, fail_at=3)) as pieces:
        assert [next(pieces) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(LookupError):
            next(pieces)
    assert ended.is_set()


def test_an_error_of_who_uses_them_ends_who_makes_them():
    before = threading.active_count()
    made, ended = [], threading.Event()

    def use() -> None:
        with made_ahead(_pieces(made, ended)) as pieces:
            raise KeyError(next(pieces))

    with pytest.raises(KeyError):
        use()
    assert ended.is_set()
    assert threading.active_count() == before

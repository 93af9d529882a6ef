from __future__ import annotations

import threading

import pytest

from provenance.behind import Behind


def test_all_is_done_in_order_and_no_more_waits_than_was_agreed():
    done, go = [], threading.Event()

    def first() -> None:
        go.wait(10)
        done.append(0)

    with Behind(3, "behind") as behind:
        behind.do(first)
        behind.do(lambda: done.append(1))
        behind.do(lambda: done.append(2))
        assert done == []
        threading.Timer(0.1, go.set).start()
        behind.do(lambda: done.append(3))  # waits for the first
        assert done[0] == 0
        behind.finish()
        assert done == [0, 1, 2, 3]


def test_what_fails_is_raised_later():
    def fails() -> None:
        raise ZeroDivisionError

    with Behind(2, "behind") as behind:
        behind.do(fails)
        with pytest.raises(ZeroDivisionError):
            behind.finish()
        behind.do(fails)
        behind.do(lambda: None)
        with pytest.raises(ZeroDivisionError):
            behind.do(lambda: None)


def test_a_block_that_breaks_off_leaves_the_rest_undone():
    done, go = [], threading.Event()

    def break_off() -> None:
        with Behind(9, "behind") as behind:
            behind.do(lambda: go.wait(10) and None)
            for _ in range(5):
                behind.do(lambda: done.append(1))
            threading.Timer(0.1, go.set).start()
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert done == []

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.order import order_of
from tests.result_facts import clock, mark, segments


def kinds(runs, parts="mmmmm"):
    facts = mark(clock=runs, segments=segments(parts))
    return [sign.kind for sign in order_of(facts, complete=True)[0]]


def in_one(*runs):
    first, *rest = clock(*runs)
    return (first, *(replace(run, goes_on=True) for run in rest))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (((0, 2, 0), (2, 3.5, 2, 0.0), (3.5, 5, 2)), ["frozen"]),
        (((0, 2, 0), (2, 3.5, 3.5, -1.0), (3.5, 5, 3.5)), ["reversed"]),
        (((0, 2, 0), (2, 3, 2, 1.5), (3, 5, 3.5)), ["speed_changed"]),
        (((0, 2, 0), (2, 5, 2.7)), ["cut"]),
        (((0, 2, 0), (2, 5, 2.3)), []),
    ],
)
def test_parts_that_go_on_in_another_way(runs, expected):
    assert kinds(in_one(*runs)) == expected


@pytest.mark.parametrize("after", [(), ((2, 5, 2),)])
def test_a_scene_that_stands_still_is_not_called_frozen(after):
    # The faint clock of a still scene reads as held, though the original went on meanwhile.
    assert kinds(in_one((0, 2, 0, 0.0), *after)) == []


def test_runs_that_were_read_apart_need_a_second():
    assert kinds(clock((0, 2, 0), (2, 5, 2.7))) == []


def test_what_was_moved_is_told_once():
    found, _ = order_of(
        mark(clock=clock((0, 1.5, 0), (1.5, 3, 3), (3, 4.5, 1.5)), segments=segments("mmmmm")),
        complete=True,
    )
    assert [(sign.kind, sign.start_s, sign.end_s) for sign in found] == [("reordered", 1.5, 3)]


@pytest.mark.parametrize(("parts", "expected"), [("mm??m", "inserted"), ("mmmmm", "frozen")])
def test_the_original_that_stands_still_meanwhile(parts, expected):
    assert kinds(clock((0, 2, 0), (3.5, 5, 2)), parts) == [expected]


@pytest.mark.parametrize(("speed", "expected"), [(1.04, []), (1.25, ["speed_changed"])])
def test_another_speed_of_the_whole(speed, expected):
    assert kinds(clock((0, 5, 0, speed))) == expected


def test_a_run_does_not_reach_into_what_carries_no_mark():
    # Read on for a while by chance: what is unmarked there is told elsewhere.
    assert kinds(clock((0, 3, 0), (3, 5, 2)), "mmumm") == []

"""Of many bodies at once a few begin, and nobody is held back for long."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from service.limits import Beginnings


def run(beginnings, bodies):
    """The order in which things happened: ``bodies`` are coroutine functions."""
    seen = []

    async def one(number, body):
        async with beginnings.one():
            seen.append(("begun", number))
            with suppress(ZeroDivisionError):
                await body()
            seen.append(("whole", number))

    async def all_of_them():
        await asyncio.gather(*(one(number, body) for number, body in enumerate(bodies)))

    asyncio.run(all_of_them())
    return seen


async def quick():
    for _ in range(5):
        await asyncio.sleep(0)


async def failing():
    await asyncio.sleep(0)
    raise ZeroDivisionError


@pytest.mark.parametrize("body", [quick, failing])
def test_one_after_the_other_in_the_order_of_their_coming(body):
    seen = run(Beginnings(1, lead_s=60, most_s=60), [body] * 4)
    assert seen == [(what, number) for number in range(4) for what in ("begun", "whole")]


def test_several_at_a_time():
    seen = run(Beginnings(2, lead_s=60, most_s=60), [quick] * 6)
    under_way = 0
    for what, _ in seen:
        under_way += 1 if what == "begun" else -1
        assert under_way <= 2
    assert len(seen) == 12


def test_a_slow_body_holds_nobody_back_for_long():
    async def endless():
        await until.wait()

    async def last():
        until.set()

    until = asyncio.Event()
    seen = run(Beginnings(1, lead_s=0.01, most_s=60), [endless, last])
    assert seen == [("begun", 0), ("begun", 1), ("whole", 1), ("whole", 0)]


def test_who_has_waited_long_enough_begins():
    async def endless():
        await until.wait()

    async def last():
        until.set()

    until = asyncio.Event()
    beginnings = Beginnings(1, lead_s=60, most_s=0.01)
    assert run(beginnings, [endless, last])[1] == ("begun", 1)
    assert beginnings._free._value == 1  # and none gives back more than was taken


def test_who_leaves_while_waiting_takes_no_turn():
    async def leave():
        beginnings = Beginnings(1, lead_s=60, most_s=60)
        async with beginnings.one():
            waiting = asyncio.create_task(beginnings.one().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        async with asyncio.timeout(30), beginnings.one():
            return True

    assert asyncio.run(leave())

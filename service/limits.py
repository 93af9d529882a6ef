"""How fast and how much at once: a token bucket for each tenant, and a count of bodies under way,
of which a few begin at a time.

Kept in memory of one process: with several behind a balancer each grants its share. What must hold
over all of them (quotas, the length of the queue) is counted in the database.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

_MOST_BUCKETS = 100_000


class RateLimits:
    """``clock``: seconds, never going back."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, tenant: str, per_minute: int | None) -> None:
        """Counts a request; raises :class:`Problem` (limit.rate) when the bucket is empty."""
        if per_minute is None:
            return
        now = self._clock()
        tokens, since = self._buckets.get(tenant, (float(per_minute), now))
        tokens = min(per_minute, tokens + (now - since) * per_minute / 60)
        if tokens < 1:
            raise Problem("limit.rate", retry_after_s=(1 - tokens) * 60 / per_minute)
        if len(self._buckets) >= _MOST_BUCKETS:
            self._buckets.clear()  # generous for a moment; never without bound
        self._buckets[tenant] = (tokens - 1, now)


class Places:
    """A number of places; who finds none is sent away rather than kept waiting in memory."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0

    @property
    def taken(self) -> int:
        return self._taken

    @contextmanager
    def one(self) -> Iterator[None]:
        """Holds a place; raises :class:`Problem` (limit.uploads). For one event loop alone."""
        if self._taken >= self._count:
            raise Problem("limit.uploads", retry_after_s=2)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Beginnings:
    """Lets ``count`` bodies at a time begin to be read; the others are held back by their sockets.

    Read side by side, two hundred uploads that come at once would all be whole at the end, and the
    workers idle until then. ``lead_s``: after which a body that is still under way no longer counts
    (its client is slow). ``most_s``: the longest that one is held back, whoever is before it.
    """

    def __init__(self, count: int, *, lead_s: float = 1.0, most_s: float = 5.0) -> None:
        self._free = asyncio.Semaphore(count)
        self._lead_s, self._most_s = lead_s, most_s

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Waits for its turn; within, the body is read."""
        try:
            async with asyncio.timeout(self._most_s):
                await self._free.acquire()
        except TimeoutError:
            yield
            return
        lead = asyncio.get_running_loop().call_later(self._lead_s, self._free.release)
        try:
            yield
        finally:
            if lead.when() > asyncio.get_running_loop().time():
                lead.cancel()
                self._free.release()

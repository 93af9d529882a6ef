"""Whose results are awaited: hundreds of clients may wait, and the database is asked once for all.

Workers are other processes, on other machines with Postgres: that a scan is done shows in the
database alone.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import anyio.to_thread

if TYPE_CHECKING:
    from service.scans import Scans

_SHORTEST_S, _LONGEST_S = 0.1, 2.0
_SHARE = 200
"""Looking may take a two hundredth of the time, however many wait."""


class Watch:
    """One for each server; used by the tasks of its event loop."""

    def __init__(self, scans: Scans) -> None:
        self._scans = scans
        self._awaited: dict[str, list[asyncio.Future[None]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, scan: str, most_s: float) -> None:
        """Returns when ``scan`` is done or deleted, or ``most_s`` seconds are over.

        Raises :class:`~provenance.errors.StoreError` when the database fails.
        """
        settled = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(scan, []).append(settled)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(most_s):
                await settled
        except TimeoutError:
            pass
        finally:
            waiting = self._awaited.get(scan, [])
            if settled in waiting:
                waiting.remove(settled)
            if not waiting:
                self._awaited.pop(scan, None)

    async def _look(self) -> None:
        """Looks again and again while somebody waits."""
        pause = _SHORTEST_S
        while self._awaited:
            await asyncio.sleep(pause)
            asked, began = list(self._awaited), time.monotonic()
            try:
                left = await anyio.to_thread.run_sync(self._scans.unfinished, asked)
            except Exception as error:  # noqa: BLE001 whoever waits is told, whatever it is
                for futures in self._awaited.values():
                    for future in futures:
                        if not future.done():
                            future.set_exception(error)
                return
            pause = min(max(_SHORTEST_S, _SHARE * (time.monotonic() - began)), _LONGEST_S)
            for scan in asked:
                if scan not in left:
                    for future in self._awaited.get(scan, []):
                        if not future.done():
                            future.set_result(None)

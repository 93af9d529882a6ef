"""Clips that wait for their turn: each tenant has one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.generation.making import Job


class Turns:
    """A queue in which a tenant with many clips holds up another by the one under way at most.

    Next is the tenant whose last turn is longest ago; of one tenant, who came first.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[Job]] = {}
        self._turns = 0
        self._last: dict[str, int] = {}  # number of each tenant's last turn

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, job: Job) -> None:
        self._lines.setdefault(job.tenant, deque()).append(job)

    def remove(self, job: Job) -> bool:
        """Takes ``job`` out of the queue; False where it does not wait (any more)."""
        line = self._lines.get(job.tenant)
        if line is None or job not in line:
            return False
        line.remove(job)
        if not line:
            del self._lines[job.tenant]
        return True

    def next(self) -> Job:
        """Whose turn it is, out of the queue. Raises :class:`LookupError` where nobody waits."""
        if not self._lines:
            raise LookupError("nobody waits")
        tenant = min(self._lines, key=lambda one: self._last.get(one, 0))
        job = self._lines[tenant].popleft()
        if not self._lines[tenant]:
            del self._lines[tenant]
        self._turns += 1
        self._last[tenant] = self._turns
        return job

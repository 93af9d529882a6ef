"""Clips that wait for their turn: each tenant has one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.generation.making import Job


class Turns:
    """A queue in which a tenant with many clips holds up another by one clip at most.

    Round robin over tenants, in the order in which they came; within one, first come, first made.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[Job]] = {}  # by tenant; the first key's turn is next

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, job: Job) -> None:
        self._lines.setdefault(job.tenant, deque()).append(job)

    def next(self) -> Job:
        """Whose turn it is, out of the queue. Raises :class:`LookupError` where nobody waits."""
        tenant = next(iter(self._lines), None)
        if tenant is None:
            raise LookupError("nobody waits")
        line = self._lines.pop(tenant)
        job = line.popleft()
        if line:
            self._lines[tenant] = line  # behind all others
        return job

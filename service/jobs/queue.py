"""The role of a queue: at least once, by leases.

A job is put in the transaction that makes its scan, so that an accepted scan always has one. A
worker that claims a job holds a lease that it must renew; when it dies, the lease runs out and
another worker claims the job. So a job may be worked on twice, and never not at all: that each scan
has exactly one result is the business of :meth:`service.scans.Scans.finish`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from service.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job in a worker's hands. ``attempt`` counts from 1; ``token`` tells this holder's lease."""

    scan: str
    token: str
    attempt: int


class Queue(Protocol):
    """All methods raise :class:`~provenance.errors.StoreError` when the database fails."""

    def put(self, transaction: Transaction, scan: str) -> None:
        """Adds a job for ``scan``, when ``transaction`` is committed; one a scan."""

    def claim(self, lease_s: float) -> Claim | None:
        """The job that waited longest, or one whose lease ran out; None when there is none."""

    def renew(self, claim: Claim, lease_s: float) -> bool:
        """Keeps the lease; False when it was lost, and the job may be another's by now."""

    def done(self, claim: Claim) -> None:
        """Takes the job away, if the lease still holds."""

    def again(self, claim: Claim, delay_s: float) -> None:
        """Gives the job back, to be claimed after ``delay_s``, if the lease still holds."""

    def waiting(self) -> int:
        """How many jobs are not finished."""

    def close(self) -> None:
        """Ends the use of the queue."""

"""Any order of deeds, deaths and delays: a scan keeps a job until it has its one result."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from service.accounts import Quota
from service.database import open_database
from service.jobs import open_queue
from service.scans import Answer, NewScan, Scans

LEASE_S = 10.0


class Machine(RuleBasedStateMachine):
    """Workers are claims: they finish, give up, are slow, or are never heard of again."""

    claims = Bundle("claims")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        address = str(Path(self.folder.name) / "service.sqlite")
        self.now = 1_800_000_000.0
        self.database = open_database(address)
        self.queue = open_queue(self.database, address, clock=lambda: self.now)
        self.told = []
        self.scans = Scans(
            self.database,
            self.queue,
            clock=lambda: self.now,
            on_finish=lambda _transaction, scan: self.told.append(scan.id),
        )
        self.accepted, self.results, self.deleted = set(), {}, set()
        self.leases = {}

    def teardown(self):
        self.database.close()
        self.folder.cleanup()

    @rule()
    def submit(self):
        self.now += 0.001
        new = NewScan(id=self.scans.new_id(), tenant="t", source="upload", depth="early", bytes=1)
        self.scans.submit(new, actor="test", quota=Quota())
        self.accepted.add(new.id)

    @rule(target=claims)
    def claim(self):
        found = self.queue.claim(LEASE_S)
        if found is None:
            return None
        # Nobody else may hold it now.
        until, _ = self.leases.get(found.scan, (0, None))
        assert until <= self.now
        self.leases[found.scan] = (self.now + LEASE_S, found.token)
        self.scans.started(found.scan, found.attempt)
        return found

    @rule(claim=claims)
    def renew(self, claim):
        if claim is None:
            return
        if self.queue.renew(claim, LEASE_S):
            assert self.leases[claim.scan][1] == claim.token
            self.leases[claim.scan] = (self.now + LEASE_S, claim.token)

    @rule(claim=consumes(claims), verdict=st.sampled_from(["a", "b", "c"]))
    def finish(self, claim, verdict):
        if claim is None:
            return
        answer = Answer(verdict=verdict, action="review", document={})
        first = self.scans.finish(claim.scan, answer, actor="worker")
        assert first == (claim.scan not in self.results and claim.scan not in self.deleted)
        if first:
            self.results[claim.scan] = verdict
        self.queue.done(claim)
        self._let_go(claim)

    @rule(claim=claims)
    def die_after_the_result(self, claim):
        """Killed between the result and the end of the job."""
        if claim is None:
            return
        answer = Answer(verdict="d", action="review", document={})
        if self.scans.finish(claim.scan, answer, actor="worker"):
            self.results[claim.scan] = "d"

    @rule(claim=consumes(claims))
    def give_back(self, claim):
        if claim is not None:
            self.queue.again(claim, 1.0)
            self._let_go(claim)

    @rule(seconds=st.sampled_from([0.5, LEASE_S / 2, LEASE_S + 1]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(data=st.data())
    def delete(self, data):
        if self.accepted:
            scan = data.draw(st.sampled_from(sorted(self.accepted)))
            gone = self.scans.delete(scan, tenant="t", actor="test")
            assert gone == (scan not in self.deleted)
            self.deleted.add(scan)

    def _let_go(self, claim):
        if self.leases.get(claim.scan, (0, None))[1] == claim.token:
            del self.leases[claim.scan]

    @invariant()
    def every_accepted_scan_has_a_result_or_a_job(self):
        with self.database.reading() as transaction:
            jobs = {row["scan"] for row in transaction.rows("SELECT scan FROM jobs")}
            rows = {row["id"]: row for row in transaction.rows("SELECT * FROM scans")}
            finished = [
                row["object"]
                for row in transaction.rows("SELECT * FROM audit WHERE action = 'scan.finished'")
            ]
        assert set(rows) == self.accepted - self.deleted
        for scan, row in rows.items():
            assert (row["state"] == "done") == (scan in self.results)
            assert row["verdict"] == self.results.get(scan)
            assert scan in jobs or scan in self.results
        assert sorted(finished) == sorted(self.results) == sorted(self.told)


Machine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMachine = Machine.TestCase

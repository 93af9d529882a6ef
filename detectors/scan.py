"""A run of ``ltx-verify`` over its files: verified, held against the policy, printed or kept."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.batch import content_digest, verify_all
from detectors.journal import Journal, forget, run_digest
from detectors.output import Printer, check_output
from detectors.policy import PASSING
from provenance.interrupts import noted_interrupts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.batch import Outcome, Settings
    from detectors.executors import Executor
    from detectors.policy import Condition, Policy
    from detectors.receipt_cli import Receipts
    from detectors.result import Result

POLICY_NOT_MET, UNREADABLE = 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Which files, how they are looked at, what is asked of them, and who does it."""

    paths: Sequence[str]
    settings: Settings
    requirement: Condition
    policy: Policy | None = None
    jobs: int = 1
    executor: Executor | None = None

    def journal(self, path: Path) -> Journal:
        """Where results are kept as they come, with those of a run before that still hold."""
        check_output(path)
        rules = "" if self.policy is None else self.policy.digest
        return Journal(
            path,
            run=run_digest([self.settings.facts(), str(self.requirement), rules]),
            asked=frozenset(self.paths),
            digest_of=content_digest,
        )


def run_scan(
    scan: Scan,
    *,
    form: str,
    output: str | None,
    resume: bool,
    quiet: bool,
    receipts: Receipts | None,
) -> int:
    """The highest exit code over all files, those that a run before has done included.

    ``resume``: each result is kept in ``output`` as it comes, in no order; otherwise results come
    in the order of the files.
    """
    file = None if not output or output == "-" else Path(output)
    with ExitStack() as opened:
        check_interrupt = opened.enter_context(noted_interrupts())
        journal = None
        if resume and file is not None:
            journal = opened.enter_context(scan.journal(file))
        done = {} if journal is None else journal.done
        printer = opened.enter_context(
            Printer(form=form, output=output, quiet=quiet, count=len(scan.paths), journal=journal)
        )

        def progress(path: str, fraction: float) -> None:
            check_interrupt()
            printer.progress(path, fraction)

        code = max(done.values(), default=0)
        for verified in verify_all(
            [path for path in scan.paths if path not in done],
            scan.settings,
            jobs=scan.jobs,
            executor=scan.executor,
            ordered=journal is None,
            progress=progress,
        ):
            outcome = _decided(verified, scan.policy)
            missing = _missing(outcome.result, scan.requirement)
            its_code = _exit_code(outcome, missing)
            printer.show(outcome, missing, its_code)
            if receipts is not None:
                receipts.add(outcome.result, met=not missing)
            code = max(code, its_code)
            check_interrupt()
    if file is not None and journal is None:
        forget(file)
    return code


def _decided(outcome: Outcome, policy: Policy | None) -> Outcome:
    if policy is None:
        return outcome
    return replace(outcome, result=replace(outcome.result, decision=policy.decide(outcome.result)))


def _missing(result: Result, requirement: Condition) -> tuple[str, ...]:
    missing, decision = requirement.failures(result), result.decision
    if decision is not None and decision.action not in PASSING:
        return (*missing, f"{decision.action}: {decision.reason}")
    return missing


def _exit_code(outcome: Outcome, missing: tuple[str, ...]) -> int:
    if outcome.exit_code:
        return outcome.exit_code
    if outcome.result.error is not None:
        return UNREADABLE
    return POLICY_NOT_MET if missing else 0

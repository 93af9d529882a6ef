"""Receipts of a run of ``ltx-verify``: written, and verified by ``--receipt``."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detectors.output import check_output, write_whole
from detectors.receipt import Problem, Receipt, make_receipt, read_receipt
from provenance.errors import InputForbidden, InputMissing, OptionError
from provenance.keys import default_keys_directory, load_identity
from provenance.keys.jws import MAX_BYTES
from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.policy import Condition
    from detectors.result import Result
    from provenance.trust import TrustSettings

DOES_NOT_HOLD = 1
_ABOUT_SIGNER = frozenset({"receipt.certificate", "receipt.expired", "receipt.untrusted"})


class Receipts:
    """The receipts of a run, which appear together in ``path``.

    Raises :class:`~provenance.errors.IdentityError` where there is no identity in ``keys`` (a
    directory, default the user's), and :class:`~provenance.errors.OutputForbidden`: before any
    work is done.
    """

    def __init__(self, path: Path, keys: str | None, requirement: Condition) -> None:
        check_output(path)
        directory = Path(keys) if keys else default_keys_directory(os.environ)
        self._identity = load_identity(directory)
        self._path = path
        self._requirement = str(requirement)
        self._lines: list[str] = []

    def add(self, result: Result, *, met: bool) -> None:
        """Signs a receipt for ``result``; nothing for a file that could not be opened."""
        if result.file.sha256 is None:
            return
        line = make_receipt(
            result,
            self._identity,
            now=datetime.now(UTC),
            requirement=self._requirement,
            met=met,
        )
        self._lines.append(f"{line}\n")

    def write(self) -> None:
        """Writes them all. Raises :class:`~provenance.errors.OutputError`."""
        write_whole(self._path, "".join(self._lines))


def check_receipts(
    path: str, files: Sequence[str], trust: TrustSettings, *, form: str = "text"
) -> int:
    """Prints what each receipt in ``path`` (one a line) says; returns the exit code.

    Each of ``files`` has to be what one of them is for; with one receipt and one file they are held
    against each other. Raises :class:`~provenance.errors.InputError` or
    :class:`~provenance.errors.OptionError`.
    """
    if form not in {"text", "json", "jsonl"}:
        raise OptionError(f"receipts are not printed as {form}", hint="use text, json or jsonl")
    lines = [line for line in _text(Path(path)).splitlines() if line.strip()]
    hashes = {file: _sha256(Path(file)) for file in files}
    alone = next(iter(hashes.values())) if len(lines) == len(files) == 1 else None
    receipts = [read_receipt(line, trust, file_sha256=alone) for line in lines]
    if not receipts:
        message = f"{path} is empty"
        receipts = [Receipt(problems=(Problem(code="receipt.malformed", message=message),))]
    known = {one.content_sha256 for one in receipts if one.holds}
    strangers = [file for file, digest in hashes.items() if digest not in known]
    if alone is not None:
        strangers = []  # said with the receipt itself
    for number, receipt in enumerate(receipts):
        fitting = [file for file, digest in hashes.items() if digest == receipt.content_sha256]
        if form == "text":
            click.echo(("\n" if number else "") + _described(receipt, fitting), nl=False)
        else:
            indent = 2 if form == "json" and len(receipts) == 1 else None
            click.echo(json.dumps(_record(receipt, fitting), ensure_ascii=False, indent=indent))
    for receipt in receipts:
        for problem in receipt.problems:
            click.echo(f"ltx-verify: {printable(problem.message)} [{problem.code}]", err=True)
    for file in strangers:
        click.echo(
            f"ltx-verify: no receipt that holds is for {printable(file)} [receipt.file]", err=True
        )
    return DOES_NOT_HOLD if strangers or not all(one.holds for one in receipts) else 0


def _described(receipt: Receipt, files: Sequence[str]) -> str:
    lines = [f"Receipt: {'holds' if receipt.holds else 'does not hold'}"]
    lines += [f"  - {problem.message} [{problem.code}]" for problem in receipt.problems]
    if receipt.result is None or receipt.time is None:
        return "\n".join([*map(printable, lines), ""])
    doubted = any(problem.code in _ABOUT_SIGNER for problem in receipt.problems)
    vouched = " (which nothing here vouches for)" if doubted else ""
    lines += [
        f"Signed by: {receipt.signer}{vouched}",
        f"Time: {receipt.time.isoformat()} (the signer's own clock)",
        f"Checked with: {receipt.detector}",
        f"Content: sha256:{receipt.content_sha256}",
    ]
    lines += [f"Is that of: {file}" for file in files]
    lines.append(f"Verdict: {receipt.result.get('verdict')}")
    tampered = receipt.result.get("tampered")
    answer = "Yes" if tampered is True else "No" if tampered is False else "not determined"
    lines.append(f"Tampered: {answer}")
    policy = receipt.policy or {}
    if policy.get("requirement"):
        met = "met" if policy.get("met") else "not met"
        lines.append(f"Required: {policy['requirement']} ({met})")
    decision = receipt.result.get("decision")
    if isinstance(decision, dict):
        by = f"{policy.get('name')} {policy.get('version')}, sha256:{policy.get('sha256')}"
        lines.append(f"Decision: {decision.get('action')} by policy {by}")
    return "\n".join([*map(printable, lines), ""])


def _record(receipt: Receipt, files: Sequence[str]) -> dict[str, object]:
    record = asdict(receipt)
    record["time"] = receipt.time.isoformat() if receipt.time else None
    return {"holds": receipt.holds, "files": list(files), **record}


def _text(path: Path) -> str:
    data = _opened(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OptionError(f"{path} is too large for receipts", hint=f"at most {MAX_BYTES} bytes")
    return data.decode("utf-8", "replace")


def _opened(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError as error:
        raise InputMissing(f"{path} does not exist", hint="check the path") from error
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise InputForbidden(message, hint="check that it is a file you may read") from error


def _sha256(path: Path) -> str:
    _opened(path, 1)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

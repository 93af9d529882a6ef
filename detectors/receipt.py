"""Receipts: a signed result that anybody who trusts its signer can verify later.

A receipt is one line: a JSON Web Signature (``provenance.keys.jws``) over a JSON object of the
schema ``everyframe.receipt/1``: when, by which version, over which bytes, against which policy, and
the result itself. It proves that its signer said so, and of which bytes; not that it is true.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from detectors.report.record import to_record
from provenance.errors import OptionError
from provenance.keys.chain import chain_fault, named
from provenance.keys.jws import (
    MalformedStatement,
    WrongSignature,
    read_statement,
    sign_statement,
)

if TYPE_CHECKING:
    from detectors.result import Result
    from provenance.keys import Identity
    from provenance.trust import TrustSettings

SCHEMA = "everyframe.receipt/1"
KIND = "everyframe-receipt+jws"
ReceiptCode: TypeAlias = Literal[
    "receipt.malformed",
    "receipt.signature",
    "receipt.certificate",
    "receipt.expired",
    "receipt.untrusted",
    "receipt.digest",
    "receipt.file",
]
_FAULTS: dict[str, ReceiptCode] = {
    "unfit": "receipt.certificate",
    "expired": "receipt.expired",
    "untrusted": "receipt.untrusted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a receipt does not hold. ``code`` never changes; ``message`` is for people."""

    code: ReceiptCode
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says, and what is wrong with it: nothing where ``problems`` is empty.

    ``signer`` is the name in its certificate, which means something only where the chain is
    trusted. ``content_sha256``: of the file, in hex. ``result``: JSON of the schema
    ``everyframe.verify/1``; ``policy``: what was required, None where nothing was.
    """

    problems: tuple[Problem, ...]
    signer: str | None = None
    time: datetime | None = None
    detector: str | None = None
    content_sha256: str | None = None
    policy: dict[str, Any] | None = None
    result: dict[str, Any] | None = None

    @property
    def holds(self) -> bool:
        return not self.problems


def make_receipt(
    result: Result,
    identity: Identity,
    *,
    now: datetime,
    requirement: str | None = None,
    met: bool | None = None,
) -> str:
    """The receipt for ``result``, signed by ``identity``, as one line without its end.

    ``now`` (aware) goes into it; ``requirement`` is the condition that was asked for, ``met``
    whether the file fulfilled it. The path of the file stays out: its name is enough. Raises
    :class:`~provenance.errors.OptionError` for a result without a hash: nothing was read, and a
    receipt would be for no file. Raises :class:`~provenance.errors.IdentityError`.
    """
    if result.file.sha256 is None:
        raise OptionError(
            f"{result.file.path} was not read, so there is nothing to give a receipt for",
            hint="receipts are for files that could be opened",
        )
    record = _without_path(to_record(result), result.file.path, result.file.name)
    return sign_record(record, identity, now=now, requirement=requirement, met=met)


def _without_path(value: Any, path: str, name: str) -> Any:
    """``value`` with the file's name for its path: messages and details name it, too."""
    if isinstance(value, str):
        return value.replace(path, name)
    if isinstance(value, dict):
        return {key: _without_path(item, path, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_path(item, path, name) for item in value]
    return value


def sign_record(
    record: dict[str, Any],
    identity: Identity,
    *,
    now: datetime,
    requirement: str | None = None,
    met: bool | None = None,
) -> str:
    """As :func:`make_receipt`, for a result that another process sent as JSON values.

    ``record``: what ``detectors.report.to_record`` makes, with a hash and without a path. Raises
    :class:`~provenance.errors.IdentityError`.
    """
    decision = record["decision"]
    asked = requirement is not None or decision is not None
    document = {
        "schema": SCHEMA,
        "time": now.astimezone(UTC).isoformat(timespec="seconds"),
        "detector": {"name": "everyframe", "version": version("everyframe")},
        "content": {"sha256": record["file"]["sha256"], "bytes": record["file"]["bytes"]},
        "policy": {
            "requirement": requirement,
            "met": met,
            "name": decision["policy_name"] if decision else None,
            "version": decision["policy_version"] if decision else None,
            "sha256": decision["policy_sha256"] if decision else None,
        }
        if asked
        else None,
        "result_sha256": _digest(record),
        "result": record,
    }
    return sign_statement(_canonical(document), identity, kind=KIND)


def read_receipt(text: str, trust: TrustSettings, *, file_sha256: str | None = None) -> Receipt:
    """What the receipt ``text`` says, and whether it holds under ``trust``.

    ``file_sha256``: of a file in hand that it should be for. The signer's certificate has to be
    good at the time that the receipt states.
    """
    try:
        statement = read_statement(text, kind=KIND)
        receipt = _parsed(statement.payload)
    except MalformedStatement as error:
        message = f"this is not a receipt: {error}"
        return Receipt(problems=(Problem(code="receipt.malformed", message=message),))
    except WrongSignature as error:
        message = f"the receipt was changed, or is not by its signer: {error}"
        return Receipt(problems=(Problem(code="receipt.signature", message=message),))
    assert receipt.time is not None
    problems = list(receipt.problems)
    fault = chain_fault(statement.certificates, trust, at=receipt.time)
    if fault is not None:
        problems.append(Problem(code=_FAULTS[fault[0]], message=fault[1]))
    if file_sha256 is not None and file_sha256 != receipt.content_sha256:
        message = (
            f"the receipt is for other bytes: for SHA-256 {receipt.content_sha256}, and the file"
            f" has {file_sha256}"
        )
        problems.append(Problem(code="receipt.file", message=message))
    return replace(receipt, signer=named(statement.certificates[0]), problems=tuple(problems))


def _parsed(payload: bytes) -> Receipt:
    """Raises :class:`MalformedStatement`."""
    try:
        document = json.loads(payload, parse_constant=_refused)
        if document["schema"] != SCHEMA:
            raise MalformedStatement(f"its schema is not {SCHEMA}")
        time = datetime.fromisoformat(document["time"])
        detector = f"{document['detector']['name']} {document['detector']['version']}"
        content, result = document["content"]["sha256"], document["result"]
        stated, policy = document["result_sha256"], document["policy"]
        told = result["file"]["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, MalformedStatement):
            raise
        raise MalformedStatement("what it says is not in the form of a receipt") from error
    if time.tzinfo is None or not isinstance(content, str):
        raise MalformedStatement("what it says is not in the form of a receipt")
    problems: tuple[Problem, ...] = ()
    if stated != _digest(result) or told != content:
        message = "the receipt contradicts itself: its result is not the one that it names"
        problems = (Problem(code="receipt.digest", message=message),)
    return Receipt(
        problems=problems,
        time=time,
        detector=detector,
        content_sha256=content,
        policy=policy if isinstance(policy, dict) else None,
        result=result,
    )


def _refused(constant: str) -> Any:
    raise MalformedStatement(f"{constant} is no JSON")


def _digest(record: Any) -> str:
    return hashlib.sha256(_canonical(record)).hexdigest()


def _canonical(document: Any) -> bytes:
    """The same bytes for the same JSON values: keys in order, nothing between."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8", "replace")

"""Events of object stores: at least once and in any order, turned into one scan for each content.

Source: Amazon S3, "Event message structure": keys are URL-encoded, and of two events of one key the
one whose ``sequencer`` is larger, compared as hexadecimal text of equal length, is the later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.database import Transaction

_MAX_EVENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent:
    """An object that was made or replaced. ``version`` is empty in a bucket without versions."""

    bucket: str
    key: str
    version: str
    sequencer: str
    size: int | None

    @property
    def address(self) -> str:
        """``s3://bucket/key``, with the version where there is one."""
        version = f"?versionId={quote(self.version, safe='')}" if self.version else ""
        return f"s3://{self.bucket}/{quote(self.key)}{version}"


def read_events(document: Any) -> Iterator[ObjectEvent | None]:
    """The events in an S3 notification; None for each that made no object.

    Raises ``ValueError`` for what is no notification.
    """
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 all that is wrong is a ValueError
    if document.get("Event") == "s3:TestEvent":
        return
    records = document.get("Records")
    if not isinstance(records, list) or len(records) > _MAX_EVENTS:
        raise ValueError(f"Records must be a list of at most {_MAX_EVENTS}")
    for record in records:
        yield _event(record)


def _event(record: Any) -> ObjectEvent | None:
    try:
        if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
            return None
        bucket, item = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key, version = unquote_plus(item["key"]), item.get("versionId") or ""
        sequencer, size = item.get("sequencer") or "", item.get("size")
        proper = all(_is_proper(text) for text in (bucket, key, version, sequencer))
        int(sequencer or "0", 16)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError("a record is not one of S3's") from error
    if not (proper and bucket and key):
        raise ValueError("a record is not one of S3's")
    return ObjectEvent(
        bucket=bucket,
        key=key,
        version=version,
        sequencer=sequencer,
        size=size if isinstance(size, int) and 0 <= size < 1 << 60 else None,
    )


def _is_proper(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= 1024 and "\0" not in text


def is_news(transaction: Transaction, tenant: str, event: ObjectEvent, scan: str) -> bool:
    """Notes the event, and ``scan`` as its scan, unless it is known or older than what is known."""
    place = (tenant, event.bucket, event.key, event.version)
    row = transaction.row(
        "INSERT INTO object_events (tenant, bucket, key, version, sequencer, scan)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, bucket, key, version)"
        " DO UPDATE SET scan = object_events.scan RETURNING sequencer, scan",
        (*place, event.sequencer, scan),
    )
    assert row is not None
    if row["scan"] == scan:
        return True
    if not later(event.sequencer, row["sequencer"]):
        return False
    transaction.run(
        "UPDATE object_events SET sequencer = ?, scan = ?"
        " WHERE tenant = ? AND bucket = ? AND key = ? AND version = ?",
        (event.sequencer, scan, *place),
    )
    return True


def later(one: str, other: str) -> bool:
    """Whether the sequencer ``one`` comes after ``other``."""
    length = max(len(one), len(other))
    return one.upper().ljust(length, "0") > other.upper().ljust(length, "0")

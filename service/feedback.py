"""What people say of results: stored without anything about them, for the operator to read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.database import Database
    from service.scans import Scan

Kind: TypeAlias = Literal["right", "missed", "false_alarm", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_CHARACTERS = 500
_GONE = "[removed]"
_TELLING = re.compile(
    r"\S+@\S+"  # e-mail addresses, and names of accounts
    r"|(?:https?://|www\.)\S+"
    r"|@\w+"
    r"|\+?\(?\d(?:[\s().-]{0,3}\d){5,}"  # telephone numbers, cards, other numbers of people
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``day``: ISO 8601; the time of day is not kept. ``version``: of everyframe."""

    scan: str
    day: str
    verdict: str
    version: str
    kind: str
    comment: str


class Feedback:
    """``clock``: seconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def give(self, scan: Scan, kind: Kind, comment: str) -> None:
        """Keeps what somebody says of ``scan``; whoever says more replaces what was said."""
        day = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        with self._database.writing() as transaction:
            transaction.run(
                "INSERT INTO feedback (scan, day, verdict, version, kind, comment)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (scan) DO UPDATE SET day = excluded.day,"
                " kind = excluded.kind, comment = excluded.comment",
                (
                    scan.id,
                    day,
                    scan.verdict or "",
                    version("everyframe"),
                    kind,
                    without_people(comment)[:MOST_CHARACTERS],
                ),
            )

    def entries(self, *, limit: int = 1000) -> list[Entry]:
        """The newest first."""
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT scan, day, verdict, version, kind, comment FROM feedback"
                " ORDER BY scan DESC LIMIT ?",
                (limit,),
            )
        return [Entry(**row) for row in rows]


def without_people(comment: str) -> str:
    """``comment`` without addresses, links, accounts and long numbers, on one line."""
    # Control characters and halves of surrogates are no words, and databases refuse some of them.
    words = "".join(char for char in " ".join(comment.split()) if char.isprintable())
    return _TELLING.sub(_GONE, words)

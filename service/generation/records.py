"""What the database knows of clips. The prompt is not in it: a queue of clips lives in memory, and
what a server has not made when it ends is told as ``generation.interrupted``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from service.audit import note

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.database import Database, Row
    from service.generation.wishes import Wish

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A clip. ``made``: content id, whether the model was trained, how much of the prompt's end it
    did not read, whether there is sound and a stream. Times in seconds since 1970.
    """

    id: str
    tenant: str
    state: State
    model: str
    request: str
    prompt_hash: str
    wanted: dict[str, Any]
    created: float
    finished: float | None
    expires: float | None
    progress: float | None
    made: dict[str, Any] | None
    error: dict[str, Any] | None


class Records:
    """``clock``: seconds since 1970. ``lease_s``: how long a server may be silent."""

    def __init__(self, database: Database, *, clock: Callable[[], float], lease_s: float) -> None:
        self._database = database
        self._clock = clock
        self.lease_s = lease_s

    def add(
        self, new: str, wish: Wish, *, tenant: str, actor: str, request: str, prompt_hash: str
    ) -> None:
        now = self._clock()
        with self._database.writing() as transaction:
            transaction.run(
                "INSERT INTO generations (id, tenant, state, model, request, prompt_hash, wanted,"
                " created, lease, progress) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, 0)",
                (
                    *(new, tenant, wish.model, request, prompt_hash, json.dumps(wish.told())),
                    *(now, now + self.lease_s),
                ),
            )
            note(transaction, now, tenant=tenant, actor=actor, action="generation.created",
                 item=new)  # fmt: skip

    def get(self, one: str, *, tenant: str | None = None) -> Record | None:
        """The clip, if it is the tenant's (None: anybody's) and has not expired."""
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT * FROM generations WHERE id = ? AND (expires IS NULL OR expires > ?)",
                (one, self._clock()),
            )
        mine = row is not None and tenant in (None, row["tenant"])
        return self._record(row) if row is not None and mine else None

    def made_before(self, tenant: str, request: str) -> Record | None:
        """The newest finished clip of the same request; one that will be there for a while."""
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT * FROM generations WHERE tenant = ? AND request = ? AND state = 'done'"
                " AND expires > ? ORDER BY id DESC LIMIT 1",
                (tenant, request, self._clock() + self.lease_s),
            )
        return None if row is None else self._record(row)

    def renew(self, one: str, *, state: State, progress: float) -> bool:
        """Keeps a clip that is under way; False once it was cancelled, or is gone."""
        with self._database.writing() as transaction:
            return (
                transaction.run(
                    "UPDATE generations SET state = ?, lease = ?, progress = ?"
                    " WHERE id = ? AND finished IS NULL",
                    (state, self._clock() + self.lease_s, progress, one),
                )
                == 1
            )

    def finish(
        self,
        one: str,
        state: Literal["done", "failed", "cancelled"],
        *,
        actor: str,
        keep_s: float,
        made: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> bool:
        """The end of a clip; False if it has ended already. A cancelled one stays cancelled."""
        now = self._clock()
        with self._database.writing() as transaction:
            row = transaction.row(
                "UPDATE generations SET state = ?, finished = ?, expires = ?, made = ?, error = ?,"
                " lease = NULL, progress = CASE WHEN ? = 'done' THEN 1.0 ELSE progress END"
                " WHERE id = ? AND finished IS NULL RETURNING tenant",
                (state, now, now + keep_s, _text(made), _text(error), state, one),
            )
            if row is not None:
                note(
                    transaction, now, tenant=row["tenant"], actor=actor,
                    action=f"generation.{state}", item=one,
                    detail=(error or {}).get("code", ""),
                )  # fmt: skip
        return row is not None

    def forget(self, one: str, *, actor: str) -> None:
        with self._database.writing() as transaction:
            row = transaction.row("DELETE FROM generations WHERE id = ? RETURNING tenant", (one,))
            if row is not None:
                note(transaction, self._clock(), tenant=row["tenant"], actor=actor,
                     action="generation.deleted", item=one)  # fmt: skip

    def expired(self) -> list[str]:
        """Clips whose time is over."""
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT id FROM generations WHERE expires <= ? ORDER BY expires LIMIT 1000",
                (self._clock(),),
            )
        return [row["id"] for row in rows]

    def abandoned(self) -> list[str]:
        """Clips that are not finished, and whose server has been silent for too long."""
        with self._database.reading() as transaction:
            rows = transaction.rows(
                "SELECT id FROM generations WHERE finished IS NULL AND lease <= ? LIMIT 1000",
                (self._clock(),),
            )
        return [row["id"] for row in rows]

    def unfinished(self) -> set[str]:
        with self._database.reading() as transaction:
            rows = transaction.rows("SELECT id FROM generations WHERE finished IS NULL")
        return {row["id"] for row in rows}

    def kept(self, ids: list[str]) -> set[str]:
        """Those of ``ids`` that there still are."""
        if not ids:
            return set()
        places = ", ".join("?" * len(ids))
        with self._database.reading() as transaction:
            rows = transaction.rows(f"SELECT id FROM generations WHERE id IN ({places})", ids)  # noqa: S608 question marks only
        return {row["id"] for row in rows}

    def _record(self, row: Row) -> Record:
        state, error = row["state"], row["error"]
        if row["finished"] is None and row["lease"] <= self._clock():
            state, error = "failed", '{"code": "generation.interrupted"}'
        return Record(
            id=row["id"],
            tenant=row["tenant"],
            state=state,
            model=row["model"],
            request=row["request"],
            prompt_hash=row["prompt_hash"],
            wanted=json.loads(row["wanted"]),
            created=row["created"],
            finished=row["finished"],
            expires=row["expires"],
            progress=row["progress"],
            made=None if row["made"] is None else json.loads(row["made"]),
            error=None if error is None else json.loads(error),
        )


def _text(document: dict[str, Any] | None) -> str | None:
    return None if document is None else json.dumps(document)

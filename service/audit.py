"""Who did what, when: written in the transaction of the deed, never changed, without content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.database import new_id

if TYPE_CHECKING:
    from service.database import Database, Row, Transaction


def note(
    transaction: Transaction,
    now: float,
    *,
    tenant: str,
    actor: str,
    action: str,
    item: str,
    detail: str = "",
) -> None:
    """Adds an entry. ``actor``: an API key's id, or "worker"; ``item``: what was dealt with."""
    transaction.run(
        "INSERT INTO audit (id, at, tenant, actor, action, object, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new_id("aud", now), now, tenant, actor, action, item, detail),
    )


def entries(database: Database, tenant: str, *, before: str | None, limit: int) -> list[Row]:
    """A tenant's entries, the newest first, older than the entry ``before``."""
    with database.reading() as transaction:
        return transaction.rows(
            "SELECT id, at, actor, action, object, detail FROM audit"
            " WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?",
            (tenant, before or "~", limit),
        )

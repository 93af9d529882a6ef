"""Tenants and their API keys: hashed, scoped, rotated; what a tenant may use in a day.

A key is ``ltx_<id>_<secret>`` with 256 random bits, so a plain SHA-256 of it cannot be guessed
back (no slow hash is needed for what no person chose). The secret is shown once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from provenance.errors import OptionError
from service.audit import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.database import Database, Row, Transaction

Scope: TypeAlias = Literal[
    "scans:write", "scans:read", "events:write", "keys:write", "audit:read", "metrics:read",
    "generations:write", "generations:read",
]  # fmt: skip
SCOPES: tuple[Scope, ...] = get_args(Scope)
CHANGEABLE = frozenset(
    {
        *("policy", "webhook_url", "webhook_secret", "disabled"),
        *("daily_scans", "daily_bytes", "per_minute"),
    }
)
"""What can be changed of a tenant: the columns of its table."""
_SECRET_BYTES = 32
_NAME_LENGTH = 100


class QuotaExceeded(Exception):
    """The tenant's day is full; ``retry_after_s`` says when the next one starts."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"the daily quota is used up for another {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Scans and bytes a day (UTC), and requests a minute; None: no limit."""

    daily_scans: int | None = None
    daily_bytes: int | None = None
    per_minute: int | None = None

    def take(self, transaction: Transaction, tenant: str, now: float, size: int) -> None:
        """Counts a scan of ``size`` bytes; raises :class:`QuotaExceeded` when it is too much."""
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        row = transaction.row(
            "INSERT INTO usage (tenant, day, scans, bytes) VALUES (?, ?, 1, ?)"
            " ON CONFLICT (tenant, day) DO UPDATE SET scans = usage.scans + 1,"
            " bytes = usage.bytes + excluded.bytes RETURNING scans, bytes",
            (tenant, day, size),
        )
        assert row is not None
        if (self.daily_scans is not None and row["scans"] > self.daily_scans) or (
            self.daily_bytes is not None and row["bytes"] > self.daily_bytes
        ):
            raise QuotaExceeded(86_400 - int(now) % 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """``policy``: name of an own policy file; ``webhook_secret``: ``whsec_…``."""

    id: str
    name: str
    quota: Quota
    policy: str | None
    webhook_url: str | None
    webhook_secret: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request: a tenant, by one of its keys."""

    tenant: Tenant
    key: str
    scopes: frozenset[str]


class Accounts:
    """``clock``: seconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def create_tenant(
        self, name: str, *, quota: Quota, policy: str | None = None, webhook_url: str | None = None
    ) -> Tenant:
        """Raises :class:`~provenance.errors.OptionError` when the name is taken, or is none."""
        if not name.strip() or not name.isprintable() or len(name) > _NAME_LENGTH:
            raise OptionError(
                f"{name!r} is no name of a tenant",
                hint=f"give up to {_NAME_LENGTH} characters that can be printed",
            )
        tenant, secret = f"ten_{secrets.token_hex(8)}", new_webhook_secret()
        with self._database.writing() as transaction:
            made = transaction.run(
                "INSERT INTO tenants (id, name, created, policy, daily_scans, daily_bytes,"
                " per_minute, webhook_url, webhook_secret) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (
                    tenant,
                    name,
                    self._clock(),
                    policy,
                    quota.daily_scans,
                    quota.daily_bytes,
                    quota.per_minute,
                    webhook_url,
                    secret,
                ),
            )
        if not made:
            raise OptionError(f"there is a tenant {name!r} already", hint="choose another name")
        found = self.tenant(tenant)
        assert found is not None
        return found

    def tenant(self, tenant: str) -> Tenant | None:
        """The tenant of this id or name."""
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT * FROM tenants WHERE id = ? OR name = ?", (tenant, tenant)
            )
        return None if row is None else _tenant(row)

    def change_tenant(self, tenant: str, changes: Mapping[str, object], *, actor: str) -> None:
        """Gives what ``changes`` names (of :data:`CHANGEABLE`) new values, from now on.

        Neither keys nor scans of a tenant that is ``disabled`` go; its keys open nothing.
        """
        assert changes
        assert changes.keys() <= CHANGEABLE
        columns = ", ".join(f"{name} = ?" for name in changes)
        now = self._clock()
        with self._database.writing() as transaction:
            transaction.run(
                f"UPDATE tenants SET {columns} WHERE id = ?",  # noqa: S608 names of ours alone
                (*changes.values(), tenant),
            )
            note(
                transaction,
                now,
                tenant=tenant,
                actor=actor,
                action="tenant.changed",
                item=tenant,
                detail=" ".join(sorted(changes)),
            )

    def any_tenant(self) -> bool:
        with self._database.reading() as transaction:
            return transaction.row("SELECT 1 AS one FROM tenants LIMIT 1") is not None

    def create_key(
        self, tenant: str, scopes: Iterable[str], *, expires: float | None = None, actor: str
    ) -> str:
        """A new key of ``tenant`` (its id). Its secret is stored nowhere.

        Raises :class:`~provenance.errors.OptionError` for an unknown scope.
        """
        chosen = sorted(set(scopes))
        check_scopes(chosen)
        key, secret = f"{secrets.token_hex(6)}", secrets.token_urlsafe(_SECRET_BYTES)
        now = self._clock()
        with self._database.writing() as transaction:
            transaction.run(
                "INSERT INTO api_keys (id, tenant, digest, scopes, created, expires)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (key, tenant, _digest(secret), " ".join(chosen), now, expires),
            )
            note(transaction, now, tenant=tenant, actor=actor, action="key.created", item=key)
        return f"ltx_{key}_{secret}"

    def revoke_key(self, tenant: str, key: str, *, actor: str, at: float | None = None) -> bool:
        """Ends a key of the tenant, at once or at a later time, so that clients can change over; an
        end that was set before stays, where it is earlier.
        """
        now = self._clock()
        end = at or now
        with self._database.writing() as transaction:
            changed = transaction.run(
                "UPDATE api_keys SET revoked ="
                " CASE WHEN revoked < ? THEN revoked ELSE CAST(? AS DOUBLE PRECISION) END"
                " WHERE id = ? AND tenant = ? AND (revoked IS NULL OR revoked > ?)",
                (end, end, key, tenant, now),
            )
            if changed:
                note(transaction, now, tenant=tenant, actor=actor, action="key.revoked", item=key)
        return changed == 1

    def rotate_key(self, caller: Caller, *, overlap_s: float) -> str:
        """A new key like the caller's, which ends after ``overlap_s``: the new one lives as long as
        that was made to.
        """
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT expires - created AS life_s FROM api_keys WHERE id = ?", (caller.key,)
            )
        life_s = None if row is None else row["life_s"]
        fresh = self.create_key(
            caller.tenant.id,
            caller.scopes,
            expires=None if life_s is None else self._clock() + life_s,
            actor=caller.key,
        )
        self.revoke_key(
            caller.tenant.id, caller.key, actor=caller.key, at=self._clock() + overlap_s
        )
        return fresh

    def caller(self, token: str) -> Caller | None:
        """Whose key ``token`` is; None when it is nobody's, or no longer."""
        prefix, _, rest = token.partition("_")
        key, _, secret = rest.partition("_")
        if prefix != "ltx" or not secret:
            return None
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT k.digest, k.scopes, k.expires, k.revoked, t.* FROM api_keys k"
                " JOIN tenants t ON t.id = k.tenant WHERE k.id = ?",
                (key,),
            )
        if row is None or not hmac.compare_digest(row["digest"], _digest(secret)):
            return None
        ends = [end for end in (row["expires"], row["revoked"]) if end is not None]
        if row["disabled"] or any(end <= self._clock() for end in ends):
            return None
        return Caller(tenant=_tenant(row), key=key, scopes=frozenset(row["scopes"].split()))


def new_webhook_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def check_scopes(scopes: Iterable[str]) -> None:
    """Raises :class:`~provenance.errors.OptionError` for an unknown scope."""
    for scope in scopes:
        if scope not in SCOPES:
            raise OptionError(f"unknown scope {scope!r}", hint=f"known: {', '.join(SCOPES)}")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _tenant(row: Row) -> Tenant:
    return Tenant(
        id=row["id"],
        name=row["name"],
        quota=Quota(
            daily_scans=row["daily_scans"],
            daily_bytes=row["daily_bytes"],
            per_minute=row["per_minute"],
        ),
        policy=row["policy"],
        webhook_url=row["webhook_url"],
        webhook_secret=row["webhook_secret"],
    )

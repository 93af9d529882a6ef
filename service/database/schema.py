"""The tables, as numbered steps: a database is brought forward step by step, never backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.errors import StoreError

if TYPE_CHECKING:
    from service.database.base import Database

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE tenants (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created DOUBLE PRECISION NOT NULL,
            disabled BIGINT NOT NULL DEFAULT 0, policy TEXT,
            daily_scans BIGINT, daily_bytes BIGINT, per_minute BIGINT,
            webhook_url TEXT, webhook_secret TEXT)""",
        """CREATE TABLE api_keys (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, digest TEXT NOT NULL, scopes TEXT NOT NULL,
            created DOUBLE PRECISION NOT NULL, expires DOUBLE PRECISION,
            revoked DOUBLE PRECISION)""",
        """CREATE TABLE usage (
            tenant TEXT NOT NULL, day TEXT NOT NULL, scans BIGINT NOT NULL, bytes BIGINT NOT NULL,
            PRIMARY KEY (tenant, day))""",
        """CREATE TABLE scans (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, state TEXT NOT NULL,
            created DOUBLE PRECISION NOT NULL, finished DOUBLE PRECISION,
            source TEXT NOT NULL, object TEXT, depth TEXT NOT NULL, callback TEXT,
            bytes BIGINT, sha256 TEXT, media_type TEXT, progress DOUBLE PRECISION,
            attempts BIGINT NOT NULL DEFAULT 0,
            verdict TEXT, action TEXT, answer TEXT)""",
        "CREATE INDEX scans_by_tenant ON scans (tenant, id)",
        "CREATE INDEX scans_unfinished ON scans (state, id) WHERE state <> 'done'",
        """CREATE TABLE idempotency (
            tenant TEXT NOT NULL, key TEXT NOT NULL, owner TEXT NOT NULL,
            until DOUBLE PRECISION NOT NULL, fingerprint TEXT, scan TEXT,
            PRIMARY KEY (tenant, key))""",
        """CREATE TABLE outbox (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, scan TEXT NOT NULL, url TEXT NOT NULL,
            body TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, due DOUBLE PRECISION,
            attempts BIGINT NOT NULL DEFAULT 0, state TEXT NOT NULL, answered BIGINT)""",
        "CREATE INDEX outbox_due ON outbox (due) WHERE state = 'pending'",
        "CREATE INDEX outbox_by_scan ON outbox (scan)",
        """CREATE TABLE object_events (
            bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL,
            sequencer TEXT NOT NULL, tenant TEXT NOT NULL, scan TEXT,
            PRIMARY KEY (tenant, bucket, key, version))""",
        """CREATE TABLE resumable (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, length BIGINT NOT NULL,
            received BIGINT NOT NULL DEFAULT 0, media_type TEXT NOT NULL, depth TEXT NOT NULL,
            created DOUBLE PRECISION NOT NULL,
            expires DOUBLE PRECISION NOT NULL, scan TEXT)""",
        """CREATE TABLE audit (
            id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, tenant TEXT NOT NULL,
            actor TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL,
            detail TEXT NOT NULL)""",
        "CREATE INDEX audit_by_object ON audit (object)",
        """CREATE TABLE jobs (
            scan TEXT PRIMARY KEY, due DOUBLE PRECISION NOT NULL, lease TEXT,
            attempts BIGINT NOT NULL DEFAULT 0)""",
        "CREATE INDEX jobs_due ON jobs (due)",
    ),
    (
        """CREATE TABLE tally (
            slot BIGINT NOT NULL, verdict TEXT NOT NULL, action TEXT NOT NULL,
            bucket BIGINT NOT NULL, scans BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (slot, verdict, action, bucket))""",
        """CREATE TABLE feedback (
            scan TEXT PRIMARY KEY, day TEXT NOT NULL, verdict TEXT NOT NULL,
            version TEXT NOT NULL, kind TEXT NOT NULL, comment TEXT NOT NULL)""",
    ),
    (
        # Of a prompt there is a keyed digest alone.
        """CREATE TABLE generations (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, state TEXT NOT NULL,
            model TEXT NOT NULL, request TEXT NOT NULL, prompt_hash TEXT NOT NULL,
            wanted TEXT NOT NULL, created DOUBLE PRECISION NOT NULL,
            finished DOUBLE PRECISION, expires DOUBLE PRECISION, lease DOUBLE PRECISION,
            progress DOUBLE PRECISION, made TEXT, error TEXT)""",
        "CREATE INDEX generations_by_request ON generations (tenant, request)",
        "CREATE INDEX generations_expired ON generations (expires)",
        "CREATE INDEX generations_unfinished ON generations (lease) WHERE finished IS NULL",
    ),
)

_LOCK = 0x4546_5356  # any number, the same for all who bring forward


def bring_forward(database: Database) -> None:
    """Makes the tables, or changes those of an older version; several processes may try at once.

    Raises :class:`~provenance.errors.StoreError` for a database of a newer version.
    """
    with database.writing() as transaction:
        if database.engine == "postgres":  # SQLite's writers are alone anyway
            transaction.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
        transaction.run("CREATE TABLE IF NOT EXISTS service_schema (version BIGINT NOT NULL)")
        found = transaction.row("SELECT version FROM service_schema")
        version = 0 if found is None else int(found["version"])
        if version > len(STEPS):
            raise StoreError(
                f"the service's database has version {version}, this program knows {len(STEPS)}",
                hint="use the newer version of everyframe that made it",
            )
        for step in STEPS[version:]:
            for statement in step:
                transaction.run(statement)
        if found is None:
            transaction.run("INSERT INTO service_schema (version) VALUES (?)", (len(STEPS),))
        else:
            transaction.run("UPDATE service_schema SET version = ?", (len(STEPS),))

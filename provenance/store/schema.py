"""The tables of a store, and how an older one becomes a newer one.

``{bytes}`` is the dialect's type for bytes. Times are ISO 8601 in UTC, so that they sort as text.
Content ids are kept as text where people look, and as a number where there are many.
"""

from __future__ import annotations

VERSION = 3

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        """CREATE TABLE manifests (
    content_id TEXT PRIMARY KEY CHECK (length(content_id) = 14),
    manifest {bytes},          -- NULL: reserved, its file is being made
    mime TEXT, model TEXT, day TEXT, prompt_hash TEXT, created TEXT,
    width INTEGER, height INTEGER, duration_s {real}
){options}""",
    ),
    2: (
        "ALTER TABLE manifests ADD COLUMN manifest_id TEXT",
        "ALTER TABLE manifests ADD COLUMN video_fingerprint {bytes}",
        "ALTER TABLE manifests ADD COLUMN audio_fingerprint {bytes}",
        "ALTER TABLE manifests ADD COLUMN keep_until TEXT",
        "ALTER TABLE manifests ADD COLUMN reserved_at TEXT",
        # Kept of a purged manifest: that its id was given.
        "ALTER TABLE manifests ADD COLUMN retired_at TEXT",
        "CREATE INDEX manifests_by_label ON manifests (manifest_id)",
        """CREATE TABLE subprints (
    print_key INTEGER NOT NULL, content {integer} NOT NULL, PRIMARY KEY (print_key, content)
){options}""",
        "CREATE INDEX subprints_by_content ON subprints (content)",
        """CREATE TABLE bindings (
    algorithm TEXT NOT NULL, value {bytes} NOT NULL, manifest_id TEXT NOT NULL,
    PRIMARY KEY (algorithm, value, manifest_id)
){options}""",
        "CREATE TABLE retention (model TEXT PRIMARY KEY, days INTEGER NOT NULL){options}",
    ),
    3: (
        # Beside the keys of fingerprints its number stands for an edition: see editions.py.
        """CREATE TABLE editions (
    number {integer} PRIMARY KEY, manifest_id TEXT NOT NULL UNIQUE, content_id TEXT NOT NULL,
    manifest {bytes} NOT NULL, mime TEXT, model TEXT, day TEXT, prompt_hash TEXT,
    created TEXT NOT NULL, width INTEGER, height INTEGER, duration_s {real},
    video_fingerprint {bytes}, audio_fingerprint {bytes}, keep_until TEXT
){options}""",
        "CREATE INDEX editions_by_content ON editions (content_id)",
    ),
}
"""What takes a store from the version before to this one, statement by statement."""

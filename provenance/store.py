"""The manifest store: content id → the manifest that was signed with it.

A manifest is lost with the first upload that transcodes; the mark is not. The content id in the
mark finds the manifest again here. This store is one SQLite file, good for one machine; a service
with many puts its own behind the same :class:`Store` protocol.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import unquote, urlsplit

from provenance.errors import OptionError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

_SCHEMA_VERSION = 1
_APPLICATION_ID = 0x45464D53  # "EFMS", so that another program's database is never written to
_BUSY_MS = 10_000
_SCHEMA = """
CREATE TABLE manifests (
    content_id TEXT PRIMARY KEY CHECK (length(content_id) = 14),
    manifest BLOB,          -- NULL: reserved, its file is being made
    mime TEXT, model TEXT, day TEXT, prompt_hash TEXT, created TEXT,
    width INTEGER, height INTEGER, duration_s REAL
) WITHOUT ROWID, STRICT;
"""
_COLUMNS = "content_id, manifest, mime, model, day, prompt_hash, created, width, height, duration_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredManifest:
    """A manifest and what a search wants to know of its file.

    ``content_id`` is 14 hex digits. ``mime`` is the signed file's type, ``model`` its registry
    key, ``day`` its generation date, ``created`` (aware) when it was signed.
    """

    content_id: str
    manifest: bytes
    mime: str
    model: str
    day: date
    prompt_hash: str | None
    created: datetime
    width: int
    height: int
    duration_s: float


class Store(Protocol):
    """Where manifests are kept. All methods raise :class:`StoreError` when it does not work."""

    def reserve(self, content_id: str) -> bool:
        """Takes ``content_id`` for a file about to be made; False when it is taken already."""

    def release(self, content_id: str) -> None:
        """Gives a reserved id back when its file was not made; what was put stays."""

    def put(self, record: StoredManifest) -> None:
        """Keeps ``record``; the same one twice is no matter, another under its id an error."""

    def get(self, content_id: str) -> StoredManifest | None:
        """The manifest under ``content_id``; None when there is none, or only a reservation."""

    def contains(self, content_id: str) -> bool:
        """Whether ``content_id`` is taken: put or reserved."""

    def close(self) -> None:
        """Ends the use of the store."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


def default_store_path(environ: Mapping[str, str]) -> Path:
    """``$LTX_STORE``, else ``everyframe/manifests.sqlite`` in ``$XDG_DATA_HOME`` or the like."""
    if chosen := environ.get("LTX_STORE"):
        return _sqlite_path(chosen)
    if data := environ.get("XDG_DATA_HOME"):
        return Path(data) / "everyframe" / "manifests.sqlite"
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return home / ".local" / "share" / "everyframe" / "manifests.sqlite"


def open_store(location: str | Path, *, create: bool = True) -> Store:
    """The store at ``location``: a path or ``sqlite:///path``.

    Made when missing, unless ``create`` is false: then a missing store is an empty one that is
    only read, and an existing one is only read, too. Raises :class:`OptionError` for another kind
    of URL, :class:`StoreError` when the file cannot be used or is no store.
    """
    path = _sqlite_path(location)
    if not create and not path.exists():
        return EmptyStore()
    return SqliteStore(path, writable=create)


def _sqlite_path(location: str | Path) -> Path:
    if isinstance(location, Path):
        return location
    scheme, separator, _ = location.partition("://")
    if not separator:
        return Path(location).expanduser()
    if scheme != "sqlite":
        raise OptionError(
            f"no manifest store of the kind {scheme}://",
            hint="give a path or sqlite:///path: a store is one SQLite file",
        )
    url = urlsplit(location)
    if url.netloc or url.query or len(url.path) < 2:
        raise OptionError(
            f"{location} is not the URL of a store",
            hint="three slashes for a relative path, four for an absolute one: "
            "sqlite:///store.sqlite, sqlite:////var/lib/everyframe/store.sqlite",
        )
    return Path(unquote(url.path[1:]))


class EmptyStore:
    """A store that does not exist: nothing is found, nothing can be kept."""

    def reserve(self, content_id: str) -> bool:  # noqa: ARG002
        raise _read_only()

    def release(self, content_id: str) -> None:
        pass

    def put(self, record: StoredManifest) -> None:  # noqa: ARG002
        raise _read_only()

    def get(self, content_id: str) -> StoredManifest | None:  # noqa: ARG002
        return None

    def contains(self, content_id: str) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class SqliteStore:
    """A store in one SQLite file, shared by any number of processes. One object a thread."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self._path = path
        self._writable = writable
        self._connection = _connect(path, writable=writable)
        try:
            with self._explained():
                self._check()
        except BaseException:
            self._connection.close()
            raise

    def reserve(self, content_id: str) -> bool:
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO manifests (content_id) VALUES (?)", (content_id,)
            )
            return cursor.rowcount == 1

    def release(self, content_id: str) -> None:
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM manifests WHERE content_id = ? AND manifest IS NULL", (content_id,)
            )

    def put(self, record: StoredManifest) -> None:
        values = (
            record.content_id,
            record.manifest,
            record.mime,
            record.model,
            record.day.isoformat(),
            record.prompt_hash,
            record.created.astimezone(UTC).isoformat(),
            record.width,
            record.height,
            record.duration_s,
        )
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT manifest FROM manifests WHERE content_id = ?", (record.content_id,)
            ).fetchone()
            if row is not None and row[0] is not None:
                if row[0] == record.manifest:
                    return
                raise StoreError(
                    f"{self._path} already holds another manifest for the content id "
                    f"{record.content_id}",
                    hint="reserve an id before marking, and draw again when it is taken",
                )
            connection.execute(
                f"INSERT OR REPLACE INTO manifests ({_COLUMNS}) "  # noqa: S608 constants only
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    def get(self, content_id: str) -> StoredManifest | None:
        with self._explained():
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM manifests "  # noqa: S608 constants only
                "WHERE content_id = ? AND manifest IS NOT NULL",
                (content_id,),
            ).fetchone()
            if row is None:
                return None
            return StoredManifest(
                content_id=row[0],
                manifest=row[1],
                mime=row[2],
                model=row[3],
                day=date.fromisoformat(row[4]),
                prompt_hash=row[5],
                created=datetime.fromisoformat(row[6]),
                width=row[7],
                height=row[8],
                duration_s=row[9],
            )

    def contains(self, content_id: str) -> bool:
        with self._explained():
            return (
                self._connection.execute(
                    "SELECT 1 FROM manifests WHERE content_id = ?", (content_id,)
                ).fetchone()
                is not None
            )

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        if application != _APPLICATION_ID:
            raise StoreError(
                f"{self._path} is a database, but no manifest store",
                hint="give the path of a store, or of a file that does not exist yet",
            )
        if version > _SCHEMA_VERSION:
            raise StoreError(
                f"{self._path} was made by a newer everyframe (version {version})",
                hint="update everyframe, or use another store",
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if not self._writable:
            raise _read_only()
        with self._explained():
            # IMMEDIATE takes the write lock before anything is read: no two reserve at once.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise _explain(error, self._path) from error


def _create(path: Path) -> None:
    """A new store at ``path`` unless something is there: made aside, so that it appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".store-")  # mkstemp: 0600
    os.close(handle)
    try:
        with closing(sqlite3.connect(name, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for writers
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        with suppress(FileExistsError):  # another process was quicker: its store is as good
            path.hardlink_to(name)
    finally:
        Path(name).unlink()


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    try:
        if writable and not path.exists():
            _create(path)
        mode = "rw" if writable else "ro"
        if not writable and not os.access(path.parent, os.W_OK) and not _side_file(path).exists():
            # Reading normally makes a side file; on read-only media nobody writes, so none is due.
            mode = "ro&immutable=1"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
    except (OSError, sqlite3.Error) as error:
        raise _explain(error, path) from error
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return connection


def _side_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _explain(error: Exception, path: Path) -> StoreError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or isinstance(error, ValueError):
        return StoreError(
            f"the manifest store {path} is damaged or no store: {error}",
            hint="restore it from a backup, or move it away to start a new one",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"the manifest store {path} is locked by another program",
            hint="wait for it to finish, or use another store",
        )
    if name.startswith("SQLITE_FULL"):
        return StoreError(
            f"no room for the manifest store {path}", hint="free some space on its disk"
        )
    reason = error.strerror if isinstance(error, OSError) else error
    return StoreError(
        f"cannot use the manifest store {path}: {reason}",
        hint="check that you may write the file and its folder, or choose another with --store",
    )


def _read_only() -> StoreError:
    return StoreError("the manifest store was opened for reading", hint="open it with create=True")

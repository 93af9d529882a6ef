"""Which store an address means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from provenance.errors import OptionError
from provenance.store.empty import EmptyStore
from provenance.store.postgres import PostgresDatabase
from provenance.store.sql import SqlStore
from provenance.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provenance.store.protocol import ManagedStore, Store

_POSTGRES = frozenset({"postgresql", "postgres"})
_HTTP = frozenset({"http", "https"})


def default_store_path(environ: Mapping[str, str]) -> Path | str:
    """``$LTX_STORE``, else ``everyframe/manifests.sqlite`` in ``$XDG_DATA_HOME`` or the like."""
    if chosen := environ.get("LTX_STORE"):
        return chosen if _scheme(chosen) in _POSTGRES | _HTTP else sqlite_path(chosen)
    if data := environ.get("XDG_DATA_HOME"):
        return Path(data) / "everyframe" / "manifests.sqlite"
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return home / ".local" / "share" / "everyframe" / "manifests.sqlite"


def open_store(location: str | Path, *, create: bool = True) -> Store:
    """The store at ``location``: a path, ``sqlite:///path``, ``postgresql://…``, or the ``https://``
    address of a resolver (:mod:`provenance.resolver`), which is named by that and thereby allowed.

    Made when missing, unless ``create`` is false: then a missing file is an empty store that is
    only read, and an existing one is only read, too. Raises :class:`OptionError` for another kind
    of address, :class:`StoreError` when it cannot be used or is no store.
    """
    scheme = _scheme(location)
    if scheme in _HTTP:
        # It stands on this package, and most stores are not asked over a network.
        from provenance.resolver.client import ResolverStore

        return ResolverStore(str(location), writable=create)
    if not create and scheme not in _POSTGRES and not sqlite_path(location).exists():
        return EmptyStore()
    return open_managed_store(location, writable=create)


def open_managed_store(
    location: str | Path, *, writable: bool = True, passed_on: bool = False
) -> ManagedStore:
    """The store in the file or the Postgres at ``location``, made when missing if ``writable``.

    ``passed_on``: threads may hand it to each other. Raises as :func:`open_store`.
    """
    if _scheme(location) in _POSTGRES:
        return SqlStore(PostgresDatabase(str(location), writable=writable))
    path = sqlite_path(location)
    return SqlStore(SqliteDatabase(path, writable=writable, passed_on=passed_on))


def sqlite_path(location: str | Path) -> Path:
    """The file that ``location`` names; raises :class:`OptionError` for other addresses."""
    if isinstance(location, Path):
        return location
    scheme = _scheme(location)
    if not scheme:
        return Path(location).expanduser()
    if scheme != "sqlite":
        raise OptionError(
            f"no manifest store of the kind {scheme}://",
            hint="give a path, sqlite:///path, postgresql://host/name or https://host/path",
        )
    url = urlsplit(location)
    if url.netloc or url.query or len(url.path) < 2:
        raise OptionError(
            f"{location} is not the URL of a store",
            hint="three slashes for a relative path, four for an absolute one: "
            "sqlite:///store.sqlite, sqlite:////var/lib/everyframe/store.sqlite",
        )
    return Path(unquote(url.path[1:]))


def _scheme(location: str | Path) -> str:
    scheme, separator, _ = str(location).partition("://")
    return scheme.lower() if separator and not isinstance(location, Path) else ""

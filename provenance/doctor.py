"""``ltx-doctor``: whether this installation can do its work, and what is wrong where it cannot."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import click

from provenance.config import LtxCommand
from provenance.errors import EveryframeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

State: TypeAlias = Literal["ok", "note", "wrong"]

PACKAGES = ("torch", "numpy", "av", "c2pa-python", "cryptography", "opencv-python-headless")
SCALE = ("psycopg", "procrastinate", "obstore")
OLDEST_SQLITE = (3, 35, 0)
"""The first that has RETURNING."""
LEAST_FREE_BYTES = 1 << 30
"""Below this a stamped clip, written beside its source before it is signed, may not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``wrong`` keeps a command from working, ``note`` is worth knowing; ``hint``: what to do."""

    name: str
    state: State
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is looked at: the keys directory, the store and the folder for temporary files; of the
    service its folder and the address of its Postgres, where there are any.
    """

    keys: Path
    store: Path | str
    work: Path
    service_data: Path | None = None
    service_database: str | None = None


def examine(places: Places) -> Iterator[Finding]:
    """Every finding, one by one, the slow ones last. A check that fails is itself a finding."""
    checks: tuple[tuple[str, Callable[[Places], Iterator[Finding]]], ...] = (
        ("versions", _versions),
        ("disk", _disk),
        ("keys", _keys),
        ("store", _store),
        ("sandbox", _sandbox),
        ("service", _service),
        ("codecs", _codecs),
        ("credentials", _credentials),
        ("torch", _torch),
    )
    for name, check in checks:
        try:
            yield from check(places)
        except EveryframeError as error:
            yield Finding(name=name, state="wrong", detail=error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001 a broken library must not hide the other findings
            detail = f"{type(error).__name__}: {error}"
            yield Finding(name=name, state="wrong", detail=detail, hint="reinstall: make setup")


def _versions(_: Places) -> Iterator[Finding]:
    yield Finding(name="python", state="ok", detail=f"{platform.python_version()}, {sys.platform}")
    for package in ("everyframe", *PACKAGES):
        try:
            yield Finding(name=package, state="ok", detail=version(package))
        except PackageNotFoundError:
            hint = "install it: make setup"
            yield Finding(name=package, state="wrong", detail="not installed", hint=hint)


def _disk(places: Places) -> Iterator[Finding]:
    free = shutil.disk_usage(places.work).free
    detail = f"{free / (1 << 30):.1f} GiB free in {places.work}"
    enough = free >= LEAST_FREE_BYTES
    hint = "" if enough else "free some space: output is complete or not written at all"
    yield Finding(name="disk", state="ok" if enough else "wrong", detail=detail, hint=hint)


def _keys(places: Places) -> Iterator[Finding]:
    from provenance.keys import carrier_keys, load_identity, renewal_notice
    from provenance.trust_list import installed_list

    if not places.keys.exists():
        detail = f"none in {places.keys}: a development identity is made with the first stamp"
        yield Finding(name="identity", state="note", detail=detail, hint="ltx-keys init")
        return
    try:
        identity = load_identity(places.keys)
    except EveryframeError as error:
        yield Finding(name="identity", state="wrong", detail=error.message, hint=error.hint)
    else:
        kind = "development, trusted by nobody else" if identity.development else "imported"
        yield Finding(
            name="identity",
            state="note" if identity.development else "ok",
            detail=f"{identity.name} ({kind}, {identity.algorithm}) in {places.keys}",
            hint="for real use: ltx-keys import" if identity.development else "",
        )
        notice = renewal_notice(identity, now=datetime.now(UTC))
        if notice is not None:
            yield Finding(name="certificate", state="note", detail=notice)
    listed = installed_list(places.keys)
    if listed is not None:
        old = listed.stale(datetime.now(UTC).date())
        yield Finding(
            name="trust list",
            state="note" if old else "ok",
            detail=f"{listed.title} of {listed.day}, {listed.certificates} authorities",
            hint="it is old: ltx-keys trust update" if old else "",
        )
    private = sum(not key.public for key in carrier_keys(places.keys))
    yield Finding(
        name="carrier keys",
        state="ok" if private else "note",
        detail=f"{private} private, and the published one",
        hint="" if private else "marks under the published key can be forged: ltx-keys new-carrier",
    )


def _store(places: Places) -> Iterator[Finding]:
    from provenance.store import open_store

    if isinstance(places.store, Path) and not places.store.exists():
        detail = f"none at {places.store}: made with the first stamp"
        yield Finding(name="store", state="note", detail=detail)
        return
    with open_store(places.store, create=False) as store:
        store.contains("0" * 14)  # a damaged database opens, and fails when it is asked
    yield Finding(name="store", state="ok", detail=str(places.store))


def _sandbox(_: Places) -> Iterator[Finding]:
    from provenance.sandbox import available_level

    level = available_level()
    yield Finding(
        name="sandbox",
        state="ok" if level.complete else "note",
        detail=level.describe(),
        hint="" if level.complete else "Linux 5.13 or newer with Landlock on closes files off",
    )


def _service(places: Places) -> Iterator[Finding]:
    """What ``ltx-serve`` and ``ltx-worker`` stand on, by their variables."""
    sqlite = sqlite3.sqlite_version
    old = sqlite3.sqlite_version_info < OLDEST_SQLITE
    oldest = ".".join(map(str, OLDEST_SQLITE))
    yield Finding(
        name="service: sqlite",
        state="wrong" if old else "ok",
        detail=sqlite,
        hint=f"the service needs SQLite {oldest}" if old else "",
    )
    missing = [name for name in SCALE if find_spec(name) is None]
    yield Finding(
        name="service: many machines",
        state="note" if missing else "ok",
        detail=f"without {', '.join(missing)}" if missing else "Postgres and object stores",
        hint="pip install 'everyframe[scale]'" if missing else "",
    )
    if places.service_data is not None:
        folder = next(one for one in (places.service_data, *places.service_data.parents)
                      if one.exists())  # fmt: skip
        writable = os.access(folder, os.W_OK)
        yield Finding(
            name="service: data",
            state="ok" if writable else "wrong",
            detail=f"{places.service_data}{'' if writable else ' cannot be written to'}",
            hint="" if writable else "give its user the right, or set LTX_SERVICE_DATA",
        )
    if places.service_database is not None and "psycopg" not in missing:
        yield _postgres(places.service_database)


def _postgres(address: str) -> Finding:
    import psycopg

    name = "service: database"
    try:
        with psycopg.connect(address, connect_timeout=3) as connection:
            number = connection.info.server_version // 10_000
    except psycopg.Error as error:
        # Not the address: it may hold a password.
        detail = str(error).strip().splitlines()[-1]
        hint = "check LTX_SERVICE_DATABASE, and that Postgres runs"
        return Finding(name=name, state="wrong", detail=detail, hint=hint)
    return Finding(name=name, state="ok", detail=f"Postgres {number}")


def _codecs(_: Places) -> Iterator[Finding]:
    from provenance.video import describe_ffmpeg

    facts = describe_ffmpeg()
    libraries = cast("dict[str, str]", facts["libraries"])
    detail = ", ".join(f"{name} {number}" for name, number in sorted(libraries.items()))
    yield Finding(name="ffmpeg", state="ok", detail=detail)
    for direction, needed in (("encoders", "libx264"), ("decoders", "h264")):
        known = cast("dict[str, bool]", facts[direction])
        missing = [name for name, there in known.items() if not there]
        there = ", ".join(name for name, there in known.items() if there)
        state: State = "wrong" if not known.get(needed) else "note" if missing else "ok"
        lacks = f"; this build lacks {', '.join(missing)}" if missing else ""
        yield Finding(name=direction, state=state, detail=f"{there}{lacks}")


def _credentials(_: Places) -> Iterator[Finding]:
    from provenance.manifest.selftest import check_settings

    for check in check_settings(now=datetime.now(UTC)):
        yield Finding(
            name=f"credentials: {check.name}",
            state="ok" if check.ok else "wrong",
            detail="tried" if check.ok else check.detail,
            hint="" if check.ok else "this c2pa-python behaves differently: make setup",
        )


def _torch(_: Places) -> Iterator[Finding]:
    import torch

    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    where = ", ".join(devices) if devices else f"CPU, {torch.get_num_threads()} threads"
    yield Finding(name="compute", state="ok", detail=where)


@click.command(
    name="ltx-doctor",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 all is well, 1 something is wrong, 2 usage, 4 internal error.",
)
@click.option("--keys", type=click.Path(file_okay=False), envvar="LTX_KEYS", help="Keys directory.")
@click.option("--store", type=click.Path(), envvar="LTX_STORE", help="Manifest store.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.version_option(package_name="everyframe")
def main(keys: str | None, store: str | None, form: str) -> None:
    """Say whether this installation can stamp and verify, and what to do where it cannot."""
    from provenance.keys import default_keys_directory
    from provenance.store import default_store_path

    environ = {**os.environ, **({"LTX_STORE": store} if store else {})}
    database = environ.get("LTX_SERVICE_DATABASE")
    places = Places(
        keys=Path(keys) if keys else default_keys_directory(environ),
        store=default_store_path(environ),
        work=Path.cwd(),
        service_data=Path(data) if (data := environ.get("LTX_SERVICE_DATA")) else None,
        service_database=database if database and database.startswith("postgres") else None,
    )
    findings = []
    for finding in examine(places):
        findings.append(finding)
        if form == "text":
            click.echo(f"{finding.state:>5}  {finding.name}: {finding.detail}")
            if finding.hint and finding.state != "ok":
                click.echo(f"       hint: {finding.hint}")
    wrong = any(finding.state == "wrong" for finding in findings)
    if form == "json":
        document = {"ok": not wrong, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(document, indent=2))
    sys.exit(1 if wrong else 0)

"""Carrier keys: the secrets that place and read the mark, and the file that keeps them.

``carriers.json`` (0600) in the keys directory holds every private carrier key, newest first, and
names the current one. A rotated key stays in the file: marks made with it must stay readable.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provenance.errors import IdentityError
from provenance.keys.directory import (
    check_directory,
    locked,
    parse_document,
    read_secret,
    write_secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET_BYTES = 32
_CARRIERS_FILE = "carriers.json"
_CARRIERS_SCHEMA = "everyframe.carriers/1"
_CARRIER_SCHEMA = "everyframe.carrier/1"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierKey:
    """The secret that whitens the tile and keys the tag: needed to write and to read the mark.

    ``public`` is true for the published default key alone: whoever has everyframe can read,
    forge and remove marks under it, so a mark under it is found but not ``authenticated``.
    """

    name: str
    secret: bytes = field(repr=False)
    public: bool = False


DEFAULT_CARRIER_KEY = CarrierKey(
    name="everyframe-public-1",
    secret=hashlib.sha256(b"everyframe published carrier key 1").digest(),
    public=True,
)


def carrier_keys(directory: Path, *, must_exist: bool = False) -> tuple[CarrierKey, ...]:
    """Every carrier key to try when reading: the current one, older ones, the public default.

    A directory that does not exist holds no private key, unless it ``must_exist``. Raises
    :class:`IdentityError` for one, and when the file is damaged or open to others.
    """
    if must_exist:
        check_directory(directory)
    current, keys = _read_carriers(directory)
    ordered = sorted(keys, key=lambda key: key.name != current)  # stable: the rest newest first
    return (*ordered, DEFAULT_CARRIER_KEY)


def current_carrier_key(directory: Path) -> CarrierKey:
    """The key that new marks are made with: the private one in use, else the public default."""
    current, keys = _read_carriers(directory)
    return next((key for key in keys if key.name == current), DEFAULT_CARRIER_KEY)


def create_carrier_key(directory: Path, *, random: Callable[[int], bytes]) -> CarrierKey:
    """A new private key, current from now on; older ones are kept for reading.

    ``random(n)`` gives n random bytes: ``secrets.token_bytes`` for real work.
    """
    secret = random(SECRET_BYTES)
    # The name follows from the secret, so that the same key has the same name on every machine.
    name = f"carrier-{hashlib.sha256(b'everyframe carrier name' + secret).hexdigest()[:12]}"
    key = CarrierKey(name=name, secret=secret)
    import_carrier_key(directory, key, use=True)
    return key


def import_carrier_key(directory: Path, key: CarrierKey, *, use: bool) -> None:
    """Adds ``key`` to the directory; ``use`` makes new marks with it, else it only reads.

    Raises :class:`IdentityError` when another key has that name already.
    """
    with locked(directory, create=True):
        current, keys = _read_carriers(directory)
        for known in (*keys, DEFAULT_CARRIER_KEY):
            if known.name == key.name and known.secret != key.secret:
                raise IdentityError(
                    f"{directory} already holds another carrier key named {key.name!r}",
                    hint="import into another keys directory",
                )
        if key.name != DEFAULT_CARRIER_KEY.name:
            keys = (key, *(known for known in keys if known.name != key.name))
        _write_carriers(directory, key.name if use else current, keys)


def dump_carrier_key(key: CarrierKey) -> bytes:
    """The text of an export file of ``key``: as secret as the key itself."""
    if key.public:
        raise IdentityError(
            f"{key.name} is the published default key: everybody has it already",
            hint="make a private key first: ltx-keys new-carrier",
        )
    document = {"schema": _CARRIER_SCHEMA, "name": key.name, "secret": key.secret.hex()}
    return json.dumps(document, indent=2).encode() + b"\n"


def parse_carrier_key(text: bytes, *, where: str) -> CarrierKey:
    """The key in the text of an export file; ``where`` names the file in errors."""
    try:
        return _parse_key(parse_document(text, schema=_CARRIER_SCHEMA))
    except UnicodeDecodeError as error:
        raise IdentityError(
            f"{where} is not an exported carrier key: it is no text",
            hint="write one with: ltx-keys export-carrier -o FILE",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityError(
            f"{where} is not an exported carrier key: {error}",
            hint="write one with: ltx-keys export-carrier -o FILE",
        ) from error


def _parse_key(document: dict[str, str]) -> CarrierKey:
    name, secret = document["name"], bytes.fromhex(document["secret"])
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a key name")
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"the secret of {name!r} has {len(secret)} bytes, not {SECRET_BYTES}")
    return CarrierKey(name=name, secret=secret)


def _read_carriers(directory: Path) -> tuple[str | None, tuple[CarrierKey, ...]]:
    path = directory / _CARRIERS_FILE
    text = read_secret(path)
    if text is None:
        return None, ()
    try:
        document = parse_document(text, schema=_CARRIERS_SCHEMA)
        current: str | None = document["current"]
        keys = tuple(_parse_key(entry) for entry in document["keys"])
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityError(
            f"{path} is damaged: {error}",
            hint="restore it from a backup; without its keys, marks made with them are unreadable",
        ) from error
    if current not in {None, DEFAULT_CARRIER_KEY.name, *(key.name for key in keys)}:
        raise IdentityError(
            f"{path} is damaged: its current key {current!r} is missing",
            hint="restore it from a backup",
        )
    return current, keys


def _write_carriers(directory: Path, current: str | None, keys: tuple[CarrierKey, ...]) -> None:
    document = {
        "schema": _CARRIERS_SCHEMA,
        "current": current,
        "keys": [{"name": key.name, "secret": key.secret.hex()} for key in keys],
    }
    write_secret(directory / _CARRIERS_FILE, json.dumps(document, indent=2).encode() + b"\n")

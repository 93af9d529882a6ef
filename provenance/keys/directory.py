"""The keys directory on disk: where it is, who may read it, and how its files change.

Every change happens under a lock on the directory itself and appears by one rename, so that two
processes that start at once, or one that is killed, leave the old state or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def default_keys_directory(environ: Mapping[str, str]) -> Path:
    """``$LTX_KEYS``, else ``everyframe/keys`` in ``$XDG_CONFIG_HOME``, else in ``~/.config``."""
    if chosen := environ.get("LTX_KEYS"):
        return Path(chosen).expanduser()
    if configuration := environ.get("XDG_CONFIG_HOME"):
        return Path(configuration) / "everyframe" / "keys"
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return home / ".config" / "everyframe" / "keys"


def check_directory(directory: Path) -> None:
    """For who names a directory to read keys from: one that is not there holds none, and what they
    mark would not be found. Raises :class:`IdentityError`.
    """
    try:
        there = directory.is_dir()
    except (OSError, ValueError) as error:
        raise _unusable(directory, error) from error
    if not there:
        raise IdentityError(
            f"there is no keys directory {directory}",
            hint="check the name; where none is named, the published key and your own are tried",
        )


def _unusable(directory: Path, error: Exception) -> IdentityError:
    # A ValueError: a zero byte in the name.
    return IdentityError(
        f"cannot use the keys directory {directory}: {getattr(error, 'strerror', None) or error}",
        hint="choose another with --keys DIR or LTX_KEYS",
    )


@contextlib.contextmanager
def locked(directory: Path, *, create: bool) -> Iterator[None]:
    """Holds the directory alone; with ``create`` it is made (0700) when missing.

    Raises :class:`IdentityError` when it cannot be made or is no directory.
    """
    try:
        if create:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, ValueError) as error:
        raise _unusable(directory, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_secret(path: Path) -> bytes | None:
    """The bytes of a private file, None when there is none.

    Raises :class:`IdentityError` when it cannot be read, or when others than its owner can.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise IdentityError(
                    f"{path} is open to other users (mode {mode:04o})",
                    hint=f"if nobody has read it, close it: chmod 600 '{path}'; "
                    "otherwise make new keys",
                )
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise IdentityError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}",
            hint="run as the user who owns the keys, or choose others with --keys DIR",
        ) from error


def parse_document(text: bytes, *, schema: str) -> dict[str, Any]:
    """The JSON object in ``text`` if its ``schema`` is this one; raises ``ValueError``."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise ValueError(f"no JSON object of the schema {schema}")
    return document


def write_secret(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Writes a private file (0600) that appears complete or not at all.

    With ``replace`` false an existing file is an :class:`IdentityError`.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp: 0600
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
                temporary.unlink()
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except FileExistsError as error:
        raise IdentityError(
            f"{path} exists already", hint="choose another name or remove it first"
        ) from error
    except OSError as error:
        raise IdentityError(
            f"cannot write {path}: {error.strerror}", hint="choose a directory that you can write"
        ) from error

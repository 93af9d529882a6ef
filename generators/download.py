"""Weights into a folder: those that come with the package, or those of a repository on a hub."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generators.bundle import DESCRIPTION, find_description, open_bundle
from provenance.errors import (
    DISK_FULL,
    DiskFull,
    InputForbidden,
    InputMissing,
    OutputForbidden,
    PackageMissing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """``folder`` is what ``--model`` of ltx-generate takes; ``about`` says what lies in it."""

    folder: Path
    about: str
    files: int
    bytes: int
    complete: bool


def copy_bundled(model: str, output: Path, *, progress: Callable[[str], None]) -> Downloaded:
    """The weights of a name into ``output/<name as given>``; what is there and whole is kept.

    Raises :class:`~provenance.errors.UnknownModel`, :class:`~provenance.errors.WeightsMissing`,
    :class:`~provenance.errors.UnreadableMedia`, :class:`OutputForbidden`, :class:`DiskFull`.
    """
    bundle = open_bundle(model)
    folder = output / model.rstrip("/").rsplit("/", 1)[-1]
    total = 0
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in bundle.files.values():
            target = folder / file.path.name
            total += file.bytes
            if target.is_file() and target.stat().st_size == file.bytes:
                progress(f"{target.name}: there already")
            else:
                _copy(file.path, target)
                progress(f"{target.name}: {file.bytes / 1e6:.1f} MB")
        # Last: a folder with a description is a whole one.
        _copy(find_description(model), folder / DESCRIPTION)
    open_bundle(str(folder))
    return Downloaded(
        folder=folder, about=bundle.about, files=len(bundle.files), bytes=total, complete=True
    )


def download_repository(repository: str, revision: str | None, output: Path) -> Downloaded:
    """All files of a repository on the hub into ``output/<its name>``; what broke off goes on.

    huggingface-hub checks sizes and checksums. Raises :class:`PackageMissing`,
    :class:`InputMissing`, :class:`InputForbidden`, :class:`OutputForbidden`.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
        )
    except ImportError as error:
        raise PackageMissing(
            "huggingface-hub is not installed", hint="pip install 'everyframe[hub]'"
        ) from error
    folder = output / repository.rsplit("/", 1)[-1]
    try:
        with _writing(folder):
            snapshot_download(repository, revision=revision, local_dir=folder)
    except GatedRepoError as error:
        raise InputForbidden(
            f"{repository} asks for your agreement first", hint="agree on its page, then log in"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise InputMissing(f"there is no repository {repository!r}", hint="OWNER/NAME") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, ConnectionError) as error:
        raise InputMissing(
            f"{repository} cannot be reached: {type(error).__name__}",
            hint="check the network; what was brought is kept and goes on",
        ) from error
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Downloaded(
        folder=folder,
        about=f"{repository}, as it is: not checked by us",
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        complete=(folder / DESCRIPTION).is_file(),
    )


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    try:
        shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turns what the system says about a folder into our own errors."""
    try:
        yield
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise OutputForbidden(
            f"{folder} cannot be written: {error.strerror}", hint="choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise DiskFull(f"{folder}: the disk is full", hint="make room") from error

"""Packages of others that a system under test needs and that this project does not depend on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from provenance.errors import PackageMissing

if TYPE_CHECKING:
    from types import ModuleType

# They ask for opencv-python, which overwrites the OpenCV that this project depends on and needs
# libGL from the system; what they do use of it is in the headless one.
_WITHOUT_DEPENDENCIES = frozenset({"invisible-watermark", "blind-watermark", "resemble-perth"})


def load(module: str, *, package: str, needed_by: str) -> ModuleType:
    """The imported ``module`` of ``package``.

    Raises :class:`~provenance.errors.PackageMissing` when it, or a package that it needs itself,
    cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a native library that does not load
        missing = getattr(error, "name", None) or module
        wanted = package if missing.partition(".")[0] == module.partition(".")[0] else missing
        raise missing_package(wanted, needed_by=needed_by, why=f": {error}") from error


def missing_package(package: str, *, needed_by: str, why: str = "") -> PackageMissing:
    """The error for a ``package`` that is not there, with the command that brings it."""
    option = "--no-deps " if package in _WITHOUT_DEPENDENCIES else ""
    return PackageMissing(
        f"{needed_by} needs the package {package}{why}",
        hint=f"make peers, or: pip install {option}{package}",
    )

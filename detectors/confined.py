"""Verification of a file in the sandbox: the same result, from a process that can do no harm."""

from __future__ import annotations

import base64
import os
import pickle
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.known import MOST_MARKS
from detectors.parcel import pack_result, unpack_result
from detectors.verification import verify
from provenance.errors import SandboxCrashed
from provenance.sandbox import SandboxLimits, run_confined
from provenance.store import EmptyStore, Mark, default_store_path, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from detectors.result import Result
    from provenance.keys import CarrierKey
    from provenance.sandbox import Ask, SandboxMode
    from provenance.store import Store, StoredManifest
    from provenance.trust import TrustSettings

NOWHERE = Path("/nonexistent/store")
"""Where no store is: with it, none is asked."""


class AskedStore(EmptyStore):
    """The store, through the parent: nothing of it is open in the sandbox."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def get(self, content_id: str) -> StoredManifest | None:
        packed = self._ask("manifest", content_id)
        # From the parent, which is not in question here; never the other way.
        return None if packed is None else pickle.loads(base64.b64decode(packed))  # noqa: S301

    def contains(self, content_id: str) -> bool:
        return self.get(content_id) is not None

    def marks(self, *, limit: int) -> list[Mark]:
        return [
            Mark(content_id=content_id, model=model, day=date.fromisoformat(day))
            for content_id, model, day in self._ask("marks", limit)
        ]


def packed_manifest(record: StoredManifest | None) -> str | None:
    """What :class:`AskedStore` is answered."""
    return None if record is None else base64.b64encode(pickle.dumps(record)).decode()


def listed_marks(store: Store, limit: Any) -> list[list[str]]:
    """What :class:`AskedStore` is answered: no more than a search may ask for."""
    marks = store.marks(limit=min(max(int(limit), 0), MOST_MARKS))
    return [[mark.content_id, mark.model, mark.day.isoformat()] for mark in marks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a file is looked at; the fields are those of :func:`detectors.verification.verify`."""

    keys: tuple[CarrierKey, ...]
    trust: TrustSettings
    fast: bool = False
    quality: bool = False
    storyboard: bool = False


def verify_confined(
    path: str | os.PathLike[str],
    look: Look,
    *,
    store: str | None,
    mode: SandboxMode,
    limits: SandboxLimits | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """As :func:`detectors.verification.verify`, in the sandbox; a sidecar beside it is read, too.

    ``store``: where one is, None for the default. Raises what ``verify`` does, and
    :class:`~provenance.errors.SandboxError`.
    """
    location = store if store is not None else str(default_store_path(os.environ))
    file = Path(path)
    with open_store(location, create=False) as opened:
        handlers: dict[str, Callable[[Any], Any]] = {
            "progress": (lambda _: None)
            if progress is None
            else (lambda done: progress(float(done))),
            "manifest": lambda content_id: packed_manifest(opened.get(str(content_id))),
            "marks": lambda limit: listed_marks(opened, limit),
        }
        found = run_confined(
            look_at,
            (str(path), look, not isinstance(opened, EmptyStore)),
            limits=limits or SandboxLimits(),
            readable=[path for path in _with_sidecars(file) if _leads_somewhere(path)],
            handlers=handlers,
            mode=mode,
        )
    try:
        return unpack_result(found)
    except ValueError as error:
        raise SandboxCrashed("the sandbox sent no proper result") from error


def _with_sidecars(file: Path) -> tuple[Path, ...]:
    if not file.name:
        return (file,)
    return file, file.with_name(f"{file.name}.c2pa"), file.with_suffix(".c2pa")


def _leads_somewhere(path: Path) -> bool:
    """Only such paths can be opened to the sandbox: not links in circles, not impossible names."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def look_at(path: str, look: Look, recovers: bool, *, ask: Ask) -> dict[str, Any]:
    """In the sandbox."""
    result = verify(
        path,
        keys=look.keys,
        store=AskedStore(ask) if recovers else NOWHERE,
        trust=look.trust,
        fast=look.fast,
        quality=look.quality,
        storyboard=look.storyboard,
        progress=lambda done: ask("progress", done),
    )
    return pack_result(result)

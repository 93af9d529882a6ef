"""The C2PA Soft Binding Resolution API beside the service's own, at ``/c2pa``.

Strangers upload to it, so what they send is read in the sandbox.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import SandboxCrashed
from provenance.fingerprint import Prints
from provenance.keys import carrier_keys, default_keys_directory
from provenance.resolver import ResolverLimits, StorePool
from provenance.resolver.content import ContentReading, read_content
from provenance.resolver.problems import Problem
from provenance.resolver.router import resolver_router
from provenance.sandbox import SandboxLimits, run_confined
from provenance.store import default_store_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import APIRouter

    from provenance.keys import CarrierKey
    from service.settings import ScanSettings, Settings

_MOST_READ = 2
"""Uploads read at a time: each may take a core and the memory of a scan, and needs no key."""


@contextmanager
def open_resolver(settings: Settings) -> Iterator[APIRouter]:
    """The router over the manifest store of ``settings``, for reading alone; it takes what the
    service takes.
    """
    scan, bounds = settings.scan, settings.bounds
    limits = ResolverLimits(content_bytes=bounds.upload_bytes, json_bytes=bounds.json_bytes)
    location = scan.store or str(default_store_path(os.environ))
    directory = Path(scan.keys) if scan.keys else default_keys_directory(os.environ)
    pool = StorePool(location, writable=False)
    try:
        places = threading.BoundedSemaphore(_MOST_READ)
        yield resolver_router(
            pool, limits=limits, read=reader(scan, carrier_keys(directory), places)
        )
    finally:
        pool.close()


def reader(
    settings: ScanSettings, keys: tuple[CarrierKey, ...], places: threading.BoundedSemaphore
) -> Callable[[Path], ContentReading]:
    """Reads uploads in the sandbox. Where none of ``places`` is free, nobody waits for one: the
    threads that would are those that the service answers with.
    """
    limits = SandboxLimits(
        wall_s=settings.wall_s,
        cpu_s=2 * int(settings.wall_s),
        memory_bytes=settings.memory_bytes,
    )

    def read(path: Path) -> ContentReading:
        if not places.acquire(blocking=False):
            raise Problem(503, "resolver.busy", "others are being read", Retry_After="5")
        try:
            with path.open("rb") as file:
                found = run_confined(
                    read_confined,
                    (keys, ResolverLimits().content_s),
                    limits=limits,
                    files={"path": file.fileno()},
                    mode=settings.sandbox,
                )
        finally:
            places.release()
        content_id, prints = found.get("content_id"), found.get("prints")
        if not all(one is None or isinstance(one, str) for one in (content_id, prints)):
            raise SandboxCrashed("the sandbox sent no proper reading")
        return ContentReading(content_id=content_id, prints=Prints.from_text(prints))

    return read


def read_confined(keys: tuple[CarrierKey, ...], most_s: float, *, path: Path) -> dict[str, Any]:
    """In the sandbox: the mark and the fingerprints of the file."""
    reading = read_content(path, keys, most_s=most_s)
    return {"content_id": reading.content_id, "prints": reading.prints.to_text()}

"""What must not pile up: uploads without a scan, unfinished ones, old keys of repeated requests."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from provenance.errors import EveryframeError
from service.generation.parts import tidy_clips

if TYPE_CHECKING:
    import threading

    from service.services import Services

LOG = logging.getLogger("service.housekeeping")
EVERY_S = 60.0
ORPHAN_S = 3600.0


def keep_house(services: Services, stop: threading.Event) -> None:
    """Tidies up every minute; any number of workers may do so at once."""
    while not stop.wait(EVERY_S):
        try:
            tidy(services)
        except (EveryframeError, OSError) as error:
            LOG.warning("housekeeping: %s", error)
        except Exception:
            LOG.exception("housekeeping")  # and again in a minute


def tidy(services: Services) -> None:
    """Removes what a killed process left behind, and what has expired."""
    now, settings = services.clock(), services.settings
    left = services.storage.names(older_than=now - ORPHAN_S)
    needed = services.scans.unfinished(left)
    for name in left:
        if name not in needed:
            services.storage.remove(name)
    for upload in services.resumables.expired():
        services.resumables.remove(upload)
    for part in settings.incoming.glob("*.part"):
        with suppress(FileNotFoundError):
            if part.stat().st_mtime < now - max(ORPHAN_S, settings.bounds.idle_s):
                part.unlink()
    with services.database.writing() as transaction:
        transaction.run("DELETE FROM idempotency WHERE until <= ?", (now,))
    _forget_visitors(services, now)
    tidy_clips(services.clips, orphan_s=ORPHAN_S)


def _forget_visitors(services: Services, now: float) -> None:
    """Deletes the results of those who came without a key when their time is over."""
    name = services.settings.public
    tenant = None if name is None else services.accounts.tenant(name)
    if tenant is not None:
        until = now - services.settings.public_hours * 3600
        for scan in services.scans.finished_before(until, tenant=tenant.id):
            services.scans.delete(scan, tenant=tenant.id, actor="housekeeping")

"""``ltx-serve`` and ``ltx-worker``: the service on one machine, and its workers on others."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from provenance.config import LtxCommand
from service.options import TABLE, service_options, settings_from

_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "show_default": True}
_EPILOG = "Settings also come from LTX_SERVICE_<OPTION> and the table [service] of $LTX_CONFIG."


@click.command(
    name="ltx-serve",
    cls=LtxCommand,
    settings_table=TABLE,
    context_settings=_SETTINGS,
    epilog=_EPILOG,
)
@service_options
@click.version_option(package_name="everyframe")
def serve(**given: Any) -> None:
    """Serve the upload-scanning API, with workers beside it."""
    settings = settings_from(given)

    import signal

    import uvicorn

    from provenance.sandbox import prepare_sandbox
    from service.app import create_app
    from service.logs import start_logging
    from service.processes import workers
    from service.resolving import open_resolver
    from service.scanning import check_scan_settings
    from service.services import open_services

    start_logging()
    check_scan_settings(settings.scan)
    if settings.resolver:
        prepare_sandbox(("service.resolving",))
    with (
        open_services(settings) as services,
        open_resolver(settings.scan) if settings.resolver else nullcontext() as resolver,
    ):
        if not services.accounts.any_tenant():
            click.echo(
                "ltx-serve: nobody has a key yet. Make one: ltx-accounts create NAME", err=True
            )
        config = uvicorn.Config(
            create_app(settings, opened=services, resolver=resolver),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=30,
            h11_max_incomplete_event_size=32 * 1024,
        )
        # uvicorn ends gracefully, and then raises the signal again, to end the process; the workers
        # have yet to finish what they have begun.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with workers(settings, settings.workers):
            uvicorn.Server(config).run()


@click.command(
    name="ltx-worker",
    cls=LtxCommand,
    settings_table=TABLE,
    context_settings=_SETTINGS,
    epilog=_EPILOG,
)
@service_options
@click.version_option(package_name="everyframe")
def worker(**given: Any) -> None:
    """Scan what waits in the database, on this machine; --workers files at a time."""
    settings = settings_from(given)

    import signal
    import threading

    from service.logs import start_logging
    from service.processes import work, workers
    from service.scanning import check_scan_settings

    start_logging()
    check_scan_settings(settings.scan)
    if settings.workers <= 1:
        work(settings)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with workers(settings, settings.workers):
        stop.wait()

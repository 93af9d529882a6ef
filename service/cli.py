"""``ltx-serve`` and ``ltx-worker``: the service on one machine, and its workers on others."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from provenance.config import LtxCommand
from provenance.errors import OptionError
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

    from provenance.sandbox import prepare_sandbox
    from service.access import open_public
    from service.app import create_app
    from service.generation.models import check_generators
    from service.logs import start_logging
    from service.processes import workers
    from service.resolving import open_resolver
    from service.scanning import check_scan_settings
    from service.services import open_services
    from service.serving import listening, make_server

    start_logging()
    check_scan_settings(settings.scan)
    check_generators(settings.generation)
    if settings.resolver:
        prepare_sandbox(("service.resolving",))
    with (
        listening(settings.host, settings.port) as sockets,
        open_services(settings) as services,
        open_resolver(settings) if settings.resolver else nullcontext() as resolver,
    ):
        if settings.public is None and not services.accounts.any_tenant():
            click.echo(
                "ltx-serve: nobody has a key yet. Make one: ltx-accounts create NAME", err=True
            )
        if settings.public is not None:
            open_public(services.accounts, settings.public)
        app = create_app(settings, opened=services, resolver=resolver)
        # Once the server has ended, the workers have yet to finish what they have begun: a second
        # signal meanwhile must not end this process before them.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with workers(settings, settings.workers):
            make_server(app, settings, services.draining).run(sockets)


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
    if settings.workers == 0:
        raise OptionError(
            "--workers 0 leaves this command nothing to do",
            hint="say how many files to scan at a time; ltx-serve alone can do without workers",
        )

    import threading

    from service.logs import start_logging
    from service.os_signals import Signals
    from service.processes import work, workers
    from service.scanning import check_scan_settings

    start_logging()
    check_scan_settings(settings.scan)
    if settings.workers == 1:
        work(settings)
        return
    stop, told = threading.Event(), Signals()
    told.catch()
    told.tell(lambda _: stop.set())
    with workers(settings, settings.workers):
        stop.wait()

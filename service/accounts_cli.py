"""``ltx-accounts``: who may use the service, and with which keys."""

from __future__ import annotations

import os
from typing import Any

import click

from provenance.config import LtxCommand
from service.options import TABLE

_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.command(
    name="ltx-accounts",
    cls=LtxCommand,
    settings_table=TABLE,
    part_of_table=True,
    context_settings=_SETTINGS,
    epilog="create: a tenant with a key · key: another key · revoke: end a key",
)
@click.argument("action", type=click.Choice(["create", "key", "revoke"]))
@click.argument("tenant")
@click.option("--key", help="Id of the key to revoke: between ltx_ and the next _.")
@click.option("--scope", multiple=True, help="What the key may do; default: everything.")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="After which the key ends."
)
@click.option("--daily-scans", type=click.IntRange(1))
@click.option("--daily-mib", type=click.IntRange(1))
@click.option("--per-minute", type=click.IntRange(1), help="Requests.")
@click.option("--policy", type=click.Path(dir_okay=False, exists=True), help="An own policy file.")
@click.option("--webhook", metavar="URL", help="Where results are sent.")
@click.option(
    "--data", type=click.Path(file_okay=False), default="ltx-service", help="The service's folder."
)
@click.option("--database", metavar="ADDRESS", help="As for ltx-serve.")
@click.version_option(package_name="everyframe")
def main(action: str, tenant: str, **given: Any) -> None:
    """Make tenants and API keys. A key is shown once, on standard output."""
    import math
    import time
    from pathlib import Path

    from provenance.errors import OptionError
    from service.accounts import SCOPES, Accounts, Quota, check_scopes
    from service.database import open_database
    from service.decision import open_policy
    from service.guard import ForbiddenTarget, check_form
    from service.settings import MIB, Settings

    # All of it before anything is made: half a tenant would be in the way of the next try.
    scopes, days, policy = given["scope"] or SCOPES, given["days"], given["policy"]
    check_scopes(scopes)
    if days is not None and not math.isfinite(days):
        raise OptionError("--days must be a number", hint="leave it out for a key without end")
    if policy is not None:
        open_policy(Path(policy))
    if given["webhook"] is not None:
        try:  # what --private-targets allows is allowed: this does not know the server's settings
            check_form(given["webhook"], private=True)
        except ForbiddenTarget as error:
            raise OptionError(
                f"nothing can be sent to {given['webhook']}: {error}",
                hint="give a public https:// address",
            ) from error
    settings = Settings(data=Path(given["data"]), database=given["database"])
    database = open_database(settings.database_address, create=action == "create")
    try:
        accounts = Accounts(database, clock=time.time)
        if action == "create":
            daily = given["daily_mib"]
            made = accounts.create_tenant(
                tenant,
                quota=Quota(
                    daily_scans=given["daily_scans"],
                    daily_bytes=None if daily is None else daily * MIB,
                    per_minute=given["per_minute"],
                ),
                policy=None if policy is None else str(Path(policy).absolute()),
                webhook_url=given["webhook"],
            )
            click.echo(f"webhook secret: {made.webhook_secret}", err=True)
        found = accounts.tenant(tenant)
        if found is None:
            raise OptionError(f"there is no tenant {tenant!r}", hint="ltx-accounts create NAME")
        actor = f"operator:{os.geteuid()}"
        if action == "revoke":
            if not accounts.revoke_key(found.id, given["key"] or "", actor=actor):
                raise OptionError("there is no such key in use", hint="give its id with --key")
            return
        expires = None if days is None else time.time() + days * 86_400
        click.echo(accounts.create_key(found.id, scopes, expires=expires, actor=actor))
    finally:
        database.close()

"""``ltx-accounts``: who may use the service, and with which keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from provenance.config import LtxCommand
from service.options import TABLE

if TYPE_CHECKING:
    from service.accounts import Accounts

_COLUMNS = {
    "policy": "policy",
    "webhook": "webhook_url",
    "daily-scans": "daily_scans",
    "daily-mib": "daily_bytes",
    "per-minute": "per_minute",
}
"""What can be given to a tenant, and where it is kept."""
_KEY = ("scope", "days")
_READS = {
    "create": {*_COLUMNS, *_KEY},
    "change": {*_COLUMNS, "unset", "disable", "new-webhook-secret"},
    "key": {*_KEY},
    "revoke": {"key"},
}
"""What each action reads beside the service's place."""
_MOST = 2**31 - 1
"""What a column holds in each database."""
_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.command(
    name="ltx-accounts",
    cls=LtxCommand,
    settings_table=TABLE,
    part_of_table=True,
    context_settings=_SETTINGS,
    epilog="create: a tenant with a key · change: what is named, of a tenant · key: another key · "
    "revoke: end a key",
)
@click.argument("action", type=click.Choice(["create", "change", "key", "revoke"]))
@click.argument("tenant")
@click.option("--key", help="Id of the key to revoke: between ltx_ and the next _.")
@click.option("--scope", multiple=True, help="What the key may do; default: everything.")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="After which the key ends."
)
@click.option("--daily-scans", type=click.IntRange(1, _MOST))
@click.option("--daily-mib", type=click.IntRange(1, _MOST))
@click.option("--per-minute", type=click.IntRange(1, _MOST), help="Requests.")
@click.option("--policy", type=click.Path(dir_okay=False, exists=True), help="An own policy file.")
@click.option("--webhook", metavar="URL", help="Where results are sent.")
@click.option(
    "--unset",
    multiple=True,
    type=click.Choice(sorted(_COLUMNS)),
    help="change: what the tenant has no longer.",
)
@click.option("--disable/--enable", default=None, help="change: whether its keys open nothing.")
@click.option("--new-webhook-secret", is_flag=True, help="change: and show it.")
@click.option(
    "--data", type=click.Path(file_okay=False), default="ltx-service", help="The service's folder."
)
@click.option("--database", metavar="ADDRESS", help="As for ltx-serve.")
@click.version_option(package_name="everyframe")
def main(action: str, tenant: str, **given: Any) -> None:
    """Make and change tenants and API keys. A key is shown once, on standard output.

    What a tenant or a key has is taken from the command line alone: the service's settings (its
    policy, say) are not a tenant's.
    """
    import math
    import time
    from pathlib import Path

    from provenance.errors import OptionError
    from service.accounts import SCOPES, Accounts, check_scopes
    from service.database import open_database
    from service.settings import Settings

    # All of it before anything is made: half a tenant would be in the way of the next try.
    given |= _from_the_command_line(action, given)
    scopes, days = given["scope"] or SCOPES, given["days"]
    check_scopes(scopes)
    if days is not None and not math.isfinite(days):
        raise OptionError("--days must be a number", hint="leave it out for a key without end")
    wanted = _wanted(given)
    if action == "change" and not wanted:
        raise OptionError("nothing is to be changed", hint="name what, as in --daily-scans 1000")
    settings = Settings(data=Path(given["data"]), database=given["database"])
    database = open_database(settings.database_address, create=action == "create")
    try:
        accounts = Accounts(database, clock=time.time)
        if action == "create":
            click.echo(f"webhook secret: {_created(accounts, tenant, wanted)}", err=True)
        found = accounts.tenant(tenant)
        if found is None:
            raise OptionError(f"there is no tenant {tenant!r}", hint="ltx-accounts create NAME")
        actor = f"operator:{os.geteuid()}"
        if action == "change":
            accounts.change_tenant(found.id, wanted, actor=actor)
            if "webhook_secret" in wanted:
                click.echo(wanted["webhook_secret"])
        elif action == "revoke":
            if not accounts.revoke_key(found.id, given["key"] or "", actor=actor):
                raise OptionError("there is no such key in use", hint="give its id with --key")
        else:
            expires = None if days is None else time.time() + days * 86_400
            click.echo(accounts.create_key(found.id, scopes, expires=expires, actor=actor))
    finally:
        database.close()


def _from_the_command_line(action: str, given: dict[str, Any]) -> dict[str, Any]:
    """What was typed of the options that a tenant or a key has; the others as if left out.

    Raises :class:`~provenance.errors.OptionError` for those that ``action`` does not read.
    """
    from provenance.errors import OptionError

    source = click.get_current_context().get_parameter_source
    chosen: dict[str, Any] = {}
    for name in sorted(set().union(*_READS.values())):
        option = name.replace("-", "_")
        if source(option) is click.core.ParameterSource.COMMANDLINE:
            if name not in _READS[action]:
                raise OptionError(
                    f"{action} does not read --{name}",
                    hint="it is for: " + ", ".join(a for a in _READS if name in _READS[a]),
                )
        elif option in given:
            chosen[option] = () if isinstance(given[option], tuple) else None
    for name in given["unset"] if "unset" not in chosen else ():
        if given[name.replace("-", "_")] is not None and name not in chosen:
            raise OptionError(
                f"--unset {name} and --{name} are given", hint="leave out one of them"
            )
    return chosen


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """What the tenant is to have: values by the columns of its table.

    Raises :class:`~provenance.errors.OptionError` for a webhook or policy that cannot be used.
    """
    from pathlib import Path

    from provenance.errors import OptionError
    from service.accounts import new_webhook_secret
    from service.decision import open_policy
    from service.guard import ForbiddenTarget, check_form
    from service.settings import MIB

    wanted: dict[str, Any] = dict.fromkeys(_COLUMNS[name] for name in given["unset"])
    for name, column in _COLUMNS.items():
        if (value := given[name.replace("-", "_")]) is not None:
            wanted[column] = value
    if given["policy"] is not None:
        open_policy(Path(given["policy"]))
        wanted["policy"] = str(Path(given["policy"]).absolute())
    if given["webhook"] is not None:
        try:  # what --private-targets allows is allowed: this does not know the server's settings
            check_form(given["webhook"], private=True)
        except ForbiddenTarget as error:
            raise OptionError(
                f"nothing can be sent to {given['webhook']}: {error}",
                hint="give a public https:// address",
            ) from error
    if given["daily_mib"] is not None:
        wanted["daily_bytes"] = given["daily_mib"] * MIB
    if given["disable"] is not None:
        wanted["disabled"] = int(given["disable"])
    if given["new_webhook_secret"]:
        wanted["webhook_secret"] = new_webhook_secret()
    return wanted


def _created(accounts: Accounts, name: str, wanted: dict[str, Any]) -> str | None:
    """Makes the tenant; gives the secret of its webhooks."""
    from service.accounts import Quota

    quota = ("daily_scans", "daily_bytes", "per_minute")
    made = accounts.create_tenant(
        name,
        quota=Quota(**{limit: wanted.get(limit) for limit in quota}),
        policy=wanted.get("policy"),
        webhook_url=wanted.get("webhook_url"),
    )
    return made.webhook_secret

"""``ltx-store``: what the manifest store holds, and for how long."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from provenance.errors import EveryframeError, OptionError

if TYPE_CHECKING:
    from provenance.store import ManagedStore


class _Group(click.Group):
    """A group whose commands end with our errors' text and exit code, not with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EveryframeError as error:
            click.echo(f"ltx-store: {error.diagnostics()}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--store",
    help="Path, sqlite:///path or postgresql://… of the store. [default: $LTX_STORE or your own]",
)
@click.version_option(package_name="everyframe")
@click.pass_context
def main(context: click.Context, store: str | None) -> None:
    """Say what the manifest store holds, how long it is kept, and take away what is over."""
    context.obj = store


@main.command()
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def info(location: str | None, style: str) -> None:
    """Show how much is in the store, and its rules."""
    with _open(location) as store:
        facts, rules = store.facts(), store.rules()
    if style == "json":
        document = {
            "version": facts.version,
            "manifests": facts.manifests,
            "editions": facts.editions,
            "reserved": facts.reserved,
            "retired": facts.retired,
            "fingerprint_keys": facts.keys,
            "rules": {rule.model: rule.days for rule in rules},
        }
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"Manifests:        {facts.manifests}")
    click.echo(f"Of edits:         {facts.editions} (files that keep a mark)")
    click.echo(f"Ids reserved:     {facts.reserved}")
    click.echo(f"Ids retired:      {facts.retired} (their manifests were purged)")
    click.echo(f"Fingerprint keys: {facts.keys}")
    for rule in rules:
        which = "all others" if rule.model == "*" else rule.model
        click.echo(f"Kept:             {which} for {rule.days} days")
    if not rules:
        click.echo("Kept:             for ever: no rule is set")


@main.command()
@click.argument("model")
@click.option("--days", type=click.IntRange(1), help="Days from signing on.")
@click.option("--drop", is_flag=True, help="Take the rule for MODEL back.")
@click.pass_obj
def rule(location: str | None, model: str, days: int | None, drop: bool) -> None:
    """Set how long manifests of MODEL are kept; * is for all that have no rule of their own.

    Nothing is taken away until purge is run.
    """
    from provenance.payload import model_by_key
    from provenance.store import RetentionRule

    if (days is None) == (not drop):
        raise OptionError("give either --days or --drop", hint="ltx-store rule ltx-2.3 --days 400")
    key = model if model == "*" else model_by_key(model).key
    with _open(location) as store:
        if days is not None:
            store.set_rule(RetentionRule(model=key, days=days))
        elif not store.drop_rule(key):
            raise OptionError(f"there is no rule for {key}", hint="ltx-store info shows them")


@main.command()
@click.argument("content_id")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The day on which it is over.")
@click.option("--as-ruled", is_flag=True, help="As the rule for its model says.")
@click.pass_obj
def keep(location: str | None, content_id: str, until: datetime | None, as_ruled: bool) -> None:
    """Set how long the manifests of CONTENT_ID, and of edits that carry it, are kept, whatever the
    rules say.
    """
    if (until is None) == (not as_ruled):
        raise OptionError("give either --until or --as-ruled", hint="--until 2030-01-31")
    end = None if until is None else until.replace(tzinfo=UTC)
    with _open(location) as store:
        if not store.keep(content_id.lower(), end):
            raise OptionError(
                f"no manifest is kept under {content_id}", hint="ltx-verify shows content ids"
            )


@main.command()
@click.option("--dry-run", is_flag=True, help="Only print the ids.")
@click.pass_obj
def purge(location: str | None, dry_run: bool) -> None:
    """Take away all manifests whose time is over, and print their ids.

    Of edits the labels of their manifests are printed. The ids stay taken, so that an old mark
    never leads to another manifest.
    """
    with _open(location) as store:
        for content_id in store.purge(datetime.now(UTC), dry_run=dry_run):
            click.echo(content_id)


def _open(location: str | None) -> ManagedStore:
    from provenance.store import (
        EmptyStore,
        default_store_path,
        open_managed_store,
        open_store,
    )

    chosen = location or default_store_path(os.environ)
    with open_store(chosen, create=False) as found:
        if isinstance(found, EmptyStore):
            raise OptionError(
                f"there is no store at {chosen}", hint="it is made by the first stamp"
            )
    return open_managed_store(chosen)


if __name__ == "__main__":
    main()

"""``ltx-keys trust``: the list of authorities whose signers count as trusted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def trust() -> None:
    """Bring, see and remove the list of authorities that verifying trusts."""


@trust.command()
@click.option(
    "--from",
    "source",
    required=True,
    metavar="FILE|URL",
    help="The list as PEM: a file, or an https:// address, which is asked only now.",
)
@click.option("--title", default="C2PA Trust List", show_default=True, help="What it is called.")
@click.option("--sha256", metavar="HEX", help="Refuse the list unless it has this SHA-256.")
@click.pass_obj
def update(directory: Path, source: str, title: str, sha256: str | None) -> None:
    """Replace the list, after it was checked: authorities' certificates only, at most 5 MB."""
    from provenance.trust_list import shipped_snapshot, update_list

    done = update_list(
        directory, source, title=title, now=datetime.now(UTC), expected_sha256=sha256
    )
    snapshot, found = shipped_snapshot(), done.installed
    click.echo(f"{found.title}: {found.certificates} authorities, SHA-256 {found.sha256}")
    for sign, names in (("+", done.added), ("-", done.removed)):
        for name in names:
            click.echo(f"{sign} {name}")
    if done.beyond_snapshot:
        click.echo(
            f"warning: {len(done.beyond_snapshot)} of them are not in the {snapshot.title} of "
            f"{snapshot.day}; make sure that the source is the right one:",
            err=True,
        )
        for name in done.beyond_snapshot:
            click.echo(f"  {name}", err=True)


@trust.command()
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def show(directory: Path, style: str) -> None:
    """Show which list is in use, from where and from when."""
    from provenance.trust_list import installed_list, shipped_snapshot

    found, snapshot = installed_list(directory), shipped_snapshot()
    today = datetime.now(UTC).date()
    if style == "json":
        document = None
        if found is not None:
            document = {
                "title": found.title,
                "source": found.source,
                "date": found.day.isoformat(),
                "sha256": found.sha256,
                "certificates": found.certificates,
                "stale": found.stale(today),
            }
        known = {"title": snapshot.title, "date": snapshot.day.isoformat()}
        known |= {"sha256": snapshot.sha256}
        click.echo(json.dumps({"installed": document, "snapshot": known}, indent=2))
        return
    if found is None:
        click.echo("No list: only the own identity and what --trust-anchor names is trusted.")
        click.echo("Bring one: ltx-keys trust update --from FILE|URL")
    else:
        click.echo(f"List:         {found.title}, {found.certificates} authorities")
        click.echo(f"Brought:      {found.day} from {found.source}")
        click.echo(f"SHA-256:      {found.sha256}")
        if found.stale(today):
            click.echo("warning: it is old; bring a newer one: ltx-keys trust update", err=True)
    click.echo(f"Known since:  {snapshot.title} of {snapshot.day}, SHA-256 {snapshot.sha256}")


@trust.command()
@click.pass_obj
def remove(directory: Path) -> None:
    """Remove the list: then it vouches for nobody any more."""
    for name in ("list.json", "list.pem", "list.previous.pem"):
        (directory / "trust" / name).unlink(missing_ok=True)

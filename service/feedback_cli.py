"""``ltx-feedback``: what people said of results, for the operator."""

from __future__ import annotations

from typing import Any

import click

from provenance.config import LtxCommand
from service.options import TABLE


@click.command(
    name="ltx-feedback",
    cls=LtxCommand,
    settings_table=TABLE,
    part_of_table=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option("--limit", type=click.IntRange(1), default=100, help="The newest so many.")
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text")
@click.option(
    "--data", type=click.Path(file_okay=False), default="ltx-service", help="The service's folder."
)
@click.option("--database", metavar="ADDRESS", help="As for ltx-serve.")
@click.version_option(package_name="everyframe")
def main(limit: int, form: str, **given: Any) -> None:
    """Print what people said of results, the newest first. Nothing is known of who said it."""
    import json
    import time
    from dataclasses import asdict
    from pathlib import Path

    from provenance.printable import printable
    from service.database import open_database
    from service.feedback import Feedback
    from service.settings import Settings

    settings = Settings(data=Path(given["data"]), database=given["database"])
    database = open_database(settings.database_address, create=False)
    try:
        for entry in Feedback(database, clock=time.time).entries(limit=limit):
            if form == "jsonl":
                click.echo(json.dumps(asdict(entry)))
            else:
                said = f": {printable(entry.comment)}" if entry.comment else ""
                click.echo(f"{entry.day}  {entry.verdict:<12}  {entry.kind}{said}")
    finally:
        database.close()

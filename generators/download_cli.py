"""``ltx-download`` and ``helios-download``: weights into a folder."""

from __future__ import annotations

import json
from pathlib import Path

import click

from provenance.config import LtxCommand


@click.command(
    name="ltx-download",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 2 usage, 3 nothing there or not reachable, 4 writing failed.",
)
@click.option(
    "--model",
    metavar="NAME",
    help="Weights that come with the package: ltx-2.3 or helios-1.0.",
)
@click.option(
    "--repository",
    metavar="OWNER/NAME",
    help="Instead: all files of a repository of the Hugging Face hub. Needs everyframe[hub].",
)
@click.option("--revision", metavar="NAME", help="Of the repository: branch, tag or commit.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    help="The weights land in a folder of the model's name in it.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--quiet", is_flag=True, help="No progress; the result only.")
@click.version_option(package_name="everyframe")
def main(
    model: str | None,
    repository: str | None,
    revision: str | None,
    output: Path,
    form: str,
    quiet: bool,
) -> None:
    """Put the weights of a model into a folder, for --model of ltx-generate or helios-generate."""
    from generators.download import copy_bundled, download_repository
    from provenance.errors import OptionError

    if (model is None) == (repository is None):
        raise OptionError("give either --model or --repository", hint="--model ltx-2.3")

    def say(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    if model is not None:
        done = copy_bundled(model, output, progress=say)
    else:
        assert repository is not None
        done = download_repository(repository, revision, output)
    if form == "json":
        facts = {
            "schema": "everyframe.download/1",
            "folder": str(done.folder),
            "about": done.about,
            "files": done.files,
            "bytes": done.bytes,
            "complete": done.complete,
        }
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    click.echo(f"{done.folder}: {done.files} files, {done.bytes / 1e6:.1f} MB\n{done.about}")
    if not done.complete:
        click.echo("ltx-generate cannot run it: there is no model.json", err=True)

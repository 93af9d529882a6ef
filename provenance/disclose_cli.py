"""``ltx-disclose``: the files that tell a web page's visitors how a video was made."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
from click.core import ParameterSource

from provenance.config import LtxCommand
from provenance.errors import OutputError, OutputForbidden


@click.command(
    name="ltx-disclose",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 2 usage, 3 input unusable, 4 no credentials that verify.",
)
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files. [default: beside the video]",
)
@click.option(
    "--base-url", default="/", metavar="URL", help="Where video and files stand on the web site."
)
@click.option(
    "--keys",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LTX_KEYS",
    help="Keys directory, whose identity and list of authorities are trusted.",
)
@click.option("--quiet", is_flag=True, help="Print the HTML alone.")
@click.version_option(package_name="everyframe")
def main(video: Path, output: Path | None, base_url: str, keys: Path | None, quiet: bool) -> None:
    """Write the disclosure of a signed VIDEO: NAME.c2pa, NAME.c2pa.json and NAME.html.

    NAME.c2pa are the signed credentials. NAME.c2pa.json says the same for people and programs; it
    is a rendering, and proves nothing. NAME.html is a snippet with the video, a track of metadata
    and a sentence on AI.
    """
    from provenance.disclosure import disclose, names_of
    from provenance.keys import check_directory, default_keys_directory
    from provenance.own_trust import own_trust

    source = click.get_current_context().get_parameter_source("keys")
    if keys and source is not ParameterSource.ENVIRONMENT:
        check_directory(keys)
    made = disclose(video, own_trust(keys or default_keys_directory(os.environ)), base_url=base_url)
    folder, names = output or video.parent, names_of(video)
    contents = {
        names["manifest"]: made.manifest,
        names["rendering"]: made.rendering_text().encode(),
        names["snippet"]: made.snippet.encode(),
    }
    for name, content in contents.items():
        _write(folder / name, content)
        if not quiet:
            click.echo(f"ltx-disclose: wrote {folder / name}", err=True)
    click.echo(made.snippet, nl=False)


def _write(path: Path, content: bytes) -> None:
    """The file appears whole or not at all."""
    if not path.parent.is_dir():
        raise OutputForbidden(f"{path.parent} is not a folder", hint="create it first")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".disclose-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)  # it is to be published
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    main()

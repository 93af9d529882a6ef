"""``helios-generate``: a text in; a marked and signed clip out, and a stream while it is made."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import click

from generators.cli import as_json, as_text, deliver
from generators.options import clip_options, shape_options
from provenance.config import LtxCommand


@click.command(
    name="helios-generate",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 2 usage, 3 an input unusable, 4 writing or signing failed.",
)
@click.option(
    "--model",
    default="helios-1.0",
    metavar="NAME|FOLDER",
    help="Weights that come with the package, or a folder that helios-download filled.",
)
@click.option("--prompt", required=True, metavar="TEXT", help="What is to be seen.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to make; with --stream .mp4 or .mov.",
)
@click.option(
    "--stream",
    "stream_to",
    metavar="FILE|-",
    help="Send the clip there while it is made, as fragmented MP4, every frame marked: a file, "
    "which is removed if it does not become whole, a pipe, or - for stdout; the result is then "
    "told on stderr.",
)
@shape_options
@click.option("--duration", type=float, default=10.0, metavar="SECONDS", help="Up to an hour.")
@click.option("--steps", type=int, help="Looks at noise a chunk, 1 to 8.")
@clip_options
def main(
    model: str,
    prompt: str,
    output: Path,
    stream_to: str | None,
    resolution: str,
    fps: str,
    duration: float,
    steps: int | None,
    style: str | None,
    images: tuple[str, ...],
    seed: int,
    device: str | None,
    keys: Path | None,
    store: str | None,
    form: str,
    quiet: bool,
) -> None:
    """Make a clip from a text, chunk by chunk. Every frame is marked and the file is signed.

    The prompt does not leave this machine: the file holds a keyed digest of it.
    """
    from generators.quick_start import without_collections

    with without_collections():
        # Imported here, so that --help does not pay for PyTorch and FFmpeg.
        from generators.bundle import find_description
        from generators.generation import check_places, check_room, make_request, open_streaming
        from generators.stream_file import leads_to_stdout, open_stream

        request = make_request(
            prompt,
            resolution=resolution,
            fps=fps,
            duration=duration,
            audio=False,
            style=style,
            images=images,
            sound=None,
            seed=seed,
            live=True,
        )
        # What can be refused at once is, before weights are read and an identity is made.
        check_places(output, images)
        if stream_to is not None:
            _check_stream(stream_to, output, images, keys=keys, store=store)
        check_room(output, request)
        find_description(model)
        generator = open_streaming(model, device, steps=steps)
    beside = stream_to is not None and leads_to_stdout(stream_to)
    with nullcontext() if stream_to is None else open_stream(stream_to) as sink:
        made = deliver(
            generator,
            request,
            output,
            keys=keys,
            store=store,
            say=(lambda _: None) if quiet else _say,
            quiet=quiet,
            stream=sink,
        )
    click.echo(as_json(made, seed) if form == "json" else as_text(made), err=beside)


def _check_stream(
    place: str, output: Path, images: tuple[str, ...], *, keys: Path | None, store: str | None
) -> None:
    """Before it is opened. Raises :class:`~provenance.errors.OptionError`,
    :class:`~provenance.errors.OutputIsInput`, :class:`~provenance.errors.OutputForbidden`.
    """
    from generators.pictures import split_time
    from provenance.errors import OptionError, OutputForbidden, OutputIsInput
    from provenance.keys import default_keys_directory
    from provenance.store import default_store_path
    from provenance.video.live import check_live

    check_live(output)
    if place == "-":
        return
    if _same(Path(place), output):
        raise OptionError(
            f"{place}: the stream and the signed file would be one file",
            hint="give --stream another name than -o",
        )
    if any(_same(Path(place), split_time(image)[0]) for image in images):
        raise OutputIsInput(f"{place} is an image that was given", hint="stream to another file")
    directory = keys or default_keys_directory(os.environ)
    kept = str(store or default_store_path(os.environ))
    own = any(_same(Path(place), Path(f"{kept}{part}")) for part in ("", "-wal", "-shm"))
    if own or directory.resolve() in Path(place).resolve().parents:
        raise OutputForbidden(
            f"{place} belongs to the keys or to the store", hint="stream to another file"
        )


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _say(message: str) -> None:
    click.echo(f"helios-generate: {message}", err=True)

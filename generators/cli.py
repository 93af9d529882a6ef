"""``ltx-generate``: a text, images and sound in; a marked and signed clip out."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generators.options import clip_options, shape_options
from provenance.config import LtxCommand

if TYPE_CHECKING:
    from collections.abc import Callable

    from generators.base import Generator, Request
    from generators.generation import Generated
    from provenance.video.live import ByteSink

SCHEMA = "everyframe.generate/1"


@click.command(
    name="ltx-generate",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 2 usage, 3 an input unusable, 4 writing or signing failed.",
)
@click.option(
    "--model",
    default="ltx-2.3",
    metavar="NAME|FOLDER",
    help="Weights that come with the package, a folder that ltx-download filled, or one that "
    "diffusers saved (needs the extra diffusers).",
)
@click.option("--prompt", required=True, metavar="TEXT", help="What is to be seen and heard.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to make: .mp4, .mov, .mkv or .webm (AV1).",
)
@shape_options
@click.option("--duration", type=float, default=3.0, metavar="SECONDS", help="Up to 45.")
@click.option("--audio/--no-audio", default=True, help="With sound.")
@click.option(
    "--sound",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use the sound in this file, and make pictures that follow it.",
)
@clip_options
def main(
    model: str,
    prompt: str,
    output: Path,
    resolution: str,
    fps: str,
    duration: float,
    audio: bool,
    sound: Path | None,
    style: str | None,
    images: tuple[str, ...],
    seed: int,
    device: str | None,
    keys: Path | None,
    store: str | None,
    form: str,
    quiet: bool,
) -> None:
    """Make a clip with sound from a text. Every frame is marked and the file is signed.

    The prompt does not leave this machine: the file holds a keyed digest of it.
    """
    # Imported here, so that --help does not pay for PyTorch and FFmpeg.
    from generators.bundle import find_description
    from generators.generation import (
        check_places,
        check_room,
        is_saved_pipeline,
        make_request,
        open_generator,
    )

    request = make_request(
        prompt,
        resolution=resolution,
        fps=fps,
        duration=duration,
        audio=audio,
        style=style,
        images=images,
        sound=sound,
        seed=seed,
    )
    # What can be refused at once is, before weights are read and an identity is made.
    check_places(output, images, sound)
    check_room(output, request)
    if not is_saved_pipeline(model):
        find_description(model)
    generated = deliver(
        open_generator(model, device),
        request,
        output,
        keys=keys,
        store=store,
        say=(lambda _: None) if quiet else _say,
        quiet=quiet,
    )
    click.echo(as_json(generated, seed) if form == "json" else as_text(generated))


def deliver(
    generator: Generator,
    request: Request,
    output: Path,
    *,
    keys: Path | None,
    store: str | None,
    say: Callable[[str], None],
    quiet: bool,
    stream: ByteSink | None = None,
) -> Generated:
    """What the commands do with a generator: its clip to ``output``, marked and signed by the
    identity in ``keys``; ``say`` gets what users have to know.
    """
    from generators.base import Watch
    from generators.generation import begun, written
    from provenance.interrupts import noted_interrupts
    from provenance.keys import default_keys_directory, ensure_identity, new_identity_notice
    from provenance.store import default_store_path, open_store

    # What this model cannot make is refused before an identity is made.
    _, sound = generator.specs(request)
    if request.audio and sound is None:
        say("this model makes no sound, and the clip will have none")
    unread = generator.unread_text(request)
    if unread:
        say(
            f"warning: the text is too long for this model, which does not read its end: {unread!r}"
        )
    unknown = generator.unknown_words(request)
    if unknown:
        say(
            f"words that this model does not know, and that say nothing to it: {', '.join(unknown)}"
        )
    if not generator.trained:
        say(f"warning: the weights of {generator.model} are not trained; the clip will be noise")
    directory = keys or default_keys_directory(os.environ)
    identity, made = ensure_identity(directory, now=datetime.now(UTC))
    if made:
        say(new_identity_notice(directory))
    with noted_interrupts() as check_interrupt:
        watch = Watch(report=_progress(check_interrupt, time.monotonic, quiet=quiet))
        # Of a stream the first pictures are made while the store is opened.
        with (
            begun(generator, request, watch=watch, ahead=stream is not None) as making,
            open_store(store or default_store_path(os.environ)) as opened,
        ):
            return written(making, output, identity=identity, store=opened, stream=stream)


def _facts(generated: Generated, seed: int) -> dict[str, Any]:
    sealed = generated.written.sealed
    return {
        "schema": SCHEMA,
        "output": str(generated.path),
        "content_id": sealed.payload.content_id_hex,
        "model": generated.model,
        "trained": generated.trained,
        "date": sealed.payload.day.isoformat(),
        "prompt_hash": None if sealed.prompt is None else str(sealed.prompt),
        "unknown_words": list(generated.unknown_words),
        "unread_text": generated.unread_text,
        "seed": seed,
        "frames": generated.written.frames,
        "duration_s": round(generated.written.duration_s, 3),
        "bytes": sealed.bytes,
        "timings_s": generated.timings_s,
    }


def as_json(generated: Generated, seed: int) -> str:
    """What was made, for programs: one JSON object."""
    return json.dumps(_facts(generated, seed), indent=2, ensure_ascii=False)


def as_text(generated: Generated) -> str:
    """What was made, for people: a line a fact."""
    facts = _facts(generated, 0)
    times = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in generated.timings_s.items())
    return "\n".join(
        [
            f"Generated: {facts['output']} ({facts['frames']} frames, {facts['duration_s']:g} s)",
            f"Watermark: {facts['model']}, {facts['date']}, content id {facts['content_id']}",
            f"Prompt hash: {facts['prompt_hash']}",
            f"Time: {times}",
        ]
    )


def _say(message: str) -> None:
    click.echo(f"ltx-generate: {message}", err=True)


def _progress(
    check_interrupt: Callable[[], None], clock: Callable[[], float], *, quiet: bool
) -> Callable[[str, float], None]:
    visible = not quiet and sys.stderr is not None and sys.stderr.isatty()
    began: dict[str, float] = {}

    def show(stage: str, share: float) -> None:
        check_interrupt()
        if not visible:
            return
        now = clock()
        if stage not in began:
            if began:
                click.echo(err=True)
            began[stage] = now
        left = (now - began[stage]) * (1 - share) / share if share > 0 else 0.0
        after = f", {left:.0f} s left" if 0 < share < 1 else ""
        click.echo(f"\r{stage} {int(100 * share):3d} %{after}        ", err=True, nl=False)
        if stage == "done":
            click.echo(err=True)

    return show

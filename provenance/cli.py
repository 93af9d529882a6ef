"""``ltx-stamp``: marks and signs existing footage."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from provenance.config import LtxCommand
from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.keys import Identity
    from provenance.stamped import Stamped

SCHEMA = "everyframe.stamp/1"
_UNREADABLE = 1
_OF_PICTURES = ("codec", "crf", "preset", "threads")


class _Day(click.DateTime):
    """A date as text, or as the settings file gives it: TOML has dates of its own."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        return super().convert(str(value), param, ctx)


@click.command(
    name="ltx-stamp",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 1 done but the mark cannot be read back, 2 usage, "
    "3 input unusable, 4 writing or signing failed.",
)
@click.argument(
    "input_paths", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to make: .mp4, .mov, .mkv or .webm (AV1); of sound alone .wav, .flac, .mp3, "
    ".m4a, .ogg or .opus.",
)
@click.option(
    "--model",
    metavar="NAME",
    help="Model that made it: ltx-2.3, helios-1.0, ltx-video, ltx-2, wan, helios-14b; other is any "
    "else. Required, but for --edit of marked input.",
)
@click.option(
    "--edit",
    "edits",
    metavar="WHAT",
    help="trim=START:END (seconds), concat (several inputs) or transcode: marked input keeps its "
    "mark, other input is marked, and what was done is signed.",
)
@click.option(
    "--source",
    type=click.Choice(["generated", "edited", "captured"]),
    default="generated",
    help="How the footage was made: by AI, edited by AI, or by a camera.",
)
@click.option("--prompt", metavar="TEXT", help="The prompt; only a keyed digest of it is kept.")
@click.option(
    "--plain-prompt-hash",
    is_flag=True,
    help="Keep the plain SHA-256 of the prompt, which anybody can check and guess.",
)
@click.option(
    "--date",
    type=_Day(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Generation date. [default: today]",
)
@click.option(
    "--keys",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LTX_KEYS",
    help="Keys directory; a development identity is made in it on first use.",
)
@click.option(
    "--store",
    type=click.Path(),
    envvar="LTX_STORE",
    help="Store that keeps the manifest: path, postgresql://… or https://…",
)
@click.option("--tsa", metavar="URL", help="RFC 3161 time-stamp authority, for this file.")
@click.option(
    "--timestamp",
    type=click.Choice(["required", "best-effort", "off"]),
    help="When the authority gives no stamp: sign nothing, sign without, or never ask. "
    "[default: the identity's; required]",
)
@click.option(
    "--aigc", is_flag=True, help="Write China's AIGC label into the metadata (GB 45438-2025)."
)
@click.option(
    "--aigc-producer", metavar="NAME", help="Name or code in it. [default: the identity's name]"
)
@click.option("--strength", type=float, metavar="FACTOR", help="Scale of the mark. [default: 1.0]")
@click.option("--psnr", type=float, metavar="DB", help="Instead: the least luma PSNR of a frame.")
@click.option(
    "--vmaf",
    is_flag=True,
    help="Measure VMAF and VMAF-NEG too, which costs time. Needs imageio-ffmpeg.",
)
@click.option(
    "--if-marked",
    type=click.Choice(["keep", "add", "refuse"]),
    default="keep",
    help="What to do with input that is marked already.",
)
@click.option(
    "--no-audio-mark",
    is_flag=True,
    help="Carry the sound over as it is, without a mark.",
)
@click.option("--codec", type=click.Choice(["h264", "hevc", "av1"]), default="h264")
@click.option("--crf", type=int, help="Constant quality. [default: 23, hevc 28, av1 35]")
@click.option("--preset", metavar="NAME", help="Speed of the encoder. [default: medium]")
@click.option("--threads", type=int, metavar="N", help="Threads of the encoder. [default: all]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--quiet", is_flag=True, help="No progress and no messages; the result only.")
@click.version_option(package_name="everyframe")
def main(
    input_paths: tuple[Path, ...],
    output: Path,
    model: str | None,
    edits: str | None,
    source: Any,
    prompt: str | None,
    plain_prompt_hash: bool,
    date: datetime | None,
    keys: Path | None,
    store: str | None,
    tsa: str | None,
    timestamp: Any,
    aigc: bool,
    aigc_producer: str | None,
    strength: float | None,
    psnr: float | None,
    vmaf: bool,
    if_marked: Any,
    no_audio_mark: bool,
    codec: Any,
    crf: int | None,
    preset: str | None,
    threads: int | None,
    form: str,
    quiet: bool,
) -> None:
    """Mark every frame of INPUT, or all of its sound, and sign the result."""
    _check_usage(edits, model, input_paths, psnr=psnr, vmaf=vmaf)
    given = click.get_current_context().get_parameter_source("aigc_producer")
    # In a settings file or the environment it may stand for the files that are to have a label.
    if not aigc and given is ParameterSource.COMMANDLINE:
        raise OptionError("--aigc-producer without --aigc writes no label", hint="give --aigc too")
    if strength is not None and psnr is not None:
        raise OptionError("--strength and --psnr exclude each other", hint="give one of them")
    # Imported here, so that --help does not pay for FFmpeg and OpenCV.
    from provenance.edits import edit, parse_operation
    from provenance.interrupts import noted_interrupts
    from provenance.keys import default_keys_directory
    from provenance.payload import model_by_key
    from provenance.sealing import check_output
    from provenance.stamped import medium_of
    from provenance.stamping import stamp
    from provenance.store import default_store_path, open_store
    from provenance.video import EncodeSettings, open_media

    say = _say_nothing if quiet else _say
    settings = EncodeSettings(codec=codec, crf=crf, preset=preset, threads=threads)
    directory = keys or default_keys_directory(os.environ)
    operation = None if edits is None else parse_operation(edits)
    # What can be refused at once is, before an identity is made for it.
    if model is not None:
        model_by_key(model)
    if operation is None:
        medium = medium_of(input_paths[0])
        check_output(output, input_paths, medium=medium)
        if medium == "sound":
            _say_unused(say)
    else:
        check_output(output, input_paths)
        for path in input_paths:
            open_media(path).close()
    identity = _signer(directory, tsa, timestamp, say)
    with (
        noted_interrupts() as check_interrupt,
        open_store(store or default_store_path(os.environ)) as opened,
    ):
        stated: Any = {
            "prompt": prompt,
            "plain_prompt_hash": plain_prompt_hash,
            "day": date.date() if date else None,
            "identity": identity,
            "store": opened,
            "strength": 1.0 if strength is None else strength,
            "settings": settings,
            "if_marked": if_marked,
            "audio_mark": not no_audio_mark,
            "aigc_producer": _producer(aigc_producer, identity) if aigc else None,
            "progress": _progress(check_interrupt, quiet=quiet),
        }
        if operation is None:
            assert model is not None
            stamped = stamp(
                input_paths[0], output, model=model, source=source, psnr=psnr, vmaf=vmaf, **stated
            )
        else:
            given = click.get_current_context().get_parameter_source("source")
            told = None if given is ParameterSource.DEFAULT else source
            stamped = edit(input_paths, output, operation, model=model, source=told, **stated)
    for warning in _warnings(stamped):
        say(f"warning: {warning}")
    click.echo(_as_json(stamped) if form == "json" else _as_text(stamped))
    if not stamped.readable:
        # The file is there, complete and signed; who relies on the mark has to hear of it.
        click.get_current_context().exit(_UNREADABLE)


def _check_usage(
    edits: str | None,
    model: str | None,
    inputs: tuple[Path, ...],
    *,
    psnr: float | None,
    vmaf: bool,
) -> None:
    if edits is None:
        if model is None:
            raise click.UsageError("Missing option '--model'.")
        if len(inputs) > 1:
            raise click.UsageError("Several inputs are for --edit concat.")
    elif psnr is not None or vmaf:
        raise OptionError("--psnr and --vmaf are not for --edit", hint="leave them out")


def _say_unused(say: Callable[[str], None]) -> None:
    """Sound has no pictures to encode; what a settings file says is for other files."""
    source = click.get_current_context().get_parameter_source
    given = [f"--{name}" for name in _OF_PICTURES if source(name) is ParameterSource.COMMANDLINE]
    if given:
        say(f"warning: this is sound alone, and {', '.join(given)} are for pictures: not used")


def _producer(named: str | None, identity: Identity) -> str:
    return identity.name if named is None else named


def _signer(
    directory: Path, tsa: str | None, timestamp: Any, say: Callable[[str], None]
) -> Identity:
    """Who signs, and how time is stamped; a development identity is made where there is none."""
    from provenance.keys import (
        ensure_identity,
        new_identity_notice,
        renewal_notice,
        with_time_stamps,
    )

    identity, made = ensure_identity(directory, now=datetime.now(UTC))
    if made:
        say(new_identity_notice(directory))
    if tsa is not None or timestamp is not None:
        identity = with_time_stamps(identity, authority=tsa, policy=timestamp)
    if notice := renewal_notice(identity, now=datetime.now(UTC)):
        say(f"warning: {notice}")
    return identity


def _warnings(stamped: Stamped) -> list[str]:
    out = list(stamped.sealed.warnings)
    if stamped.kept and not stamped.edited:
        payload, name = stamped.sealed.payload, stamped.statement.model.name
        untouched = "the pictures" if stamped.carried.frames else "the samples"
        out.append(
            f"the input is marked already ({name}, {payload.source}, {payload.day}): that mark was "
            f"kept and {untouched} are untouched; what you said of model, source, date and prompt "
            "was not used"
        )
    if stamped.sound_marked:
        out.append("the sound carried no mark: it was marked as the pictures are")
    if not stamped.readable:
        out.append(
            "the mark cannot be read back from this file: there is too little "
            + (
                "picture to carry it (too short, too small or too flat)"
                if stamped.carried.frames
                else "sound to carry it (too short, silent or pure), or it was marked before"
            )
        )
    if stamped.carried.sound_damaged:
        out.append(f"sound: {stamped.carried.sound_damaged}")
    return out


def _facts(stamped: Stamped) -> dict[str, Any]:
    sealed, payload = stamped.sealed, stamped.sealed.payload
    quality, vmaf = stamped.carried.quality, stamped.carried.vmaf
    return {
        "schema": SCHEMA,
        "output": str(sealed.path),
        "content_id": payload.content_id_hex,
        "model": stamped.statement.model.key,
        "model_name": stamped.statement.model.name,
        "source": payload.source,
        "date": payload.day.isoformat(),
        "prompt_hash": None if sealed.prompt is None else str(sealed.prompt),
        "kept": stamped.kept,
        "readable": stamped.readable,
        "frames": stamped.carried.frames,
        "duration_s": round(stamped.carried.duration_s, 3),
        "input_bytes": stamped.input_bytes,
        "bytes": sealed.bytes,
        "quality": None if quality is None else _finite(asdict(quality)),
        "vmaf": None if vmaf is None else asdict(vmaf),
        "timings_s": stamped.timings_s,
        "warnings": _warnings(stamped),
    }


def _finite(numbers: dict[str, float | None]) -> dict[str, float | None]:
    """JSON has no infinity, which is the PSNR of what was not changed: null stands for it."""
    return {k: v if v is None or math.isfinite(v) else None for k, v in numbers.items()}


def _as_json(stamped: Stamped) -> str:
    return json.dumps(_facts(stamped), indent=2, ensure_ascii=False, allow_nan=False)


def _as_text(stamped: Stamped) -> str:
    facts, quality = _facts(stamped), stamped.carried.quality
    vmaf = stamped.carried.vmaf
    lines = [
        f"Stamped: {facts['output']}",
        f"Watermark: {facts['model_name']}, {facts['date']}, content id {facts['content_id']}",
        f"Prompt hash: {facts['prompt_hash'] or 'none'}",
        f"Mark read back: {'yes' if stamped.readable else 'no'}",
    ]
    if quality is not None:
        lines.append(
            f"Quality: {quality.psnr_db:.1f} dB luma PSNR, "
            f"{quality.worst_block_psnr_db:.1f} dB in the worst 32×32 block"
        )
    if vmaf is not None:
        lines.append(f"VMAF: {vmaf.vmaf:.1f}, NEG {vmaf.vmaf_neg:.1f}")
    return "\n".join(lines)


def _say(message: str) -> None:
    click.echo(f"ltx-stamp: {message}", err=True)


def _say_nothing(_message: str) -> None:
    return


def _progress(check_interrupt: Callable[[], None], *, quiet: bool) -> Callable[[float], None]:
    # None: closed by the caller.
    visible = not quiet and sys.stderr is not None and sys.stderr.isatty()
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        check_interrupt()
        percent = int(100 * share)
        if visible and percent != shown:
            shown = percent
            end = "\n" if percent >= 100 else ""
            click.echo(f"\rmarking and encoding {percent:3d} %{end}", err=True, nl=False)

    return show

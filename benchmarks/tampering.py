"""Tampering of twenty-four kinds: mark, tamper, encode again (x264, CRF 23), verify.

Each clip is stamped as ltx-stamp does (marks in pictures and sound, credentials, store), tampered
with, encoded without its credentials, and verified with the store at hand. The same clips, merely
encoded again, resized, cropped, trimmed and filtered, must give no finding.

"kind" counts where the right kind was found and, beside what must follow from it, no other;
"named" where it was found, whatever else was. "overlap" counts findings of regions with an
intersection over union of 0.5 or more with the box around what was changed meanwhile, on average
over the time that was changed. "time" counts where every moment at which the origin of the material
changes has a finding that begins or ends within half a second.

A run that was cut off goes on where it was: with --cache files are made once, with --output they
are verified once. Change the verification, and they are verified again.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from attacks.content_key import code_digest, key_of
from benchmarks.tampering_controls import CONTROLS
from benchmarks.tampering_files import Source, TamperedFiles, names, sources
from benchmarks.tampering_score import report, score
from detectors import verify
from provenance.programs import run_program
from provenance.watermark import ClipDetector

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    help=__doc__, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.argument("clips", nargs=-1, type=_FILE)
@click.option("--seconds", default=6.0, help="Use the start of each clip.")
@click.option("--short", default=480, help="Pixels on the short side, at most.")
@click.option(
    "--sound",
    "sounds",
    multiple=True,
    type=_FILE,
    help="Sound for clips that have none, for the kinds that need it; may be repeated.",
)
@click.option(
    "--kinds", default="", metavar="NAMES", help="Kinds and controls, by commas: only these."
)
@click.option("--clips", "only", default="", metavar="NAMES", help="Of the clips, only these.")
@click.option("--preset", default="veryfast", help="Of x264.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keeps the files that are made, for another run.",
)
@click.option("--make-only", is_flag=True, help="Only fill the cache.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Lines of JSON, one for each file verified by this code; those are not verified again.",
)
def main(
    clips: tuple[Path, ...],
    seconds: float,
    short: int,
    sounds: tuple[Path, ...],
    kinds: str,
    only: str,
    preset: str,
    cache: Path | None,
    make_only: bool,
    output: Path | None,
) -> None:
    if len(clips) < 2:
        raise click.UsageError("name at least two clips: one is what the other is replaced by")
    wanted = _chosen(names(), kinds.replace("controls", ",".join(CONTROLS)))
    chosen = _chosen([clip.stem for clip in clips], only)
    code = key_of(detectors=code_digest(verify), provenance=code_digest(ClipDetector))
    lines = [line for line in _lines(output) if line["code"] == code]
    with tempfile.TemporaryDirectory() as scratch:
        files = TamperedFiles(
            cache or Path(scratch) / "files", seconds=seconds, short=short, preset=preset
        )
        for source in sources(clips, sounds):
            if source.clip.stem not in chosen:
                continue
            for name in wanted:
                key = files.key(source, name)
                if any(line["key"] == key for line in lines):
                    continue
                line = _verified(files, source, name, make_only=make_only)
                if line is None:
                    continue
                line["code"] = code
                lines.append(line)
                if output is not None:
                    with output.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(line) + "\n")
    if not make_only:
        click.echo(report(lines))


def _verified(
    files: TamperedFiles, source: Source, name: str, *, make_only: bool
) -> dict[str, Any] | None:
    made = files.file(source, name)
    if made is None or make_only:
        return None
    start_s = time.process_time()
    result = verify(made.path, keys=files.identity.directory, store=files.store)
    spent_s = round(time.process_time() - start_s, 2)
    told = score(result, made.truth)
    return {"clip": source.clip.name, "name": name, "key": made.key, **told, "cpu_s": spent_s}


def _chosen(there: list[str], wanted: str) -> list[str]:
    asked = [one.strip() for one in wanted.split(",") if one.strip()]
    unknown = sorted(set(asked) - set(there))
    if unknown:
        raise click.UsageError(f"no such name: {', '.join(unknown)}; there are {', '.join(there)}")
    return [one for one in there if one in asked or not asked]


def _lines(output: Path | None) -> list[dict[str, Any]]:
    if output is None or not output.exists():
        return []
    text = output.read_text(encoding="utf-8")
    # What follows the last end of a line was being written when it was cut off.
    whole, _, broken = text.rpartition("\n")
    if broken:
        output.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


if __name__ == "__main__":
    run_program(main)

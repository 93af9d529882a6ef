"""How long reading the mark takes, against the clip's duration and bare decoding of the same file.

"full" looks at every frame, "fast" stops as soon as the tag verifies, "unmarked" searches the same
clip without a mark to the end. The runs take turns; medians are stated.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.footage import PAYLOAD, drawn_or, encode, read_mark
from benchmarks.tables import markdown
from provenance.programs import run_program
from provenance.video import open_media

if TYPE_CHECKING:
    from collections.abc import Callable


def _decode(source: Path) -> float:
    """Seconds of video in ``source``, found by decoding all of it."""
    with open_media(source) as reader:
        count = sum(picture.luma.size > 0 for picture in reader.pictures())
        return float(count / reader.info.video.rate)


def _timed(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="Use the start of each clip.")
@click.option("--runs", default=3, show_default=True, help="Runs of each kind.")
def main(clips: tuple[Path, ...], seconds: float, runs: int) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in drawn_or(clips, folder, seconds=seconds):
            marked = encode(clip, folder / "marked.mp4", seconds=seconds, marked=True)
            plain = encode(clip, folder / "plain.mp4", seconds=seconds, marked=False)
            found = read_mark(marked).payload == PAYLOAD
            duration = _decode(marked)
            tasks: tuple[Callable[[], object], ...] = (
                partial(_decode, marked),
                partial(read_mark, marked),
                partial(read_mark, marked, fast=True),
                partial(read_mark, plain),
            )
            rounds = [[_timed(task) for task in tasks] for _ in range(runs)]
            walls = [statistics.median(column) for column in zip(*rounds, strict=True)]
            rows.append(
                [
                    clip.stem,
                    "yes" if found else "**no**",
                    f"{duration:.1f}",
                    *(f"{wall:.2f} ({duration / wall:.0f}×)" for wall in walls),
                ]
            )
    header = ["clip", "found", "duration, s", "decoding", "full", "fast", "unmarked"]
    click.echo(markdown([*header[:3], *(f"{h}, s (× real time)" for h in header[3:])], rows))


if __name__ == "__main__":
    run_program(main)

"""What the flaws of pictures and sound cost to look for, and what is found in clips.

For each clip the processor time of a frame: decoding alone, and beside it watching and keeping the
small pictures of a report; then every finding. Clips that nobody spoiled should have few.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from benchmarks.footage import drawn_or
from benchmarks.tables import markdown
from detectors.quality import QualityWatch
from detectors.storyboard import Storyboard
from provenance.programs import run_program
from provenance.video import open_media


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="Length of a clip that is drawn.")
def main(clips: tuple[Path, ...], seconds: float) -> None:
    rows, said = [], []
    with tempfile.TemporaryDirectory() as name:
        for clip in drawn_or(clips, Path(name), seconds=seconds):
            row, found = _measured(clip)
            rows.append(row)
            said += found
    click.echo(markdown(["clip", "size", "decoding, ms", "watching, ms", "pictures, ms"], rows))
    click.echo("\n".join(["", f"{len(said)} findings", *said]))


def _measured(clip: Path) -> tuple[list[str], list[str]]:
    """A row of milliseconds of a frame, and the findings."""
    watch, board = QualityWatch(), Storyboard()
    spent = dict.fromkeys(("all", "watching", "pictures"), 0.0)
    count = 0
    begun = time.process_time()
    with open_media(clip) as media:
        start = media.info.start
        for picture in media.pictures():
            time_s = float(picture.time - start)
            for part, take in (("watching", watch.add), ("pictures", board.add)):
                before = time.process_time()
                take(picture, time_s)
                spent[part] += time.process_time() - before
            count += 1
        spent["all"] = time.process_time() - begun
        if media.info.audio is not None:
            for _ in watch.heard(media.sound(), media.info.audio.sample_rate):
                pass
        size = f"{media.info.video.width}x{media.info.video.height}"
    decoding = spent["all"] - spent["watching"] - spent["pictures"]
    each = [1000 * part / count for part in (decoding, spent["watching"], spent["pictures"])]
    findings = [
        f"{clip.stem}: {one.kind} {one.start_s or 0:.1f}-{one.end_s or 0:.1f} s, {one.detail}"
        for one in watch.facts().findings
    ]
    return [clip.stem, size, *(f"{value:.2f}" for value in each)], findings


if __name__ == "__main__":
    run_program(main)

"""What the mark costs: decode + mark + encode against decode + encode.

x264 medium CRF 23, two threads. The two kinds of run take turns, so that a machine that slows down
slows both; the median of the pairs' ratios is stated. CPU time is that of all threads.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import click

from benchmarks.footage import drawn_or, encode
from benchmarks.tables import markdown


def _timed(source: Path, target: Path, *, seconds: float, marked: bool) -> tuple[float, float, int]:
    """(wall seconds, CPU seconds, bytes) of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    encode(source, target, seconds=seconds, marked=marked)
    return (
        time.perf_counter() - wall,
        time.process_time() - cpu,
        target.stat().st_size,
    )


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=5.0, show_default=True, help="Use the start of each clip.")
@click.option("--runs", default=3, show_default=True, help="Pairs of runs for each clip.")
def main(clips: tuple[Path, ...], seconds: float, runs: int) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in drawn_or(clips, folder, seconds=seconds, height=1080, width=1920):
            pairs = []
            for _ in range(runs):
                without = _timed(clip, folder / "plain.mp4", seconds=seconds, marked=False)
                with_mark = _timed(clip, folder / "marked.mp4", seconds=seconds, marked=True)
                pairs.append((without, with_mark))
            ratios = [
                statistics.median(pair[1][part] / pair[0][part] for pair in pairs)
                for part in range(3)
            ]
            rows.append(
                [
                    clip.stem,
                    f"{statistics.median(pair[0][0] for pair in pairs):.2f}",
                    f"{statistics.median(pair[1][0] for pair in pairs):.2f}",
                    *(f"{ratio - 1:+.1%}" for ratio in ratios),
                ]
            )
    header = ["clip", "without, s", "with, s", "wall", "CPU", "file"]
    click.echo(markdown(header, rows))


if __name__ == "__main__":
    main()

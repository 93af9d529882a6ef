"""What stamping costs: all of ``stamp()`` against the same decode and encode without it.

Looking for a mark that is there already, marking, encoding, reading the mark back, signing and
storing, beside a plain transcode by the same encoder: x264 medium, CRF 23, two threads. The two
kinds of run take turns, so that a machine that slows down slows both; the median of the pairs'
ratios is stated. CPU time is that of all threads.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.footage import AS_STAMPED, drawn_or, encode
from benchmarks.tables import markdown
from provenance import stamp
from provenance.keys import ensure_identity
from provenance.programs import run_program
from provenance.store import open_store
from provenance.video import EncodeSettings

if TYPE_CHECKING:
    from collections.abc import Callable

_SOURCE = EncodeSettings(crf=12, preset="veryfast")


def _timed(work: Callable[[], object], target: Path) -> tuple[float, float, int]:
    """(wall seconds, CPU seconds, bytes of ``target``) of one run."""
    target.unlink(missing_ok=True)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu, target.stat().st_size


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="Use the start of each clip.")
@click.option("--runs", default=3, show_default=True, help="Pairs of runs for each clip.")
def main(clips: tuple[Path, ...], seconds: float, runs: int) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name, open_store(Path(name) / "store.sqlite") as store:
        folder = Path(name)
        identity, _ = ensure_identity(folder / "keys", now=datetime.now(UTC))
        plain, stamped = folder / "plain.mp4", folder / "stamped.mp4"
        for clip in drawn_or(clips, folder, seconds=seconds, height=1080, width=1920):
            source = encode(
                clip, folder / "source.mp4", seconds=seconds, marked=False, settings=_SOURCE
            )

            def transcode(source: Path = source) -> None:
                encode(source, plain, seconds=seconds, marked=False)

            def full(source: Path = source) -> None:
                stamp(
                    source,
                    stamped,
                    model="ltx-2.3",
                    identity=identity,
                    store=store,
                    settings=AS_STAMPED,
                )

            pairs = [(_timed(transcode, plain), _timed(full, stamped)) for _ in range(runs)]
            ratios = [statistics.median(b[part] / a[part] for a, b in pairs) for part in range(3)]
            rows.append(
                [
                    clip.stem,
                    f"{statistics.median(a[0] for a, _ in pairs):.2f}",
                    f"{statistics.median(b[0] for _, b in pairs):.2f}",
                    *(f"{ratio - 1:+.1%}" for ratio in ratios),
                ]
            )
    header = ["clip", "transcode, s", "stamp, s", "wall", "CPU", "file"]
    click.echo(markdown(header, rows))


if __name__ == "__main__":
    run_program(main)

"""What looking for regions without the mark costs: processor time of the search with and without.

Once on each whole clip, which should carry a mark: decoding aside, and beside all of verification.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from benchmarks.tables import markdown
from detectors import verify
from provenance.keys import carrier_keys
from provenance.programs import run_program
from provenance.video import open_media
from provenance.watermark import ClipDetector

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    help=__doc__, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.argument("clips", nargs=-1, required=True, type=_FILE)
@click.option(
    "--keys", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--repeat", default=3, help="Take the median of so many.")
def main(clips: tuple[Path, ...], keys: Path, repeat: int) -> None:
    rows = []
    for clip in clips:
        without = _median(clip, keys, regions=False, repeat=repeat)
        more = _median(clip, keys, regions=True, repeat=repeat) - without
        whole = _verifying(clip, keys)
        rows.append(
            [
                clip.name,
                f"{without:.2f} s",
                f"{more:+.2f} s",
                f"{100 * more / without:+.0f} %",
                f"{100 * more / (whole - more):+.0f} %",
            ]
        )
    click.echo(markdown(["clip", "search", "regions", "of the search", "of verification"], rows))


def _median(clip: Path, keys: Path, *, regions: bool, repeat: int) -> float:
    return float(np.median([_searching(clip, keys, regions=regions) for _ in range(repeat)]))


def _searching(clip: Path, keys: Path, *, regions: bool) -> float:
    spent_s = 0.0
    with open_media(clip) as media:
        video, start = media.info.video, media.info.start
        detector = ClipDetector(
            keys=carrier_keys(keys), width=video.width, height=video.height, regions=regions
        )
        for picture in media.pictures():
            before_s = time.thread_time()
            detector.add(picture.luma, time_s=float(picture.time - start), bits=picture.bits)
            spent_s += time.thread_time() - before_s
    before_s = time.thread_time()
    detector.finish()
    return spent_s + time.thread_time() - before_s


def _verifying(clip: Path, keys: Path) -> float:
    before_s = time.process_time()
    verify(clip, keys=keys, store=clip.with_suffix(".none"))
    return time.process_time() - before_s


if __name__ == "__main__":
    run_program(main)

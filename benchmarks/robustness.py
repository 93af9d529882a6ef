"""What of the mark survives: stamp, attack, encode again, read.

Every clip is marked and encoded by x264 CRF 23 medium, attacked, encoded again, and read. "yes"
means that the payload came back exactly; the number beside it is how many words were tried.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np

from benchmarks.footage import PAYLOAD, Luma, drawn_or, encode, load, read_mark, write
from benchmarks.tables import markdown
from provenance.quality import LumaQuality

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHARE = 0.7  # of each side that a crop leaves


def _same(luma: NDArray[Any]) -> NDArray[Any]:
    return luma.copy()


def _even(side: float) -> int:
    return int(side) // 2 * 2


def _crop(luma: NDArray[Any]) -> NDArray[Any]:
    """70 % of each side, at an odd place."""
    height, width = luma.shape
    top, left = int(height * 0.11) | 1, int(width * 0.17) | 1
    return luma[top : top + _even(height * SHARE), left : left + _even(width * SHARE)].copy()


def _mirror(luma: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(luma[:, ::-1])


def _half(luma: NDArray[Any]) -> NDArray[Any]:
    height, width = luma.shape
    size = (_even(width / 2), _even(height / 2))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))


# Name, what is done to the luma, and the CRF it is encoded with (None: the stamped file itself,
# whose packets a change of container leaves as they are).
ATTACKS: tuple[tuple[str, Callable[[NDArray[Any]], NDArray[Any]], int | None], ...] = (
    ("remuxed", _same, None),
    ("CRF 23", _same, 23),
    ("CRF 28", _same, 28),
    ("CRF 34", _same, 34),
    ("crop 70 %, CRF 23", _crop, 23),
    ("crop 70 %, CRF 28", _crop, 28),
    ("mirror, CRF 23", _mirror, 23),
    ("half size, CRF 23", _half, 23),
)


def _even_sides(luma: Luma) -> Luma:
    """x264's 4:2:0 has even sizes only."""
    height, width = (side // 2 * 2 for side in luma.planes[0].shape)
    return Luma(
        planes=[plane[:height, :width] for plane in luma.planes], rate=luma.rate, bits=luma.bits
    )


def _row(clip: Path, folder: Path, seconds: float) -> tuple[list[str], list[bool], float]:
    quality = LumaQuality(every=4)
    plain = encode(clip, folder / "plain.mp4", seconds=seconds, marked=False)
    stamped = encode(clip, folder / "stamped.mp4", seconds=seconds, marked=True, quality=quality)
    growth = stamped.stat().st_size / plain.stat().st_size - 1
    measured = quality.result()
    flat = "-" if measured.flat_rms is None else f"{measured.flat_rms:.2f}"
    cells = [
        clip.stem,
        f"{measured.psnr_db:.1f}",
        f"{measured.worst_block_psnr_db:.1f}",
        flat,
        f"{growth:+.1%}",
    ]
    survived = []
    for _, attack, crf in ATTACKS:
        attacked = stamped
        if crf is not None:
            luma = _even_sides(load(stamped, attack=attack))
            attacked = write(folder / "attacked.mp4", luma, crf=crf)
        result = read_mark(attacked)
        survived.append(result.payload == PAYLOAD)
        cells.append(f"{'yes' if survived[-1] else '**no**'} {result.candidates_tried}")
    return cells, survived, growth


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=5.0, show_default=True, help="Use the start of each clip.")
def main(clips: tuple[Path, ...], seconds: float) -> None:
    header = ["clip", "PSNR dB", "worst block dB", "flat rms", "growth"]
    rows, survived, growths = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in drawn_or(clips, folder, seconds=seconds):
            cells, ok, growth = _row(clip, folder, seconds)
            rows.append(cells)
            survived.append(ok)
            growths.append(growth)
            click.echo(f"{clip.stem}: {sum(ok)} of {len(ok)}", err=True)
    totals = [f"{sum(column)} of {len(column)}" for column in zip(*survived, strict=True)]
    rows.append(["all", "", "", "", f"median {statistics.median(growths):+.1%}", *totals])
    click.echo(markdown([*header, *(name for name, _, _ in ATTACKS)], rows))


if __name__ == "__main__":
    main()

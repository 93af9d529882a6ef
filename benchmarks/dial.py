"""What is read at a given quality, where learned marks are measured: one encoder behind the mark.

Each clip is marked at a mean luma PSNR of --psnr dB before any encoder, then encoded once by x264
medium: at CRF 23 and 40, cropped to three quarters a side and CRF 30, and CRF 50. "yes" means that
all 128 bits came back; "present" that they did not, and the mark is there at p < 1e-6.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from attacks.base import Desk
from attacks.catalog import find_attack
from attacks.clip import encode, head, open_clip
from attacks.marking import marked_by_us
from benchmarks.footage import KEY, PAYLOAD, drawn_or, read_mark
from benchmarks.tables import markdown
from provenance.programs import run_program
from provenance.quality import LumaQuality
from provenance.video import EncodeSettings

if TYPE_CHECKING:
    from attacks.clip import Clip

_CROP = 0.75
_WAYS = (  # name, CRF, whether it is cropped
    ("CRF 23", 23, False),
    ("CRF 40", 40, False),
    ("crop, CRF 30", 30, True),
    ("CRF 50", 50, False),
)
_PRESENT_BELOW = 1e-6


def quality_of(original: Clip, marked: Clip) -> float:
    """Mean luma PSNR in dB."""
    quality = LumaQuality(every=8)
    for one, other in zip(original.pictures(), marked.pictures(), strict=True):
        quality.add(one.luma, other.luma, bits=one.bits)
    return quality.result().psnr_db


def read_after(marked: Clip, folder: Path, *, crf: int, cropped: bool, seed: int) -> str:
    """What is read after it, in the words of the table."""
    desk = Desk(folder=folder)
    if cropped:
        crop = find_attack("crop").draw(_CROP, np.random.default_rng(seed))
        marked = crop.apply(marked, desk)
    file = folder / "encoded.mp4"
    encode(marked, file, EncodeSettings(preset="medium", crf=crf, threads=2))
    found = read_mark(file)
    if found.payload == PAYLOAD:
        return "yes"
    p = found.presence_p
    return "present" if p is not None and p < _PRESENT_BELOW else "**no**"


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--psnr", default=48.3, show_default=True, help="In dB.")
@click.option("--seconds", default=10.0, show_default=True, help="Use the start of each clip.")
def main(clips: tuple[Path, ...], psnr: float, seconds: float) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, file in enumerate(drawn_or(clips, folder, seconds=seconds)):
            clip = head(open_clip(file).muted(), seconds=seconds)
            marked = marked_by_us(clip, payload=PAYLOAD, key=KEY, psnr=psnr)
            cells = [file.stem, f"{quality_of(clip, marked):.1f}"]
            cells += [
                read_after(marked, folder, crf=crf, cropped=cropped, seed=seed)
                for _, crf, cropped in _WAYS
            ]
            rows.append(cells)
            click.echo(" ".join(cells), err=True)
    totals = [str(sum(row[2 + way] == "yes" for row in rows)) for way in range(len(_WAYS))]
    header = ["clip", "PSNR dB", *(name for name, _, _ in _WAYS)]
    click.echo(markdown(header, [*rows, [f"all of {len(rows)}", "", *totals]]))


if __name__ == "__main__":
    run_program(main)

"""What the mark changes that can be seen or has to be paid for, and how well it is heard.

For each clip: VMAF-NEG's loss before any encoding (mean, and of the frame that one in a hundred
falls below), against the clip compared with itself; PSNR, the worst 32 × 32 block, flat areas and
flicker; how much larger the file gets at x264 medium CRF 23; and γ, mean² / variance of the cells
against the true ones, where the mark lies as it was written: in that file, and after encoding it
once more at CRF 28 and 36. 128 bits need about 0.3. VMAF ends at 100: where a clip moves much, that
hides some of the loss.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.footage import KEY, PAYLOAD, drawn_or, encode, pictures
from benchmarks.tables import markdown
from provenance.payload import pack
from provenance.programs import run_program
from provenance.quality import LumaQuality
from provenance.quality.vmaf import VmafMeter
from provenance.video import EncodeSettings, MediaWriter, open_media
from provenance.watermark import ClipMarker, sync
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.evidence import Evidence
from provenance.watermark.tile import CELLS_PER_SHORT_SIDE, SMALLEST_CELL_PX, lay_out

if TYPE_CHECKING:
    from provenance.quality.vmaf import Vmaf

_AGAIN = (28, 36)


def gamma(source: Path) -> float:
    """γ of the steady cells of the benchmarks' mark in ``source``, which lies as it was written."""
    with open_media(source) as reader:
        video = reader.info.video
        evidence = Evidence(MatchedFilterExtractor(), width=video.width, height=video.height)
        for picture in reader.pictures():
            time_s = float(picture.time - reader.info.start)
            evidence.add(picture.luma, time_s=time_s, bits=picture.bits)
    evidence.flush()
    ratio = max(1.0, SMALLEST_CELL_PX * CELLS_PER_SHORT_SIDE / min(video.width, video.height))
    level = int(ratio >= math.sqrt(2))
    place = sync.Placement(scale_x=ratio / 2**level, scale_y=ratio / 2**level)
    cells = sync.cells_at(sync.clipped(evidence.totals[level]), place)
    pattern = lay_out(KEY).steady_pattern(pack(PAYLOAD, KEY.secret))
    told = (cells * pattern)[pattern != 0]
    return float(told.mean() * abs(told.mean()) / told.var())


def _again(source: Path, target: Path, crf: int) -> Path:
    with open_media(source) as reader:
        settings = EncodeSettings(crf=crf, preset="medium", threads=2)
        with MediaWriter(target, video=reader.info.video, settings=settings) as writer:
            for picture in reader.pictures():
                writer.write(picture)
    return target


def _vmaf(source: Path, seconds: float, *, marked: bool) -> Vmaf:
    with open_media(source) as reader:
        video = reader.info.video
        marker = ClipMarker(payload=PAYLOAD, key=KEY, width=video.width, height=video.height)
        with VmafMeter(width=video.width, height=video.height, bits=video.bits) as meter:
            for time_s, picture in pictures(reader, seconds):
                luma = picture.luma
                shown = marker.mark(luma, time_s=time_s, bits=picture.bits) if marked else luma
                meter.add(luma, shown)
            return meter.result()


def _row(clip: Path, folder: Path, seconds: float) -> tuple[list[str], list[float]]:
    quality = LumaQuality(every=4)
    plain = encode(clip, folder / "plain.mp4", seconds=seconds, marked=False)
    stamped = encode(clip, folder / "stamped.mp4", seconds=seconds, marked=True, quality=quality)
    changed = quality.result()
    itself, marked = (_vmaf(clip, seconds, marked=m) for m in (False, True))
    growth = stamped.stat().st_size / plain.stat().st_size - 1
    mean = marked.vmaf_neg - itself.vmaf_neg
    heard = [gamma(stamped)]
    heard += [gamma(_again(stamped, folder / "again.mp4", crf)) for crf in _AGAIN]
    cells = [
        clip.stem,
        f"{mean:+.1f}",
        f"{marked.vmaf_neg_p1 - itself.vmaf_neg_p1:+.1f}",
        f"{changed.psnr_db:.1f}",
        f"{changed.worst_block_psnr_db:.1f}",
        "–" if changed.flat_rms is None else f"{changed.flat_rms:.2f}",
        "–" if changed.flicker is None else f"{changed.flicker:.2f}",
        f"{growth:+.1%}",
        *(f"{value:.2f}" for value in heard),
    ]
    return cells, [mean, 100 * growth, *heard]


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=10.0, show_default=True, help="Use the start of each clip.")
def main(clips: tuple[Path, ...], seconds: float) -> None:
    rows, numbers = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip in drawn_or(clips, folder, seconds=seconds):
            cells, values = _row(clip, folder, seconds)
            click.echo(" ".join(cells), err=True)
            rows.append(cells)
            numbers.append(values)
    mean, growth, *heard = np.median(numbers, axis=0).tolist()
    rows.append(["median", f"{mean:+.1f}", *[""] * 5, f"{growth:+.1f} %"])
    rows[-1] += [f"{value:.2f}" for value in heard]
    header = ["clip", "VMAF-NEG", "its 1 %", "PSNR dB", "worst dB", "flat", "flicker", "file"]
    click.echo(markdown([*header, "γ CRF 23", *(f"γ {crf}" for crf in _AGAIN)], rows))


if __name__ == "__main__":
    run_program(main)

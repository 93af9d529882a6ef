"""Whether the mark is found in slanted pictures and in small ones on other content.

Every clip is marked and encoded by x264 CRF 23 medium, attacked, encoded at CRF 28, and read. A
perspective of d moves every corner inwards by a share of half the sides drawn from 0…d, as
torchvision's RandomPerspective does. A picture in picture lies on the next of the clips. "yes"
means that the payload came back exactly; the number beside it is how many words were tried.
"""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np

from benchmarks.footage import PAYLOAD, Luma, drawn_or, encode, load, read_mark, write
from benchmarks.tables import markdown
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Plane = NDArray[Any]

PERSPECTIVES = ((0.1, 1), (0.2, 2), (0.3, 3), (0.3, 4), (0.4, 5), (0.5, 6), (0.5, 7))
INSETS = (0.5, 0.4)


def slanted(luma: Plane, *, scale: float, seed: int) -> Plane:
    """``luma`` with its corners moved inwards, black around."""
    height, width = luma.shape
    shares = np.random.default_rng(seed).uniform(0, scale, (4, 2))
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (width / 2, height / 2)
    moved = (corners + shares * inwards).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved)
    return np.asarray(cv2.warpPerspective(luma, matrix, (width, height), flags=cv2.INTER_CUBIC))


def inset(luma: Plane, *, share: float, behind: Iterator[Plane]) -> Plane:
    """``luma`` at ``share`` of its size near the top right corner of the next of ``behind``."""
    height, width = luma.shape
    canvas = np.asarray(cv2.resize(next(behind), (width, height)))
    size = (round(width * share), round(height * share))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    top, left = round((height - size[1]) * 0.08), round((width - size[0]) * 0.92)
    canvas[top : top + size[1], left : left + size[0]] = small
    return canvas


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=4.0, show_default=True, help="Use the start of each clip.")
def main(clips: tuple[Path, ...], seconds: float) -> None:
    rows, survived = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        footage = drawn_or(clips, folder, seconds=seconds)
        for clip, other in zip(footage, [*footage[1:], footage[0]], strict=True):
            stamped = encode(clip, folder / "stamped.mp4", seconds=seconds, marked=True)
            plain = encode(other, folder / "other.mp4", seconds=seconds, marked=False)
            attacks: list[Callable[[Plane], Plane]] = [
                partial(slanted, scale=scale, seed=seed) for scale, seed in PERSPECTIVES
            ]
            backdrop = load(plain, attack=np.copy).planes
            attacks += [partial(inset, share=share, behind=cycle(backdrop)) for share in INSETS]
            cells, found = [clip.stem], []
            for attack in attacks:
                seen = load(stamped, attack=attack)
                even = [p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in seen.planes]
                luma = Luma(planes=even, rate=seen.rate, bits=seen.bits)
                result = read_mark(write(folder / "attacked.mp4", luma, crf=28))
                found.append(result.payload == PAYLOAD)
                cells.append(f"{'yes' if found[-1] else '**no**'} {result.candidates_tried}")
            rows.append(cells)
            survived.append(found)
            click.echo(f"{clip.stem}: {sum(found)} of {len(found)}", err=True)
    totals = [f"{sum(column)} of {len(column)}" for column in zip(*survived, strict=True)]
    header = ["clip", *(f"d = {scale}" for scale, _ in PERSPECTIVES)]
    header += [f"inset {share:.0%}" for share in INSETS]
    click.echo(markdown(header, [*rows, ["all", *totals]]))


if __name__ == "__main__":
    run_program(main)

"""The pictures that training draws from, packed into one small file that can travel.

Three kinds: photographs, short runs of real video frames, and drawn screens (see
:mod:`attacks.training.screens`), which are made anew from a seed and never stored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.errors import InputEmpty, InputMissing, UnreadableMedia
from provenance.video import open_media

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Luma = NDArray[np.uint8]

SIDE = 288
"""Pixels a side of every packed picture."""

RUN = 8
"""Frames in a packed run of video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """``stills``: (N, SIDE, SIDE) uint8 luma; ``runs``: (M, RUN, SIDE, SIDE) likewise."""

    stills: Luma
    runs: Luma


def read_stills(folder: Path) -> Iterator[Luma]:
    """The middle square of every picture in the folder, in the order of the names."""
    for path in sorted(folder.iterdir()):
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:  # not a picture
            continue
        side = min(picture.shape)
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = picture[top : top + side, left : left + side]
        yield np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def read_luma(path: Path, *, most: int | None = None) -> Luma:
    """The luma planes of a video's first frames, (T, H, W) uint8."""
    with open_media(path) as reader:
        return np.stack([picture.luma.copy() for picture in islice(reader.pictures(), most)])


def cut_runs(frames: Luma, count: int, random: np.random.Generator) -> Iterator[Luma]:
    """``count`` runs (RUN, SIDE, SIDE) from random places and moments, at the native size."""
    length, height, width = frames.shape
    if length < RUN or min(height, width) < SIDE:
        return
    for _ in range(count):
        start = random.integers(0, length - RUN + 1)
        top, left = random.integers(0, height - SIDE + 1), random.integers(0, width - SIDE + 1)
        yield frames[start : start + RUN, top : top + SIDE, left : left + SIDE]


def write_pack(path: Path, pictures: Sequence[Luma], runs: Sequence[Luma], *, quality: int) -> None:
    """Write pictures (WebP) to ``path``, complete or not at all."""
    packed = [_compress(picture, quality) for picture in pictures]
    packed += [_compress(run.reshape(-1, SIDE), quality) for run in runs]
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(
            file,
            data=np.concatenate(packed),
            lengths=np.array([len(piece) for piece in packed]),
            stills=np.array(len(pictures)),
        )
    os.replace(part, path)  # noqa: PTH105  the rename that cannot half happen


def read_pack(path: Path) -> Pack:
    """Raises InputMissing when there is no such file, UnreadableMedia when it is no pack."""
    if not path.is_file():
        raise InputMissing(
            f"{path}: no such file", hint="make it with: python -m attacks.training.data"
        )
    try:
        with np.load(path) as stored:
            data, lengths, count = stored["data"], stored["lengths"], int(stored["stills"])
        pieces = np.split(data, np.cumsum(lengths)[:-1])
        pictures = [_decompress(piece) for piece in pieces]
        runs = [run.reshape(RUN, SIDE, SIDE) for run in pictures[count:]]
        return Pack(
            stills=np.stack(pictures[:count]),
            runs=np.stack(runs) if runs else np.zeros((0, RUN, SIDE, SIDE), np.uint8),
        )
    except (KeyError, ValueError, OSError, AttributeError, cv2.error) as error:
        raise UnreadableMedia(
            f"{path}: not a training pack ({error})",
            hint="make it anew with: python -m attacks.training.data",
        ) from error


def _decompress(piece: Luma) -> Luma:
    picture = cv2.imdecode(piece, cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError("a picture in it cannot be decoded")
    return np.asarray(picture, np.uint8)


def _compress(picture: Luma, quality: int) -> Luma:
    _, piece = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return np.asarray(piece, np.uint8)


@click.command()
@click.option("--stills", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--clip", "clips", multiple=True, type=click.Path(path_type=Path))
@click.option("--runs-per-clip", default=16, show_default=True)
@click.option("--quality", default=80, show_default=True, help="WebP quality of what is packed.")
@click.option("--seed", default=1, show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
def main(
    stills: Path, clips: tuple[Path, ...], runs_per_clip: int, quality: int, seed: int, out: Path
) -> None:
    """Pack a folder of photographs and some videos into one file for training."""
    random = np.random.default_rng(seed)
    if not stills.is_dir():
        raise InputMissing(f"{stills}: no such folder", hint="name a folder of photographs")
    pictures = list(read_stills(stills))
    if not pictures:
        raise InputEmpty(f"{stills}: no picture in it", hint="name a folder of photographs")
    runs = [run for clip in clips for run in cut_runs(read_luma(clip), runs_per_clip, random)]
    write_pack(out, pictures, runs, quality=quality)
    click.echo(
        f"{len(pictures)} stills, {len(runs)} runs, {out.stat().st_size / 1e6:.1f} MB", err=True
    )


if __name__ == "__main__":
    main()

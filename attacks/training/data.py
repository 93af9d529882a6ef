"""The photographs that training draws from, packed into one small file that can travel.

Drawn screens (see :mod:`attacks.training.screens`) are made anew from a seed and never stored;
clips stay the files they are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.errors import InputEmpty, InputMissing, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Luma = NDArray[np.uint8]

SIDE = 320
"""Pixels a side of every packed picture."""


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


def write_pack(path: Path, pictures: Sequence[Luma], *, quality: int) -> None:
    """Write pictures (WebP) to ``path``, complete or not at all."""
    packed = [_compress(picture, quality) for picture in pictures]
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(
            file,
            data=np.concatenate(packed),
            lengths=np.array([len(piece) for piece in packed]),
        )
    os.replace(part, path)  # noqa: PTH105  the rename that cannot half happen


def read_pack(path: Path) -> Luma:
    """(N, SIDE, SIDE) uint8 luma.

    Raises InputMissing when there is no such file, UnreadableMedia when it is no pack.
    """
    if not path.is_file():
        raise InputMissing(
            f"{path}: no such file", hint="make it with: python -m attacks.training.data"
        )
    try:
        with np.load(path) as stored:
            data, lengths = stored["data"], stored["lengths"]
        pieces = np.split(data, np.cumsum(lengths)[:-1])
        return np.stack([_decompress(piece) for piece in pieces])
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
@click.option("--quality", default=80, show_default=True, help="WebP quality of what is packed.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
def main(stills: Path, quality: int, out: Path) -> None:
    """Pack a folder of photographs into one file for training."""
    if not stills.is_dir():
        raise InputMissing(f"{stills}: no such folder", hint="name a folder of photographs")
    pictures = list(read_stills(stills))
    if not pictures:
        raise InputEmpty(f"{stills}: no picture in it", hint="name a folder of photographs")
    write_pack(out, pictures, quality=quality)
    click.echo(f"{len(pictures)} stills, {out.stat().st_size / 1e6:.1f} MB", err=True)


if __name__ == "__main__":
    main()

"""How often the fingerprints of different contents are taken for the same: all pairs of segments.

Pictures: STILLS (a .tar or a folder of images) are cut into quarters, no two of which show the
same; across each the camera moves and zooms for two seconds. Two-second pieces of the clips given
by --clips come beside them. Pieces of one still or clip are not compared with each other. Every
pair is compared through every window, mirrored too, at every offset; the pairs that come nearest
are then put to the comparison that verification uses. Sound: drawn voices and tunes of three
seconds each, and pieces of the files given by --sounds, in the same way.
"""

from __future__ import annotations

import tarfile
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np

from attacks.bench.statistics import upper_bound
from benchmarks import drawn_sound
from benchmarks.footage import pictures
from benchmarks.tables import markdown
from provenance.errors import InputEmpty
from provenance.fingerprint import (
    SoundFingerprint,
    SoundFingerprinter,
    VideoFingerprint,
    VideoFingerprinter,
    match,
)
from provenance.fingerprint.geometry import comparison, windows
from provenance.fingerprint.sound_match import shifted
from provenance.fingerprint.video_match import LEAST_TEXTURE, independent, roughly
from provenance.programs import run_program
from provenance.video import open_media, open_sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Shot = tuple[str, Iterator[Any]]  # where it is from, and its segments

SECONDS, SOUND_S = 2, 3
RATE = 8
SHAPE = (90, 160)
BLOCK = 1024


def stills(source: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Name and luma (H, W) of every image of ``source``."""
    if source.is_dir():
        for path in sorted(source.iterdir()):
            yield path.name, _grey(path.read_bytes())
        return
    with tarfile.open(source) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, _grey(file.read())


def _grey(data: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return np.asarray(image, np.uint8)


def quarters(image: NDArray[np.uint8], rng: np.random.Generator) -> Iterator[VideoFingerprint]:
    """A moving camera over each quarter of ``image``."""
    height, width = (side // 2 for side in image.shape)
    for row, column in product((0, 1), repeat=2):
        part = image[row * height :, column * width :][:height, :width]
        first, last = (rng.uniform(0, 0.15, 2) for _ in range(2))
        zooms = rng.uniform(0.75, 0.85, 2)
        maker = VideoFingerprinter(RATE)
        for number in range(SECONDS * RATE):
            at = number / (SECONDS * RATE)
            (x, y), zoom = (1 - at) * first + at * last, (1 - at) * zooms[0] + at * zooms[1]
            seen = part[int(y * height) :, int(x * width) :]
            seen = seen[: int(zoom * height), : int(zoom * width)]
            size = SHAPE[::-1]
            maker.add(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), number / RATE)
        yield maker.finish()


def pieces(clip: Path) -> Iterator[VideoFingerprint]:
    """The clip in pieces of two seconds."""
    with open_media(clip) as media:
        maker, begin = VideoFingerprinter(media.info.video.rate), 0.0
        for time_s, picture in pictures(media, 1e9):
            if time_s >= begin + SECONDS:
                yield maker.finish()
                maker, begin = VideoFingerprinter(media.info.video.rate), begin + SECONDS
            maker.add(picture.luma, time_s, bits=picture.bits)


def nearest_pictures(
    segments: Sequence[VideoFingerprint], groups: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(N, N) standard deviations of the best comparison of each pair of different groups."""
    cells = np.stack([segment.cells for segment in segments])  # (N, 2, rows, columns)
    best = np.full((len(cells), len(cells)), -9, np.float32)
    for number, window in enumerate(windows()):
        compared = comparison(window)
        if compared is None:
            continue
        right = [compared.of_reference(cells[:, second]) for second in range(SECONDS)]
        for seen in (cells, cells[:, :, :, ::-1]):
            left = [compared.of_query(seen[:, second]) for second in range(SECONDS)]
            apart = np.array([independent(np.stack(pair)) for pair in zip(*left, strict=True)])
            # z is this times atanh of the correlation.
            unit = np.array(
                [roughly(np.tanh(1.0), window, compared, seconds) for seconds in apart],
                np.float32,
            )
            single = np.float32(roughly(np.tanh(1.0), window, compared, 1.0))
            for start in range(0, len(cells), BLOCK):
                rows = slice(start, start + BLOCK)
                first, second = left[0][rows], left[1][rows]
                ones, others = right[0][start:], right[1][start:]  # each pair once
                both = (first @ ones.T + second @ others.T) / 2
                z = np.arctanh(np.clip(both, -0.999, 0.999)) * unit[rows, None]
                for one in (first @ others.T, second @ ones.T):
                    np.maximum(z, np.arctanh(np.clip(one, -0.999, 0.999)) * single, out=z)
                np.maximum(best[rows, start:], z, out=best[rows, start:])
        if number % 20 == 0:
            click.echo(f"window {number} of {len(windows())}", err=True)
    best[groups[:, None] == groups] = -9
    return best


def drawn_pieces(count: int) -> Iterator[SoundFingerprint]:
    makers = (drawn_sound.voice, drawn_sound.tune)
    for seed in range(count):
        yield _heard(makers[seed % 2](SOUND_S, 16_000, seed=seed), 16_000)


def sound_pieces(file: Path) -> Iterator[SoundFingerprint]:
    with open_sound(file) as media:
        rate = media.info.audio.sample_rate
        whole = np.concatenate(list(media.blocks()))
    for start in range(0, len(whole) - SOUND_S * rate, SOUND_S * rate):
        yield _heard(whole[start : start + SOUND_S * rate], rate)


def _heard(samples: NDArray[np.float32], rate: int) -> SoundFingerprint:
    maker = SoundFingerprinter(rate)
    maker.add(samples)
    return maker.finish()


def nearest_sounds(
    segments: Sequence[SoundFingerprint], groups: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(N, N) agreement of signs at the best of many offsets, tempos and pitches."""
    signs = np.stack([segment.signs for segment in segments]).astype(np.float32)
    count, length, bits = signs.shape
    best = np.full((count, count), -1, np.float32)
    steps = np.arange(length)
    for stretch, shift in ((0.95, -1), (1.0, 0), (1.05, 1)):
        left = np.stack([shifted(one, shift) for one in signs])
        for offset in range(-length // 2, length // 2 + 1, 3):
            at = np.rint(stretch * steps + offset).astype(int)
            within = (at >= 0) & (at < length)
            ours = left[:, within].reshape(count, -1)
            theirs = signs[:, at[within]].reshape(count, -1)
            scale = np.float32(1 / np.sqrt(within.sum() * (bits - abs(shift)) * length * bits))
            for start in range(0, count, BLOCK):
                rows = slice(start, start + BLOCK)
                right = best[rows, start:]  # each pair once
                np.maximum(right, (ours[rows] @ theirs[start:].T) * scale, out=right)
        click.echo(f"tempo {stretch}, pitch {shift:+d}", err=True)
    best[groups[:, None] == groups] = -1
    return best


def report(
    name: str,
    segments: Sequence[Any],
    origins: Sequence[str],
    groups: NDArray[np.int64],
    near: Any,
    verified: int,
) -> list[str]:
    """A row of the table, from putting the nearest pairs to the real comparison.

    Pairs that are confused are named, so that somebody can look at them.
    """
    compared = int((groups[:, None] != groups).sum()) // 2
    near = np.maximum(near, near.T)
    upper = np.triu(near, 1)
    flat = np.argpartition(upper.ravel(), -verified)[-verified:]
    order = flat[np.argsort(upper.ravel()[flat])[::-1]]
    same, unsure, bounds = 0, 0, []
    for index in order.tolist():
        one, other = divmod(index, len(segments))
        result = match(segments[one], segments[other])
        if result.same:
            click.echo(
                f"{name}: confused: {origins[one]} with {origins[other]}, score "
                f"{result.score:.2f}, bound {result.false_match_bound:.0e}",
                err=True,
            )
        same += result.same is True
        unsure += result.same is None
        bounds.append(result.false_match_bound)
    click.echo(f"{name}: of the nearest pairs {unsure} are unclear", err=True)
    return [
        name,
        f"{len(segments):,}",
        f"{compared:,}",
        str(same),
        f"{upper_bound(same, compared):.1e}",
        f"{min(bounds):.1e}",
        f"{sorted(bounds)[min(99, len(bounds) - 1)]:.1e}",
    ]


@click.command(help=__doc__)
@click.argument(
    "source", metavar="[STILLS]", required=False, type=click.Path(exists=True, path_type=Path)
)
@click.option("--clips", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--sounds", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--most-stills", default=1_400, show_default=True)
@click.option("--drawn-sounds", default=5_000, show_default=True, help="0 leaves sound out.")
@click.option(
    "--verified", default=2_000, show_default=True, help="Nearest pairs to compare fully."
)
def main(
    source: Path | None,
    clips: tuple[Path, ...],
    sounds: tuple[Path, ...],
    most_stills: int,
    drawn_sounds: int,
    verified: int,
) -> None:
    rows = []
    rng = np.random.default_rng(0)
    if source is not None or clips:
        shots: list[Shot] = [(clip.name, pieces(clip)) for clip in clips]
        if source is not None:
            images = islice(stills(source), most_stills)
            shots += [(name, quarters(image, rng)) for name, image in images]
        rows.append(_measured("pictures", shots, verified))
    if drawn_sounds or sounds:
        heard: list[Shot] = [(file.name, sound_pieces(file)) for file in sounds]
        drawn = enumerate(drawn_pieces(drawn_sounds))
        heard += [(f"drawn {seed}", iter([piece])) for seed, piece in drawn]
        rows.append(_measured("sound", heard, verified))
    header = ["", "segments", "pairs", "confused", "95 % at most", "lowest bound", "100th"]
    click.echo(markdown(header, rows))


def _measured(name: str, shots: Sequence[Shot], verified: int) -> list[str]:
    segments, groups, origins = [], [], []
    for group, (origin, shot) in enumerate(shots):
        for part, segment in enumerate(shot):
            whole = isinstance(segment, SoundFingerprint) or len(segment.levels) == SECONDS
            flat = isinstance(segment, VideoFingerprint) and bool(
                (segment.texture < LEAST_TEXTURE).any()
            )
            if whole and not flat:
                segments.append(segment)
                groups.append(group)
                origins.append(f"{origin}, part {part + 1}")
    click.echo(f"{name}: {len(segments)} segments", err=True)
    if not segments:
        raise InputEmpty(f"there is no segment of {name} to compare", hint="name other files")
    nearest = nearest_pictures if name == "pictures" else nearest_sounds
    near = nearest(segments, np.array(groups))
    return report(name, segments, origins, np.array(groups), near, verified)


if __name__ == "__main__":
    run_program(main)

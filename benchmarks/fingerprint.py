"""Whether the fingerprint finds attacked clips again, and what it costs.

The start of every clip is brought to --height lines and encoded by x264 CRF 23: that is the
original. It is attacked, encoded at CRF 28 where the attack changed pictures, and compared with its
own original and with that of the next clip. "found": the same; "unsure": neither; "accused": called
other content, though it is the same. Of the next clip's, "confused" counts those called the same.
Cost: decoding a clip with and without taking its fingerprint.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from attacks.single import attack
from benchmarks.footage import drawn_or, encode
from benchmarks.tables import markdown
from provenance.errors import EveryframeError
from provenance.fingerprint import PrintTaker, VideoFingerprint, match
from provenance.programs import run_program
from provenance.video import EncodeSettings, open_media

ATTACKS = (
    ("identity", None),
    ("x264", 34),
    ("x264", 40),
    ("resize", 0.5),
    ("resize", 0.25),
    ("crop", 0.9),
    ("crop", 0.71),
    ("crop", 0.55),
    ("crop_resize", 0.71),
    ("aspect", 0.2),
    ("letterbox", 0.25),
    ("blurred_bars", 0.44),
    ("pad", 0.25),
    ("hflip", None),
    ("rotate", 2),
    ("rotate", 10),
    ("captions", 0.14),
    ("logo", 0.05),
    ("stickers", 0.1),
    ("gamma", 1.6),
    ("brightness", 0.5),
    ("gaussian_noise", 10),
    ("gaussian_blur", 2),
    ("speed", 1.05),
    ("speed", 0.95),
    ("frame_rate", 0.5),
    ("trim", 2),
    ("jump_cut", 0.25),
    ("reorder", 1),
    ("picture_in_picture", 0.6),
    ("reshared", 2),
    ("rerecord", 1),
)


def fingerprint(path: Path) -> VideoFingerprint:
    with open_media(path) as media:
        taker = PrintTaker(media.info.video.rate)
        for picture in media.pictures():
            time_s = float(picture.time - media.info.start)
            taker.see(picture.luma, time_s, bits=picture.bits)
    found = taker.finish().video
    assert found is not None
    return found


def original(clip: Path, target: Path, *, seconds: float, height: int) -> Path:
    fast = EncodeSettings(crf=12, preset="ultrafast", threads=2)
    start = encode(
        clip, target.with_name("start.mp4"), seconds=seconds, marked=False, settings=fast
    )
    with open_media(start) as media:
        lines = min(media.info.video.width, media.info.video.height)
    if lines <= height:
        attack(start, target, "x264", strength=23)
    else:
        attack(start, target, "resize", strength=height / lines, crf=23)
    return target


def cost(clip: Path, seconds: float) -> tuple[float, float]:
    """Seconds to decode the start of ``clip``, and to take its fingerprint too."""
    spent = []
    for takes in (False, True):
        with open_media(clip) as media:
            taker = PrintTaker(media.info.video.rate)
            start = time.process_time()
            for picture in media.pictures():
                time_s = float(picture.time - media.info.start)
                if time_s > seconds:
                    break
                if takes:
                    taker.see(picture.luma, time_s, bits=picture.bits)
            spent.append(time.process_time() - start)
    return spent[0], spent[1]


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=5.0, show_default=True, help="Use the start of each clip.")
@click.option("--height", default=360, show_default=True, help="Lines of the originals.")
@click.option("--only", multiple=True, help="Only these attacks.")
def main(clips: tuple[Path, ...], seconds: float, height: int, only: tuple[str, ...]) -> None:
    chosen = [one for one in ATTACKS if not only or one[0] in only]
    counts = {one: [0, 0, 0, 0, 0] for one in chosen}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        footage = drawn_or(clips, folder, seconds=seconds)
        originals = [
            original(clip, folder / f"{index}.mp4", seconds=seconds, height=height)
            for index, clip in enumerate(footage)
        ]
        prints = [fingerprint(path) for path in originals]
        for number, path in enumerate(originals):
            other, missed = prints[(number + 1) % len(prints)], list[str]()
            for one in chosen:
                count = counts[one]
                try:
                    attack(path, folder / "attacked.mp4", one[0], strength=one[1])
                except EveryframeError as error:
                    click.echo(f"{footage[number].stem}: {one[0]}: {error.message}", err=True)
                    continue
                seen = fingerprint(folder / "attacked.mp4")
                same = match(seen, prints[number]).same
                count[0 if same else 1 if same is None else 2] += 1
                if not same:
                    missed.append(f"{one[0]} {one[1]} ({'unsure' if same is None else 'accused'})")
                if other is not prints[number]:
                    wrong = match(seen, other).same
                    count[3] += wrong is True
                    count[4] += 1
            click.echo(f"{footage[number].stem}: not found {', '.join(missed) or '-'}", err=True)
        plain, taking = (
            sum(times) for times in zip(*(cost(c, seconds) for c in footage), strict=True)
        )
    rows = [
        [f"{what} {'' if strength is None else strength}".strip()]
        + [str(value) for value in counts[what, strength][:3]]
        + [f"{counts[what, strength][3]} of {counts[what, strength][4]}"]
        for what, strength in chosen
    ]
    click.echo(markdown(["attack", "found", "unsure", "accused", "confused"], rows))
    size = sum(len(one.to_bytes()) for one in prints) / sum(one.duration_s for one in prints)
    click.echo(
        f"{size:.0f} bytes a second; decoding {plain:.2f} s of a core, with it {taking:.2f} s"
    )


if __name__ == "__main__":
    run_program(main)

"""How often a mark is found in sound that has none under the key: it must be never.

Every trial searches with a key of its own, half of them in sound that carries no mark, half in
sound that carries one under another key.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
import numpy as np

from benchmarks.audio import Sound, draw, load
from benchmarks.false_positives import _upper_limit
from benchmarks.footage import PAYLOAD
from provenance.audio_watermark import SoundDetector, SoundMarker
from provenance.keys import DEFAULT_CARRIER_KEY, CarrierKey


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--trials", default=10_000, help="Keys that are tried on 8 s of sound.")
@click.option("--wide-every", default=100, help="One in so many also searches all stretches.")
def main(files: tuple[Path, ...], trials: int, wide_every: int) -> None:
    """Search FILES (drawn sound without) with keys that marked nothing."""
    sounds = [load(file, 8.0) for file in files] or list(draw(8.0, 3))
    sounds += [_marked(sound) for sound in sounds]
    read, present, words, lowest = 0, 0, 0, 1.0
    for trial in range(trials):
        sound = sounds[trial % len(sounds)]
        secret = hashlib.sha256(b"trial %d" % trial).digest()
        detector = SoundDetector(
            keys=[CarrierKey(name="trial", secret=secret)],
            rate=sound.rate,
            reach="any" if trial % wide_every == 0 else "straight",
        )
        detector.add(sound.samples)
        found = detector.finish().mark
        read += found.payload is not None
        present += found.payload is None and found.detected
        words += found.candidates_tried
        lowest = min(lowest, 1.0 if found.presence_p is None else found.presence_p)
        if trial % 500 == 499:
            click.echo(f"{trial + 1} trials, {read} read, {present} present", err=True)
    click.echo(f"{trials} trials on {len(sounds)} sounds: {read} read, {present} called present")
    click.echo(f"{words} words tried, bound {words * 2.0**-48:.1e}; lowest presence p {lowest:.1e}")
    click.echo(f"95 % limit of the rate: {_upper_limit(read + present, trials):.1e}")


def _marked(sound: Sound) -> Sound:
    marker = SoundMarker(
        payload=PAYLOAD,
        key=DEFAULT_CARRIER_KEY,
        rate=sound.rate,
        channels=sound.samples.shape[1],
    )
    samples = np.concatenate([marker.push(sound.samples), marker.finish()])
    return Sound(name=f"{sound.name}, marked", samples=samples, rate=sound.rate)


if __name__ == "__main__":
    main()

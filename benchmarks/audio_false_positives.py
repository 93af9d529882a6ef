"""How often a mark is found in sound that has none under the key: it must be never.

Every trial searches with a key of its own, half of them in sound that carries no mark, half in
sound that carries one under another key.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
import numpy as np

from attacks.bench.statistics import upper_bound
from benchmarks.audio import Sound, draw, load
from benchmarks.footage import PAYLOAD
from provenance.audio_watermark import SoundMarker
from provenance.audio_watermark.detector import PRESENT_P, chance
from provenance.audio_watermark.search import SoundSearch
from provenance.audio_watermark.section import Section
from provenance.audio_watermark.tile import lay_out
from provenance.keys import DEFAULT_CARRIER_KEY, CarrierKey
from provenance.programs import run_program


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--trials", default=10_000, help="Keys that are tried on 8 s of sound.")
@click.option("--wide-every", default=100, help="One in so many also searches all stretches.")
def main(files: tuple[Path, ...], trials: int, wide_every: int) -> None:
    """Search FILES (drawn sound without) with keys that marked nothing."""
    sounds = [load(file, 8.0) for file in files] or list(draw(8.0, 3))
    sounds += [_marked(sound) for sound in sounds]
    read, present, words, lowest = 0, 0, 0, 1.0
    each = -(-trials // len(sounds))
    for number, sound in enumerate(sounds):
        section = Section(sound.samples.mean(1), sound.rate)
        for trial in range(each):
            secret = hashlib.sha256(b"trial %d %d" % (number, trial)).digest()
            search = SoundSearch(lay_out(CarrierKey(name="trial", secret=secret)))
            found, peak = search.look(section, "straight" if trial % wide_every else "any")
            p = chance(peak, keys=1)
            read += found is not None
            present += found is None and p < PRESENT_P
            words += search.tried
            lowest = min(lowest, p)
        click.echo(f"{sound.name}: {read} read, {present} present, p {lowest:.1e}", err=True)
    trials = each * len(sounds)
    click.echo(f"{trials} trials on {len(sounds)} sounds: {read} read, {present} called present")
    click.echo(f"{words} words tried, bound {words * 2.0**-48:.1e}; lowest presence p {lowest:.1e}")
    click.echo(f"95 % limit of the rate: {upper_bound(read + present, trials):.1e}")


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
    run_program(main)

"""What of the mark in the sound survives: mark eight seconds, attack, read.

Attacks are those of ``ltx-bench``. "read" means that the payload came back exactly; "present" that
a mark is stated at p < 1e-6. Without files, sound is drawn: voices, tunes and noises.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np
from scipy.signal import resample_poly

from attacks.audio.filters import BandLimit, SoundCodec, SoundNoise
from attacks.audio.room import Room
from attacks.audio.time import SoundSpeed
from attacks.base import Chain, Desk
from attacks.catalog import find_attack
from attacks.clip import Clip
from benchmarks.drawn_sound import noises, tune, voice
from benchmarks.footage import PAYLOAD
from benchmarks.hearing import noise_to_mask
from benchmarks.masking import noise_to_mask_db
from benchmarks.tables import markdown
from provenance.audio_watermark import SoundDetector, SoundMarker
from provenance.clip import AudioSpec, VideoSpec
from provenance.heap import keep_what_is_freed
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.programs import run_program
from provenance.video import open_sound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.base import Transform

# What the table calls it, the attack's name in ltx-bench, and how strong.
ATTACKS: tuple[tuple[str, str, float], ...] = (
    *((f"AAC {kbps}k", "audio_aac", kbps) for kbps in (24, 48, 64, 128)),
    ("MP3 64k", "audio_mp3", 64),
    *((f"Opus {kbps}k", "audio_opus", kbps) for kbps in (16, 24, 32, 64)),
    ("telephone and AMR 12.2k", "audio_telephone", 12.2),
    ("resampled to 8 kHz", "audio_resample", 8000),
    ("300-3400 Hz", "audio_band_limit", 3400),
    ("white noise 20 dB", "audio_white_noise", 20),
    ("white noise 10 dB", "audio_white_noise", 10),
    ("pink noise 20 dB", "audio_pink_noise", 20),
    ("gain -20 dB", "audio_gain", -20),
    ("clipping 6 dB", "audio_clipping", 6),
    ("echo", "audio_echo", 0.3),
    ("clock off by 0.1 %", "audio_speed_up", 1.001),
    *((f"speed {factor:g}", "audio_speed_up", factor) for factor in (1.05, 1.1, 1.25, 2.0)),
    *((f"speed {factor:g}", "audio_slow_down", factor) for factor in (0.95, 0.9, 0.8, 0.5)),
    *((f"pitch {semitones:+d}", "audio_pitch_up", semitones) for semitones in (1, 3)),
    *((f"pitch {semitones:+d}", "audio_pitch_down", semitones) for semitones in (-1, -3)),
    *((f"tempo {factor:g}", "audio_stretch_shorter", factor) for factor in (1.1, 1.25)),
    *((f"tempo {factor:g}", "audio_stretch_longer", factor) for factor in (0.9, 0.8)),
    *((f"re-recorded, {rt:g} s", "audio_rerecord", rt) for rt in (0.2, 0.4, 0.6)),
)
KEPT_S = 3.0
DRAWN_RATE = 44_100
PESQ_RATE = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """``samples``: (N, channels) float32; ``rate`` in Hz."""

    name: str
    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=8.0, help="How much of each file, from its start.")
@click.option("--drawn", default=3, help="Without files: how many of each kind to draw.")
@click.option("--pesq", is_flag=True, help="Also PESQ-WB (needs the package pesq).")
@click.option("--only", default="", metavar="TEXT", help="Attacks whose names hold this.")
def main(files: tuple[Path, ...], seconds: float, drawn: int, pesq: bool, only: str) -> None:
    """Mark FILES (sound or video; drawn sound without), attack and read.

    One core, and freed memory is kept, as in the processes of ltx-verify. Before anything is timed
    the first sound is read once: weights and tables are made then.
    """
    cv2.setNumThreads(1)
    keep_what_is_freed()
    sounds = [load(file, seconds) for file in files] or list(draw(seconds, drawn))
    read(sounds[0].samples, sounds[0].rate)
    marked, rows = [], []
    for sound in sounds:
        started = time.process_time()
        marked.append(mark(sound))
        speed = sound.seconds / (time.process_time() - started)
        started = time.process_time()
        text, _ = read(marked[-1].samples, sound.rate)
        listened = sound.seconds / (time.process_time() - started)
        started = time.process_time()
        read(sound.samples, sound.rate)
        searched = sound.seconds / (time.process_time() - started)
        rows.append(
            [
                sound.name,
                f"{snr_db(sound, marked[-1]):.1f}",
                *masking(sound, marked[-1]),
                text,
                f"{speed:.0f}",
                f"{listened:.0f}",
                f"{searched:.0f}",
            ]
        )
    header = [
        "sound",
        "SNR, dB",
        "noise to mask (BS.1387), dB",
        "frames disturbed",
        "noise to mask (Johnston), dB",
        "as marked",
        "embed, × real time",
        "extract, × real time",
        "unmarked, × real time",
    ]
    if pesq:
        header.append("PESQ-WB")
        for row, sound, changed in zip(rows, sounds, marked, strict=True):
            row.append(f"{pesq_wb(sound, changed):.2f}")
    click.echo(markdown(header, rows))
    table = []
    for name, steps in (*attacks(), (f"cut to {KEPT_S:g} s", None)):
        if only not in name:
            continue
        results = [read(attacked(sound, steps), sound.rate)[0] for sound in marked]
        present = sum(result != "-" for result in results)
        table.append([name, f"{results.count('read')} of {len(results)}", f"{present}", *results])
        click.echo(f"{name}: {' '.join(results)}", err=True)
    names = [sound.name for sound in sounds]
    click.echo("\n" + markdown(["attack", "read", "read or present", *names], table))


def attacks() -> Iterator[tuple[str, Transform]]:
    """Names and transforms, always drawn alike."""
    for number, (name, attack, strength) in enumerate(ATTACKS):
        yield name, find_attack(attack).draw(strength, np.random.default_rng(number))
    yield "re-recorded, noise 20 dB, skew 0.1 %", _recorded()


def _recorded() -> Transform:
    """A room whose echo is as loud as the direct sound, and a noisy recorder in it."""
    return Chain(
        steps=(
            Room(reverberation_s=0.4, direct_db=0, gap_s=0.003, seed=0),
            BandLimit(low_hz=200, high_hz=7500),
            SoundNoise(snr_db=20, colour="pink", seed=0),
            SoundSpeed(factor=1.001),
            SoundCodec(codec="aac", kbps=64),
        )
    )


def draw(seconds: float, count: int) -> Iterator[Sound]:
    for name, kind in (("voice", voice), ("tune", tune), ("noises", noises)):
        for seed in range(count):
            samples = kind(seconds, DRAWN_RATE, seed=seed)
            yield Sound(name=f"{name} {seed}", samples=samples, rate=DRAWN_RATE)


def load(path: Path, seconds: float) -> Sound:
    with open_sound(path) as media:
        rate, wanted = media.info.audio.sample_rate, round(seconds * media.info.audio.sample_rate)
        blocks, count = [], 0
        for block in media.blocks():
            blocks.append(block)
            count += len(block)
            if count >= wanted:
                break
    return Sound(name=path.stem[:20], samples=np.concatenate(blocks)[:wanted], rate=rate)


def mark(sound: Sound) -> Sound:
    marker = SoundMarker(
        payload=PAYLOAD,
        key=DEFAULT_CARRIER_KEY,
        rate=sound.rate,
        channels=sound.samples.shape[1],
    )
    samples = np.concatenate([marker.push(sound.samples), marker.finish()])
    return Sound(name=sound.name, samples=samples, rate=sound.rate)


def read(samples: NDArray[np.float32], rate: int) -> tuple[str, float]:
    """What was read ("read", "present" or "-"), and the false-positive bound."""
    detector = SoundDetector(keys=[DEFAULT_CARRIER_KEY], rate=rate)
    detector.add(samples)
    found = detector.finish().mark
    if found.payload is None:
        return "present" if found.detected else "-", 1.0
    return "read" if found.payload == PAYLOAD else "wrong", found.false_positive_bound


def pesq_wb(sound: Sound, marked: Sound) -> float:
    """PESQ-WB (ITU-T P.862.2) of the marked sound, as mono at 16 kHz."""
    from pesq import pesq

    original, changed = (
        resample_poly(s.samples.mean(1), PESQ_RATE, s.rate) for s in (sound, marked)
    )
    return float(pesq(PESQ_RATE, original, changed, "wb"))


def snr_db(sound: Sound, marked: Sound) -> float:
    change = np.square(marked.samples - sound.samples, dtype=np.float64).mean()
    return float(10 * np.log10(np.square(sound.samples, dtype=np.float64).mean() / change))


def masking(sound: Sound, marked: Sound) -> tuple[str, str, str]:
    """By BS.1387 the noise-to-mask ratio and the share of disturbed frames; Johnston's ratio."""
    heard = noise_to_mask(sound.samples, marked.samples, sound.rate)
    mean_db = noise_to_mask_db(sound.samples.mean(1), marked.samples.mean(1), sound.rate)
    return f"{heard.total_db:.1f}", f"{100 * heard.disturbed:.1f} %", f"{mean_db:.1f}"


def attacked(sound: Sound, transform: Transform | None) -> NDArray[np.float32]:
    """The samples of ``sound`` after ``transform``; without one, three seconds of its middle."""
    if transform is None:
        first = round((sound.seconds - KEPT_S) / 2 * sound.rate)
        return sound.samples[first : first + round(KEPT_S * sound.rate)]
    clip = Clip(
        video=VideoSpec(width=16, height=16, rate=Fraction(1)),
        audio=AudioSpec(sample_rate=sound.rate, channels=sound.samples.shape[1]),
        duration_s=sound.seconds,
        pictures=lambda: iter(()),
        sound=lambda: iter((sound.samples,)),
    )
    with tempfile.TemporaryDirectory() as folder:
        changed = transform.apply(clip, Desk(folder=Path(folder)))
        return np.concatenate(list(changed.sound()))


if __name__ == "__main__":
    run_program(main)

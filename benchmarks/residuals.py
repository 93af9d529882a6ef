"""Pictures of what marking changes in sound: to be looked at, as nobody hears all of a residual.

One row a file, 0 to 8 kHz upwards: the sound, the residual (both −100 to 0 dB of full scale), and
how loud the residual is beside the sound (−40 dB black, +10 dB white). What would be heard shows as
light in the second picture where the first one is dark.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np

from benchmarks.audio import load, mark
from provenance.programs import run_program

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_S, HOP_S = 0.032, 0.01
HIGHEST_HZ = 8000.0
SIZE = (640, 220)  # width and height of each picture
_LOUDNESS_DB, _RATIO_DB = (-100.0, 0.0), (-40.0, 10.0)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seconds", default=8.0, help="How much of each file, from its start.")
def main(files: tuple[Path, ...], out: Path, seconds: float) -> None:
    """Mark FILES and draw what has changed into a PNG."""
    rows = []
    for file in files:
        sound = load(file, seconds)
        change = mark(sound).samples - sound.samples
        rows.append(pictures(sound.samples.mean(1), change.mean(1), sound.rate))
    picture = cv2.applyColorMap(np.concatenate(rows), cv2.COLORMAP_INFERNO)
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise click.ClickException("the picture could not be encoded")
    out.write_bytes(data.tobytes())


def pictures(
    sound: NDArray[np.float32], change: NDArray[np.float32], rate: int
) -> NDArray[np.uint8]:
    """(220, 1920) grey: ``sound`` (N,), ``change`` (N,), and the one beside the other."""
    whole, part = level_db(sound, rate), level_db(change, rate)
    drawn = [(whole, _LOUDNESS_DB), (part, _LOUDNESS_DB), (part - whole, _RATIO_DB)]
    return np.concatenate([_drawn(levels, *limits) for levels, limits in drawn], axis=1)


def level_db(sound: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """(bins to 8 kHz, frames): dB of full scale, −140 for nothing."""
    size = round(WINDOW_S * rate / 2) * 2
    padded = np.pad(sound, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: round(HOP_S * rate)]
    amplitude = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)).T * 4 / size
    return 20 * np.log10(amplitude[: round(HIGHEST_HZ * size / rate)] + 1e-7)


def _drawn(levels: NDArray[np.float64], lowest: float, highest: float) -> NDArray[np.uint8]:
    share = np.clip((levels[::-1] - lowest) / (highest - lowest), 0, 1)
    small = cv2.resize(share, SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(255 * small), np.uint8)


if __name__ == "__main__":
    run_program(main)

"""Marking on a GPU: frames a second at 3840 × 2160, and whether the result is the CPU's.

Frames are drawn once, kept on the device and marked one after the other, the residual drawn anew
five times a second as in use. Times are wall time around a synchronised stretch; the median of the
runs is stated.
"""

from __future__ import annotations

import statistics
import time

import click
import numpy as np
import torch

from benchmarks.drawn import natural_luma
from benchmarks.footage import KEY, PAYLOAD
from benchmarks.tables import markdown
from generators.devices import choose_device
from provenance.programs import run_program
from provenance.watermark import ClipMarker
from provenance.watermark.torch_marker import TorchClipMarker

# One shot: where others begin, a writer tells the marker, which costs it a look at each batch.
_DISTINCT = 12  # frames drawn; a clip repeats them
_COMPARED = 12
_RATE = 24


def _timed(marker: TorchClipMarker, frames: torch.Tensor, count: int, first: int) -> float:
    """Frames a second over ``count`` frames from the ``first`` of the clip on."""
    on_gpu = frames.is_cuda
    if on_gpu:
        torch.cuda.synchronize()
    started = time.perf_counter()
    for index in range(first, first + count):
        marker.mark(frames[index % len(frames)], time_s=index / _RATE)
    if on_gpu:
        torch.cuda.synchronize()
    return count / (time.perf_counter() - started)


@click.command(help=__doc__)
@click.option("--width", default=3840, show_default=True)
@click.option("--height", default=2160, show_default=True)
@click.option("--frames", default=480, show_default=True, help="Frames in a run.")
@click.option("--runs", default=5, show_default=True)
@click.option("--device", help="Default: a GPU where there is one.")
def main(width: int, height: int, frames: int, runs: int, device: str | None) -> None:
    target = choose_device(device)
    planes = natural_luma(_DISTINCT, height, width)
    numpy_marker = ClipMarker(payload=PAYLOAD, key=KEY, width=width, height=height)
    torch_marker = TorchClipMarker(numpy_marker, device=target)
    on_device = torch.from_numpy(np.stack(planes)).to(target)
    unlike, largest, started = 0.0, 0, time.perf_counter()
    for index in range(_COMPARED):
        luma = planes[index % len(planes)]
        wanted = numpy_marker.mark(luma, time_s=index / _RATE).astype(int)
        marked = torch_marker.mark(on_device[index % len(planes)], time_s=index / _RATE)
        change = np.abs(marked.cpu().numpy().astype(int) - wanted)
        unlike += float(np.mean(change > 0)) / _COMPARED
        largest = max(largest, int(change.max()))
    _timed(torch_marker, on_device, min(frames, 48), _COMPARED)
    speeds = [_timed(torch_marker, on_device, frames, (r + 2) * frames) for r in range(runs)]
    name = torch.cuda.get_device_name(target) if target.type == "cuda" else "CPU"
    row = [name, f"{width}×{height}", f"{statistics.median(speeds):.0f}"]
    row += [f"{unlike:.1e}", str(largest)]
    header = ["device", "frame", "marked frames/s", "share of pixels unlike the CPU's"]
    click.echo(markdown([*header, "largest difference, levels"], [row]))
    click.echo(f"{time.perf_counter() - started:.1f} s in all", err=True)


if __name__ == "__main__":
    run_program(main)

"""How fast scenes are rendered, and how well the measure of sync does on true renders.

python -m benchmarks.scenes --device cuda
"""

from __future__ import annotations

import random
import statistics
import time

import click

from provenance.programs import run_program


@click.command()
@click.option("--device", default="cpu", show_default=True, help="where to render")
@click.option("--batch", default=32, show_default=True, help="scenes at once")
@click.option("--repeat", default=5, show_default=True, help="batches that are timed")
@click.option("--clips", default=80, show_default=True, help="clips for the measure of sync")
def main(device: str, batch: int, repeat: int, clips: int) -> None:
    """Times batches of 48 frames of 192x112 with sound, and measures sync on true renders."""
    import torch

    from generators.scenes import draw_scene, render_audio, render_video

    rng = random.Random(1)  # noqa: S311

    def seconds(work):  # noqa: ANN001, ANN202
        work()
        times = []
        for _ in range(repeat):
            if device != "cpu":
                torch.cuda.synchronize()
            start = time.perf_counter()
            work()
            if device != "cpu":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    specs = [draw_scene(rng, duration_s=2.0) for _ in range(batch)]
    picture = {"width": 192, "height": 112, "rate": 24, "frames": 48, "device": device}
    drawn = seconds(lambda: [draw_scene(rng, duration_s=2.0) for _ in range(batch)])
    shown = seconds(lambda: render_video(specs, **picture))
    heard = seconds(lambda: render_audio(specs, samples=48_000, device=device))
    click.echo(
        f"{batch} scenes: drawn {1e3 * drawn:.1f} ms, picture {1e3 * shown:.1f} ms, ", nl=False
    )
    click.echo(f"sound {1e3 * heard:.1f} ms")
    _sync(rng, clips, device)


def _sync(rng: random.Random, clips: int, device: str) -> None:
    import numpy as np

    from generators.metrics.sync import sync_error_ms
    from generators.scenes import draw_scene, render_audio, render_video

    specs = []
    while len(specs) < clips:
        spec = draw_scene(rng, duration_s=2.0)
        strikes = spec.bodies[0].motion in {"bounce", "fall", "slide"}
        if strikes and spec.camera.kind == "still" and len(spec.bodies) == 1:
            specs.append(spec)
    video = render_video(specs, width=192, height=112, rate=24, frames=48, device=device).cpu()
    audio = render_audio(specs, samples=48_000, device=device).cpu()
    for name, sound in (("true", audio), ("shuffled", audio.roll(1, dims=0))):
        errors = np.array(sync_error_ms(video, sound, rate=24, sample_rate=24_000))
        seen = np.isfinite(errors)
        click.echo(
            f"{name} sound: median {np.nanmedian(errors):.1f} ms, three of four below "
            f"{np.nanpercentile(errors, 75):.1f} ms, an impact seen in {seen.sum()} of {clips}"
        )


if __name__ == "__main__":
    run_program(main)

"""``python -m generators.training.dit_eval``: what the joint transformer makes, in figures.

Clips for captions of scenes that nobody saw: whether what was asked for is read back, of seen and
of held-out combinations; whether sound falls on what is seen; and how far the clips are from real
ones, beside real from real. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from dataclasses import asdict
from fractions import Fraction
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from generators.devices import choose_device
from generators.dit import DiT
from generators.latents import CHUNK, SOUND_RATE, latents_of, sound_latents_of
from generators.metrics.attributes import agreement, load_reader, read_attributes
from generators.metrics.frechet import beside_real
from generators.metrics.sound_features import sound_features
from generators.metrics.sync import sync_error_ms
from generators.presets import PRESETS, preset
from generators.sampling import SamplingSettings
from generators.scenes import attributes, caption, draw_scene, render_audio, render_video
from generators.streaming import Wanted, Window, make_latents
from generators.text import encode_bytes
from generators.training.scene_source import load_codecs
from generators.training.sheet import write_sheet
from generators.training.sync_plot import sync_plot
from generators.weight_file import load_weights
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generators.metrics.attributes import AttributeReader
    from generators.scenes import SceneSpec, Split

ROWS, COLUMNS, RATE, CHUNKS = 7, 12, 24, 9
FRAMES = 1 + CHUNK * CHUNKS
DURATION_S = FRAMES / RATE
SYNC_BAR_MS = 40.0
"""So far from the impact that is seen the sound may begin, in the median."""
_STRIKES = frozenset({"bounce", "fall", "slide"})  # whose impacts the measure of sync can see


class Clips(NamedTuple):
    """(N, 3, T, H, W) and (N, 2, M), in −1…1."""

    video: Tensor
    audio: Tensor


class Maker:
    """The transformer with its codecs, for batches of captions."""

    def __init__(
        self, dit: DiT, codecs: Any, settings: SamplingSettings, device: torch.device
    ) -> None:
        self.dit, self.settings, self.device = dit, settings, device
        self.video_codec, self.audio_codec = codecs

    @torch.inference_mode()
    def clips(self, captions: Sequence[str], seed: int) -> Clips:
        raw = encode_bytes(captions, self.dit.config.text.max_bytes).to(self.device)
        made = make_latents(
            self.dit,
            Wanted(
                chunks=CHUNKS,
                rows=ROWS,
                columns=COLUMNS,
                rate=Fraction(RATE),
                images={},
                sound=None,
            ),
            [Window(start=0, chunks=CHUNKS, history=0)],
            raw_text=raw,
            settings=self.settings,
            generator=torch.Generator().manual_seed(seed),
            progress=lambda _share: None,
        )
        video = self.video_codec.decode(latents_of(made.video, ROWS).float())
        audio = self.audio_codec.decode(sound_latents_of(made.audio).float())
        return Clips(video.cpu(), audio.cpu())

    @torch.inference_mode()
    def coded(self, clips: Clips) -> Clips:
        """The same clips through the codecs alone: the most that any transformer can reach."""
        video = self.video_codec.decode(self.video_codec.encode(clips.video.to(self.device)))
        audio = self.audio_codec.decode(self.audio_codec.encode(clips.audio.to(self.device)))
        return Clips(video.cpu(), audio.cpu())


def draw(count: int, split: Split, *, seed: int, striking: bool = False) -> list[SceneSpec]:
    """Scenes; ``striking``: something is struck, alone, before a still camera."""
    rng = random.Random(seed)  # noqa: S311
    specs: list[SceneSpec] = []
    while len(specs) < count:
        spec = draw_scene(rng, duration_s=DURATION_S, split=split)
        suits = spec.bodies[0].motion in _STRIKES and spec.camera.kind == "still"
        if not striking or (suits and len(spec.bodies) == 1):
            specs.append(spec)
    return specs


def made_for(maker: Maker, specs: list[SceneSpec], batch: int) -> Clips:
    rng = random.Random(1)  # noqa: S311
    captions = [caption(spec, rng) for spec in specs]
    parts = [
        maker.clips(captions[first : first + batch], seed=first)
        for first in range(0, len(specs), batch)
    ]
    return Clips(*(torch.cat(list(part)) for part in zip(*parts, strict=True)))


def rendered(specs: list[SceneSpec], batch: int, device: torch.device) -> Clips:
    parts = []
    for first in range(0, len(specs), batch):
        some = specs[first : first + batch]
        video = render_video(some, width=16 * COLUMNS, height=16 * ROWS, rate=RATE,
                             frames=FRAMES, device=device)  # fmt: skip
        samples = CHUNK * CHUNKS * SOUND_RATE // RATE
        parts.append((video.cpu(), render_audio(some, samples=samples, device=device).cpu()))
    return Clips(*(torch.cat(list(part)) for part in zip(*parts, strict=True)))


def sync_errors(clips: Clips, *, other: bool = False) -> list[float]:
    """Milliseconds, of the clips in which an impact is seen; ``other``: with another's sound."""
    sound = clips.audio.roll(1, 0) if other else clips.audio
    errors = sync_error_ms(clips.video, sound, rate=RATE, sample_rate=SOUND_RATE)
    return [error for error in errors if not isnan(error)]


def sync_figures(own: list[float], other: list[float]) -> dict[str, float | int | None]:
    """Of the clips in which an impact is seen; and the same with the sound of another clip."""

    def median(errors: list[float]) -> float | None:
        return round(statistics.median(errors), 1) if errors else None

    within = round(sum(error <= SYNC_BAR_MS for error in own) / len(own), 3) if own else None
    return {
        "median_ms": median(own),
        "shuffled_median_ms": median(other),
        "within_bar": within,
        "impacts_seen_in": len(own),
    }


def evaluate(
    maker: Maker,
    reader: AttributeReader,
    *,
    count: int,
    batch: int,
    sheet: Path | None,
    plot: Path | None,
) -> dict[str, Any]:
    """All figures, over ``count`` clips of each kind."""
    device = maker.device
    figures: dict[str, Any] = {"clips": count}
    features = {}
    for name, split in (("seen", "train"), ("held_out", "held_out")):
        specs = draw(count, split, seed=11)  # type: ignore[arg-type]
        clips = made_for(maker, specs, batch)
        asked = [attributes(spec) for spec in specs]
        read = [
            read_attributes(reader, clips.video[first : first + batch].to(device), rate=RATE)
            for first in range(0, count, batch)
        ]
        found = [one for part, _ in read for one in part]
        figures[f"attributes_{name}"] = _rounded(agreement(found, asked))
        features[name] = (torch.cat([part for _, part in read]).cpu(), clips)
        if sheet is not None and name == "held_out":
            shown = range(0, FRAMES, FRAMES // 5)
            rows = [[clip[:, index] for index in shown] for clip in clips.video[:8]]
            write_sheet(sheet, rows)
    real = rendered(draw(2 * count, "train", seed=12), batch, device)
    true = [
        read_attributes(reader, real.video[first : first + batch].to(device), rate=RATE)
        for first in range(0, 2 * count, batch)
    ]
    truth = [attributes(spec) for spec in draw(2 * count, "train", seed=12)]
    figures["attributes_real"] = _rounded(
        agreement([one for part, _ in true for one in part], truth)
    )
    pictures = beside_real(features["seen"][0], torch.cat([part for _, part in true]).cpu())
    figures["frechet"] = _rounded(pictures._asdict())
    heard = beside_real(
        sound_features(features["seen"][1].audio, sample_rate=SOUND_RATE),
        sound_features(real.audio, sample_rate=SOUND_RATE),
    )
    figures["frechet_sound"] = _rounded(heard._asdict())
    striking = draw(count, "train", seed=13, striking=True)
    made, true_ones = made_for(maker, striking, batch), rendered(striking, batch, device)
    own, other, ideal = sync_errors(made), sync_errors(made, other=True), sync_errors(true_ones)
    coded = [
        maker.coded(Clips(*(part[first : first + batch] for part in true_ones)))
        for first in range(0, count, batch)
    ]
    codecs = [error for clips in coded for error in sync_errors(clips)]
    figures["sync"] = sync_figures(own, other)
    figures["sync_codecs"] = sync_figures(codecs, [])
    figures["sync_real"] = sync_figures(ideal, sync_errors(true_ones, other=True))
    if plot is not None:
        curves = {"made": own, "with another's sound": other}
        curves |= {"true renders": ideal, "those, coded": codecs}
        plot.write_text(sync_plot(curves, bar_ms=SYNC_BAR_MS), encoding="utf-8")
    return figures


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in values.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m generators.training.dit_eval", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--dit", type=Path, required=True, help="weights that training exported")
    parser.add_argument("--video-codec", type=Path, help="weights; default: the bundled ones")
    parser.add_argument("--audio-codec", type=Path, help="weights; default: the bundled ones")
    parser.add_argument("--reader", type=Path, help="weights of the attribute reader; likewise")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="ltx-2.3-small")
    parser.add_argument("--device", help="default: a GPU where there is one")
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--shift", type=float, default=2.0)
    parser.add_argument("--sound-shift", type=float, default=SamplingSettings().sound_shift)
    parser.add_argument("--method", choices=["euler", "heun"], default="euler")
    parser.add_argument("--sheet", type=Path, help="a contact sheet of held-out captions")
    parser.add_argument("--sync-plot", type=Path, help="an SVG of how far sounds are off")
    given = parser.parse_args(arguments)
    device = choose_device(given.device)
    dit = DiT(preset(given.preset))
    load_weights(given.dit, dit)
    settings = SamplingSettings(
        steps=given.steps, guidance=given.guidance, shift=given.shift, method=given.method,
        sound_shift=given.sound_shift,
    )  # fmt: skip
    maker = Maker(
        dit.to(device).eval(), load_codecs(given.video_codec, given.audio_codec, device),
        settings, device,
    )  # fmt: skip
    reader = load_reader(given.reader, device=device)
    figures = evaluate(
        maker, reader, count=given.clips, batch=given.batch, sheet=given.sheet, plot=given.sync_plot
    )
    figures["sampling"] = asdict(settings)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    run_program(main)

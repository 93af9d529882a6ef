"""``python -m generators.training.student_eval``: what the streaming transformer makes, in figures.

For each number of looks at noise: how far its clips are from real ones beside real from real and,
with ``--teacher``, beside those of the joint transformer; whether what was asked for is read back;
and whether a long stream stays itself and keeps moving. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from fractions import Fraction
from math import ceil
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from generators.causal_dit import CausalDiT
from generators.devices import choose_device
from generators.dit import DiT
from generators.latents import CHUNK, latents_of
from generators.metrics.attributes import agreement, load_reader, read_attributes
from generators.metrics.drift import drift
from generators.metrics.frechet import beside_real
from generators.presets import PRESETS, STREAMING, preset, streaming_preset
from generators.rollout import Stage, roll
from generators.sampling import SamplingSettings
from generators.scenes import attributes, caption
from generators.text import encode_bytes
from generators.training import dit_eval
from generators.training.dit_eval import Maker, draw, made_for, rendered
from generators.training.scene_source import load_codecs
from generators.weight_file import load_weights
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from generators.metrics.attributes import AttributeReader

BAR = 1.5
"""The student's distance may be so many times the teacher's at most."""


class Streamer:
    """A streaming transformer with its codec, for batches of captions."""

    def __init__(self, model: CausalDiT, video_codec: Any, device: torch.device) -> None:
        self.model, self.video_codec, self.device = model, video_codec, device

    @torch.inference_mode()
    def frames(self, captions: Sequence[str], *, looks: int, seed: int) -> Iterator[Tensor]:
        """(B, 3, T, H, W) in −1…1, step by step without end: one frame first, then eight."""
        raw = encode_bytes(captions, self.model.config.text.max_bytes).to(self.device)
        text = self.model.read(raw)
        stage = Stage(
            rows=dit_eval.ROWS, columns=dit_eval.COLUMNS, rate=Fraction(dit_eval.RATE), steps=looks
        )
        generator = torch.Generator().manual_seed(seed)
        look = None
        for step in roll(self.model, stage, lambda: text, generator=generator):
            latents = latents_of(step[:, None], stage.rows)[:, :, 0].float()
            made, look = self.video_codec.decode_step(latents, look)
            yield made.cpu()

    def clips(self, captions: Sequence[str], *, frames: int, looks: int, seed: int) -> Tensor:
        """(B, 3, frames, H, W) in −1…1."""
        steps = self.frames(captions, looks=looks, seed=seed)
        count = 1 + ceil((frames - 1) / CHUNK)
        return torch.cat([next(steps) for _ in range(count)], dim=2)[:, :, :frames]


def evaluate(
    streamer: Streamer,
    reader: AttributeReader,
    *,
    teacher: Maker | None,
    looks: Sequence[int],
    count: int,
    batch: int,
    long_s: float,
    long_clips: int,
) -> dict[str, Any]:
    """All figures, over ``count`` clips, and ``long_clips`` streams of ``long_s`` seconds."""
    rate, device = dit_eval.RATE, streamer.device

    def read(video: Tensor) -> tuple[list[dict[str, str]], Tensor]:
        parts = [
            read_attributes(reader, video[first : first + batch].to(device), rate=rate)
            for first in range(0, len(video), batch)
        ]
        found = [one for part, _ in parts for one in part]
        return found, torch.cat([part for _, part in parts]).cpu()

    specs = draw(count, "train", seed=11)
    asked = [attributes(spec) for spec in specs]
    rng = Random(1)  # noqa: S311
    captions = [caption(spec, rng) for spec in specs]
    _, true = read(rendered(draw(2 * count, "train", seed=12), batch, device).video)
    figures: dict[str, Any] = {"clips": count, "looks": {}}
    theirs: float | None = None
    if teacher is not None:
        found, features = read(made_for(teacher, specs, batch).video)
        beside = beside_real(features, true)
        theirs = beside.distance
        figures["teacher"] = _rounded(
            {"frechet": beside.distance, "floor": beside.floor} | agreement(found, asked)
        )
    for number in looks:
        before = time.perf_counter()
        clips = torch.cat(
            [
                streamer.clips(
                    captions[first : first + batch],
                    frames=dit_eval.FRAMES,
                    looks=number,
                    seed=first,
                )
                for first in range(0, count, batch)
            ]
        )
        spent = time.perf_counter() - before
        found, features = read(clips)
        beside = beside_real(features, true)
        mine = _rounded(
            {"frechet": beside.distance, "floor": beside.floor} | agreement(found, asked)
        )
        mine["frames_per_s"] = round(clips.shape[0] * clips.shape[2] / spent, 1)
        if theirs is not None:
            mine["times_teacher"] = round(beside.distance / max(1e-9, theirs), 3)
            mine["within_bar"] = beside.distance <= BAR * theirs
        figures["looks"][str(number)] = mine
    figures["long"] = long_figures(
        streamer, captions[:long_clips], seconds=long_s, looks=2 if 2 in looks else looks[0]
    )
    return figures


def long_figures(
    streamer: Streamer, captions: Sequence[str], *, seconds: float, looks: int
) -> dict[str, Any]:
    """Drift of streams, one after the other, since a minute of pictures takes much memory."""
    rate = dit_eval.RATE
    found = [
        drift(
            streamer.clips([one], frames=round(seconds * rate), looks=looks, seed=number),
            rate=rate,
            window_s=min(2.0, seconds / 4),
        )
        for number, one in enumerate(captions)
    ]
    return {
        "seconds": seconds,
        "looks": looks,
        "look": [round(float(one.look), 3) for one in found],
        "alive": [round(float(one.alive), 3) for one in found],
        "pass": sum(bool(one.passes) for one in found),
        "of": len(found),
    }


def _rounded(values: dict[str, float]) -> dict[str, Any]:
    return {name: round(float(value), 3) for name, value in values.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m generators.training.student_eval", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--dit", type=Path, required=True, help="weights that training exported")
    add("--preset", choices=sorted(STREAMING), default="helios-1.0-small")
    add("--teacher", type=Path, help="weights of the joint transformer")
    add("--teacher-preset", choices=sorted(PRESETS), default="ltx-2.3-small")
    add("--teacher-steps", type=int, default=20)
    add("--guidance", type=float, default=3.0, help="of the teacher")
    add("--video-codec", type=Path, help="weights; default: the bundled ones")
    add("--audio-codec", type=Path, help="weights; default: the bundled ones")
    add("--reader", type=Path, help="weights of the attribute reader; likewise")
    add("--device", help="default: a GPU where there is one")
    add("--looks", type=int, nargs="+", default=[1, 2, 4])
    add("--clips", type=int, default=256)
    add("--batch", type=int, default=32)
    add("--long-s", type=float, default=60.0, help="length of the streams that may drift")
    add("--long-clips", type=int, default=8)
    given = parser.parse_args(arguments)
    device = choose_device(given.device)
    codecs = load_codecs(given.video_codec, given.audio_codec, device)
    model = CausalDiT(streaming_preset(given.preset))
    load_weights(given.dit, model)
    teacher = None
    if given.teacher is not None:
        joint = DiT(preset(given.teacher_preset))
        load_weights(given.teacher, joint)
        settings = SamplingSettings(steps=given.teacher_steps, guidance=given.guidance)
        teacher = Maker(joint.to(device).eval(), codecs, settings, device)
    figures = evaluate(
        Streamer(model.to(device).eval(), codecs[0], device),
        load_reader(given.reader, device=device),
        teacher=teacher,
        looks=given.looks,
        count=given.clips,
        batch=given.batch,
        long_s=given.long_s,
        long_clips=given.long_clips,
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    run_program(main)

"""From a request to a finished file at full size, stage by stage: how long, and how much memory.

The transformer has the shape of the preset and random weights, so that the pictures are noise and
the time is real. Two passes, as progressive resolution has them: all steps but two at a quarter of
the pixels, two at half of the sides, and twice the sides by convolutional super-resolution. On a
GPU the work is compiled, layers are of 8-bit floating point numbers, and pictures are decoded in
bfloat16 while the last ones go to the host; --no-compile, --no-float8 and --no-half leave one of
these out. With --offload the blocks wait in the memory of the host as 8-bit integers. With --output
the frames and their sound are marked, encoded and signed too, while the next ones are decoded;
--footage gives the encoder pictures of a clip in place of what was decoded, as noise is no footage.
"""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import replace
from itertools import islice, pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np
import torch
from torch.nn import functional

from benchmarks.full_size import (
    PROMPT,
    Encoding,
    Stages,
    attention_by,
    attention_option,
    default_type,
    float8_option,
    half_option,
    has_float8,
    offload_option,
    output_option,
    x264_option,
)
from benchmarks.showing import Showing, Sounding
from generators.audio_codec import SAMPLE_RATE, AudioCodec, AudioCodecConfig
from generators.base import parse_rate, parse_size
from generators.blocks import Block
from generators.devices import choose_device
from generators.dit import AudioTokens, DiT, DiTConfig, VideoTokens, parameter_count
from generators.float8 import to_float8
from generators.latents import CHUNK, key_times_s, place_grid, sound_times_s
from generators.offload import StreamedBlocks
from generators.presets import PRESETS, preset
from generators.quantised import pack
from generators.sampling import noise_levels
from generators.superres import SuperResolution
from generators.text import encode_bytes
from generators.video_codec import VideoCodec, VideoCodecConfig
from provenance.clip import AudioSpec
from provenance.programs import run_program
from provenance.sealing import check_output
from provenance.to_host import HostCopies
from provenance.video import open_media, rgb_from_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from torch import Tensor

TOKEN = 32  # pixels a side of a token: 2×2 latents of the codec
SOUND_TOKENS_PER_S = 6.25
_SOUND_HZ = 2 * SAMPLE_RATE


def build(config: DiTConfig, device: torch.device, *, offload: bool) -> DiT:
    """Random weights in bfloat16, made where they are used."""

    def block() -> Block:
        with torch.device(device), default_type(torch.bfloat16):
            return Block(config.video, config.audio, text_width=config.text.width)

    with torch.device(device), default_type(torch.bfloat16):
        model = DiT(replace(config, blocks=0 if offload else config.blocks))
    if offload:
        packed = [pack(block().state_dict()) for _ in range(config.blocks)]
        model.blocks = StreamedBlocks(packed, block, device)  # type: ignore[assignment]
    model.requires_grad_(requires_grad=False)
    return model


def positions(
    keys: int, rows: int, columns: int, *, rate: Fraction, sounds: int, device: torch.device
) -> tuple[VideoTokens, AudioTokens]:
    nothing = torch.zeros(0, device=device)
    first = torch.zeros(keys, device=device)
    first[0] = 1
    video = VideoTokens(
        latents=nothing,
        level=nothing,
        time_s=key_times_s(0, keys, rate, device)[None],
        place=place_grid(rows, columns, device),
        first=first,
        span_s=torch.full((1,), float(CHUNK / rate), device=device),
    )
    return video, AudioTokens(latents=nothing, level=nothing, time_s=_sound_times(sounds, device))


def _sound_times(sounds: int, device: torch.device) -> Tensor:
    return sound_times_s(0, sounds, device)[None] * (25 / SOUND_TOKENS_PER_S)


def steps(
    model: DiT,
    latents: tuple[Tensor, Tensor],
    places: tuple[VideoTokens, AudioTokens],
    levels: list[float],
    text: Tensor,
) -> tuple[Tensor, Tensor]:
    """Euler steps without guidance, as a distilled model takes them."""
    video, audio = latents
    parts = len(model.config.video.parts)
    for level, following in pairwise(levels):
        pictures = places[0]._replace(
            latents=video, level=torch.full((1, video.shape[1], parts), level, device=video.device)
        )
        sound = places[1]._replace(
            latents=audio, level=torch.full((1, audio.shape[1], 1), level, device=audio.device)
        )
        seen, heard = model(pictures, sound, text)
        assert heard is not None
        video, audio = video + (following - level) * seen, audio + (following - level) * heard
    return video, audio


def request(
    model: DiT,
    showing: Showing,
    sounding: Sounding,
    *,
    size: tuple[int, int],
    rate: Fraction,
    seconds: float,
    stages: Stages,
    output: Path | None,
    footage: Tensor | None,
    x264: str,
) -> dict[str, Any]:
    """One clip; returns what was made and how many tokens that took."""
    device = stages.device
    frames = round(seconds * rate)
    keys = 1 + ceil((frames - 1) / CHUNK)
    high = grid_of(size)
    low = (ceil(high[0] / 2), ceil(high[1] / 2))
    sounds = sounds_in(seconds)
    channels = model.config.video.channels
    assert model.config.audio is not None
    levels = noise_levels(6, 3.0)
    with stages.stage("text"):
        raw = encode_bytes([PROMPT], model.config.text.max_bytes).to(device)
        text = model.read(raw)
    with stages.stage("sampling, small"):
        start = (
            torch.randn(1, keys, low[0] * low[1], channels, device=device),
            torch.randn(1, sounds, 1, model.config.audio.channels, device=device),
        )
        places = positions(keys, *low, rate=rate, sounds=sounds, device=device)
        video, audio = steps(model, start, places, levels[:5], text)
    with stages.stage("sampling, large"):
        grid = video.unflatten(2, low).permute(0, 4, 1, 2, 3)  # (1, C, S, h, w)
        wide = functional.interpolate(grid.float(), (keys, *high), mode="trilinear")
        video = wide.permute(0, 2, 3, 4, 1).flatten(2, 3)
        places = positions(keys, *high, rate=rate, sounds=sounds, device=device)
        video, audio = steps(model, (video, audio), places, levels[4:], text)
    with stages.stage("sound"):
        sound = sounding.samples(audio, _samples_in(frames, rate))
    encoding = None
    if output is not None:
        heard = AudioSpec(sample_rate=_SOUND_HZ, channels=2)
        encoding = Encoding(output, size, rate, audio=heard, x264=x264)
    made, copies = 0, HostCopies(device)
    on_the_way: deque[Callable[[], list[Tensor]]] = deque()
    with stages.stage("decoding and super-resolution"):
        showing.begin()
        for tokens in video.unbind(1):
            shown = showing.levels(tokens)[: frames - made].permute(0, 2, 3, 1)
            first, made = made, made + len(shown)
            if encoding is not None:
                if footage is not None:
                    shown = footage[torch.arange(first, made) % len(footage)]
                part = slice(_samples_in(first, rate), _samples_in(made, rate))
                encoding.put(shown, sound[part])
                continue
            on_the_way.append(copies.send([shown]))
            if len(on_the_way) > 1:
                on_the_way.popleft()()
        while on_the_way:
            on_the_way.popleft()()
    if encoding is not None:
        with stages.stage("waiting for the encoder"):
            encoding.finish()
        for name, spent in encoding.seconds.items():
            stages.seconds[f"({name}, beside)"] += spent
    return {"frames": made, "tokens": [keys * low[0] * low[1], keys * high[0] * high[1]]}


def _samples_in(frames: int, rate: Fraction) -> int:
    return round(frames / rate * _SOUND_HZ)


def pictures_of(clip: Path, size: tuple[int, int], device: torch.device) -> Tensor:
    """(T, H, W, 3) uint8 of the first five seconds, in ``size``."""
    with open_media(clip) as media:
        count = round(5 * media.info.video.rate)
        shown = [rgb_from_picture(picture) for picture in islice(media.pictures(), count)]
    fitted = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in shown]
    return torch.from_numpy(np.stack(fitted)).to(device)


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of tokens of the large pass."""
    return ceil(size[1] / 2 / TOKEN), ceil(size[0] / 2 / TOKEN)


def first_look(model: DiT, size: tuple[int, int], rate: Fraction, seconds: float) -> Tensor:
    """Velocities of noise at a quarter of the pixels."""
    device, config = model.first.device, model.config
    assert config.audio is not None
    rows, columns = (ceil(side / 2) for side in grid_of(size))
    keys, sounds = 1 + ceil((round(seconds * rate) - 1) / CHUNK), sounds_in(seconds)
    random = torch.Generator(device).manual_seed(0)
    video = torch.randn(
        1, keys, rows * columns, config.video.channels, device=device, generator=random
    )
    sound = torch.randn(1, sounds, 1, config.audio.channels, device=device, generator=random)
    text = model.read(encode_bytes([PROMPT], config.text.max_bytes).to(device))
    places = positions(keys, rows, columns, rate=rate, sounds=sounds, device=device)
    return video - steps(model, (video, sound), places, [1.0, 0.0], text)[0]


def sounds_in(seconds: float) -> int:
    """Tokens of sound."""
    return max(1, round(seconds * SOUND_TOKENS_PER_S))


@click.command(help=__doc__)
@click.option("--preset", "name", type=click.Choice(sorted(PRESETS)), default="ltx-2.3")
@click.option("--size", default="1920x1080", show_default=True)
@click.option("--rate", default="30", show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--runs", default=2, show_default=True, help="The last is reported.")
@offload_option
@click.option("--compile/--no-compile", "compiled", default=True)
@float8_option
@half_option
@attention_option
@output_option
@click.option(
    "--footage",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A clip whose pictures are encoded.",
)
@x264_option
@click.option("--device", help="Default: a GPU where there is one.")
def main(
    name: str, size: str, rate: str, seconds: float, runs: int, offload: bool, compiled: bool,
    float8: bool | None, half: bool | None, attention: str, output: Path | None,
    footage: Path | None, x264: str, device: str | None,
) -> None:  # fmt: skip
    if output is not None:
        check_output(output)
    target = choose_device(device)
    on_gpu = target.type == "cuda"
    if on_gpu:
        torch.backends.cudnn.benchmark = True
    pixels, frame_rate = parse_size(size), parse_rate(rate)
    if float8 is None:
        float8 = has_float8(target)
    half = on_gpu if half is None else half
    began = time.perf_counter()
    config = preset(name)
    model = build(config, target, offload=offload)
    with torch.inference_mode():
        plain = first_look(model, pixels, frame_rate, seconds)
    if float8 and not offload:
        to_float8(model.blocks)
    if compiled and not offload:
        for one in model.blocks:
            one.compile(dynamic=False)
    with torch.inference_mode(), attention_by(attention):
        off = first_look(model, pixels, frame_rate, seconds) - plain
    codec = VideoCodec(VideoCodecConfig()).to(target).eval()
    upscaler = SuperResolution().to(target).eval()
    showing = Showing(
        codec, upscaler, pixels, grid_of(pixels)[0], half=half, compiled=compiled and on_gpu
    )
    sounding = Sounding(AudioCodec(AudioCodecConfig()).to(target).eval())
    encoded = None if footage is None else pictures_of(footage, pixels, target)
    built_s = time.perf_counter() - began
    stages = Stages(target)
    facts: dict[str, Any] = {}
    with torch.inference_mode(), attention_by(attention):
        for _ in range(runs):
            stages = Stages(target)
            if target.type == "cuda":
                torch.cuda.reset_peak_memory_stats(target)
            before = time.perf_counter()
            facts = request(
                model, showing, sounding, size=pixels, rate=frame_rate, seconds=seconds,
                stages=stages, output=output, footage=encoded, x264=x264,
            )  # fmt: skip
            facts["total_s"] = round(time.perf_counter() - before, 3)
    with torch.device("meta"):
        facts["parameters"] = parameter_count(DiT(config))
    facts |= {
        "preset": name,
        "device": torch.cuda.get_device_name(target) if target.type == "cuda" else "CPU",
        "size": size,
        "rate": rate,
        "seconds": seconds,
        "offload": offload,
        "compiled": compiled and not offload,
        "float8": float8 and not offload,
        "half": half,
        "attention": attention,
        "unlike_plain": round(float(off.norm() / plain.norm()), 5),
        "built_s": round(built_s, 1),
        "stages_s": {stage: round(spent, 3) for stage, spent in stages.seconds.items()},
    }
    if target.type == "cuda":
        facts["peak_gb"] = round(torch.cuda.max_memory_allocated(target) / 1e9, 2)
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    run_program(main)

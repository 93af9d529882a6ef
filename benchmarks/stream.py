"""Streaming at full size: the first frame, frames a second, and what the mark takes of that.

The transformer has the shape of the preset and random weights, so that the pictures are noise and
the time is real. A first run warms up and is not counted; the second is timed as a whole; the third
waits for the device after every stage, to tell them apart. Under torchrun the processes share each
moment, and the first one decodes, marks and reports::

    python -m benchmarks.stream --seconds 20
    torchrun --nproc-per-node 2 -m benchmarks.stream --seconds 20

With --offload the blocks wait in the memory of the host as 8-bit integers. With --output the frames
are marked, encoded and signed too, while the next ones are made.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import torch
import torch.distributed as dist
from torch.nn import functional

from benchmarks.footage import KEY, PAYLOAD
from benchmarks.generate import PROMPT, Encoding, Stages, default_type
from generators.causal_dit import CausalBlock, CausalConfig, CausalDiT
from generators.context_parallel import HeadsAcross, spread
from generators.dit import parameter_count
from generators.latents import CHUNK
from generators.offload import StreamedBlocks
from generators.presets import STREAMING, streaming_preset
from generators.quantised import pack
from generators.rollout import Stage, roll
from generators.superres import SuperResolution, upscale
from generators.text import encode_bytes
from generators.video_codec import VideoCodec, VideoCodecConfig
from provenance.programs import run_program
from provenance.watermark.torch_marker import TorchClipMarker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

_LATENT = 16  # pixels a side of a latent of the codec
_LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


class Nets(NamedTuple):
    model: CausalDiT
    codec: VideoCodec
    upscaler: SuperResolution


class Wanted(NamedTuple):
    """``size`` in pixels, frames a second, how many, and looks at noise for each moment."""

    size: tuple[int, int]
    rate: Fraction
    frames: int
    looks: int


def build(
    config: CausalConfig, device: torch.device, *, offload: bool, compiled: bool
) -> CausalDiT:
    """Random weights in bfloat16, made where they are used; the same in every process."""

    def block() -> CausalBlock:
        with torch.device(device), default_type(torch.bfloat16):
            return CausalBlock(config.video, text_width=config.text.width)

    torch.manual_seed(0)
    with torch.device(device), default_type(torch.bfloat16):
        model = CausalDiT(replace(config, blocks=0 if offload else config.blocks))
    if offload:
        packed = [pack(block().state_dict()) for _ in range(config.blocks)]
        model.config = config
        model.blocks = StreamedBlocks(packed, block, device)  # type: ignore[assignment]
    model.requires_grad_(requires_grad=False)
    if compiled and not offload:
        for one in model.blocks:
            one.compile(dynamic=True)
    return model


def moments(
    nets: Nets, wanted: Wanted, grid: tuple[int, int], across: HeadsAcross | None
) -> Iterator[Tensor]:
    """Latents (1, P, C), as many as the frames need."""
    device = next(nets.codec.parameters()).device
    raw = encode_bytes([PROMPT], nets.model.config.text.max_bytes).to(device)
    text = nets.model.read(raw)
    stream = roll(
        nets.model,
        Stage(rows=grid[0], columns=grid[1], rate=wanted.rate, steps=wanted.looks),
        lambda: text,
        generator=torch.Generator().manual_seed(0),
        across=across,
    )
    return islice(stream, 1 + ceil((wanted.frames - 1) / CHUNK))


def stream_once(
    nets: Nets,
    wanted: Wanted,
    *,
    across: HeadsAcross | None,
    stages: Stages | None,
    encoding: Encoding | None = None,
) -> dict[str, float]:
    """One stream; returns seconds from the request to the first frame on the host, and to the last.
    ``stages``: where given, the device is waited for after each.
    """
    fold = nets.model.config.fold
    side = 2 * _LATENT * fold  # of a token, after super-resolution
    grid = ceil(wanted.size[1] / side), ceil(wanted.size[0] / side)
    device = next(nets.codec.parameters()).device
    marker = TorchClipMarker(
        payload=PAYLOAD, key=KEY, width=wanted.size[0], height=wanted.size[1], device=device
    )
    weights = torch.tensor(_LUMA, device=device)

    def stage(name: str) -> Any:
        return nullcontext() if stages is None else stages.stage(name)

    started, first_s, done = time.perf_counter(), 0.0, 0
    coming = moments(nets, wanted, grid, across)
    small: list[Tensor] = []

    def frames() -> Iterator[Tensor]:
        while True:
            yield small.pop(0)

    large = upscale(nets.upscaler.first, frames())
    look = None
    while True:
        with stage("transformer"):
            step = next(coming, None)
        if step is None:
            break
        if across is not None and across.rank:
            continue  # the first process alone decodes
        with stage("decoding and super-resolution"):
            # (1, P, 4·C) → (1, C, h, w)
            tokens = step.float().transpose(1, 2).reshape(1, step.shape[2], *grid)
            latents = functional.pixel_shuffle(tokens.clamp(-3, 3), fold)
            made, look = nets.codec.decode_step(latents, look)
            small.extend(made.unbind(2))
            shown = [
                next(large)[0, :, : wanted.size[1], : wanted.size[0]] for _ in range(len(small))
            ]
            levels = torch.stack([((one + 1) * 127.5).round().byte() for one in shown])
        with stage("mark"):
            for number, frame in enumerate(levels):
                luma = (frame.permute(1, 2, 0).float() @ weights).round().byte()
                marker.mark(luma, time_s=float((done + number) / wanted.rate))
        with stage("to the host"):
            on_host = levels.permute(0, 2, 3, 1)[: wanted.frames - done].cpu().numpy()
        done += len(on_host)
        first_s = first_s or time.perf_counter() - started
        if encoding is not None and len(on_host):
            encoding.put(on_host)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return {"first_frame_s": first_s, "total_s": time.perf_counter() - started}


@click.command(help=__doc__)
@click.option("--preset", "name", type=click.Choice(sorted(STREAMING)), default="helios-1.0")
@click.option("--size", default="1920x1080", show_default=True)
@click.option("--rate", default="30", show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--steps", default=2, show_default=True, help="Looks at noise for each moment.")
@click.option("--offload", is_flag=True, help="Blocks as 8-bit integers in the host's memory.")
@click.option("--compile/--no-compile", "compiled", default=False, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Also a marked, signed file.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu")
def main(
    name: str, size: str, rate: str, seconds: float, steps: int, offload: bool, compiled: bool,
    output: Path | None, device: str,
) -> None:  # fmt: skip
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    target = torch.device(device)
    if target.type == "cuda":
        target = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(target)
    if processes > 1:
        dist.init_process_group("nccl" if target.type == "cuda" else "gloo")
    width, _, height = size.partition("x")
    config = streaming_preset(name)
    before = time.perf_counter()
    model = build(config, target, offload=offload, compiled=compiled)
    nets = Nets(
        model,
        VideoCodec(VideoCodecConfig()).to(target).eval(),
        SuperResolution().to(target).eval(),
    )
    built_s = time.perf_counter() - before
    wanted = Wanted(
        (int(width), int(height)), Fraction(rate), max(1, round(seconds * Fraction(rate))), steps
    )
    across = None
    if processes > 1:
        side = 2 * _LATENT * config.fold
        across = HeadsAcross.joined(ceil(int(height) / side) * ceil(int(width) / side))
        spread(model, across)
    rank = 0 if across is None else across.rank
    with torch.inference_mode():
        stream_once(nets, wanted, across=across, stages=None)
        if target.type == "cuda":
            torch.cuda.reset_peak_memory_stats(target)
        times = stream_once(nets, wanted, across=across, stages=None)
        stages = Stages(target)
        stream_once(nets, wanted, across=across, stages=stages)
        encoding = None
        if output is not None:
            if rank == 0:
                encoding = Encoding(output, wanted.size, wanted.rate, model="helios-1.0")
            whole = time.perf_counter()
            stream_once(nets, wanted, across=across, stages=None, encoding=encoding)
            if encoding is not None:
                encoding.put(None)
                encoding.join()
                times["with_a_signed_file_s"] = time.perf_counter() - whole
    if rank == 0:
        _report(config, wanted, times, stages, {
            "preset": name, "size": size, "processes": processes, "offload": offload,
            "compiled": compiled, "built_s": round(built_s, 1),
            "device": torch.cuda.get_device_name(target) if target.type == "cuda" else "CPU",
            "peak_gb": round(torch.cuda.max_memory_allocated(target) / 1e9, 2)
            if target.type == "cuda" else None,
        })  # fmt: skip
    if processes > 1:
        dist.destroy_process_group()


def _report(
    config: CausalConfig,
    wanted: Wanted,
    times: dict[str, float],
    stages: Stages,
    facts: dict[str, Any],
) -> None:
    with torch.device("meta"):
        facts["parameters"] = parameter_count(CausalDiT(config))
    spent = sum(stages.seconds.values())
    facts |= {
        "frames": wanted.frames,
        "looks": wanted.looks,
        "frames_per_s": round(wanted.frames / times["total_s"], 2),
        "times_real_time": round(float(wanted.frames / wanted.rate) / times["total_s"], 3),
        "stages_s": {stage: round(value, 4) for stage, value in stages.seconds.items()},
        "mark_share": round(stages.seconds["mark"] / spent, 4),
    }
    facts |= {key: round(value, 4) for key, value in times.items()}
    click.echo(json.dumps(facts, indent=2))


if __name__ == "__main__":
    run_program(main)

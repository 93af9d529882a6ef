"""Streaming at full size: the first frame, frames a second, and what the mark takes of that.

The transformer has the shape of the preset and random weights, so that the pictures are noise and
the time is real. A first run warms up and is not counted; the second is timed as a whole; the third
waits for the device after every stage, to tell them apart. Pictures come to the host as luma and
chroma, marked, while the next ones are made::

    python -m benchmarks.stream --seconds 20
    python -m benchmarks.stream --seconds 20 --show-on cuda:1

On a GPU the work is compiled, recorded and replayed, in 8-bit floating point numbers; --no-compile,
--no-record, --no-float8 and --no-half leave one of these out. With --show-on another GPU decodes
and marks. Under torchrun the processes share each moment, and the first one decodes, marks and
reports. With --offload the blocks wait in the memory of the host as 8-bit integers. With --output
the frames are marked, encoded and signed too, while the next ones are made.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import torch
import torch.distributed as dist

from benchmarks.footage import KEY, PAYLOAD
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
)
from benchmarks.showing import Showing
from generators.base import parse_rate, parse_size
from generators.causal_dit import CausalBlock, CausalConfig, CausalDiT
from generators.context_parallel import HeadsAcross, spread
from generators.devices import choose_device
from generators.dit import parameter_count
from generators.float8 import to_float8
from generators.latents import CHUNK
from generators.offload import StreamedBlocks
from generators.presets import STREAMING, streaming_preset
from generators.quantised import pack
from generators.recorded import RecordedSteps
from generators.rollout import Stage, Streaming, roll
from generators.superres import SuperResolution
from generators.text import encode_bytes
from generators.video_codec import VideoCodec, VideoCodecConfig
from provenance.programs import run_program
from provenance.sealing import check_output
from provenance.to_host import HostCopies
from provenance.watermark import ClipMarker
from provenance.watermark.torch_marker import TorchClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path

    from torch import Tensor

_LATENT = 16  # pixels a side of a latent of the codec
_COMPARED = 4  # moments


class Nets(NamedTuple):
    model: CausalDiT
    player: Streaming  # the model, or its recordings
    showing: Showing
    copies: HostCopies
    shown_on: torch.device
    beside: torch.cuda.Stream | None  # where pictures are made of latents, beside the next ones


class Wanted(NamedTuple):
    """``size`` in pixels, frames a second, how many, and looks at noise for each moment."""

    size: tuple[int, int]
    rate: Fraction
    frames: int
    looks: int


class Ways(NamedTuple):
    """How the work is done."""

    compiled: bool
    recorded: bool
    float8: bool
    half: bool
    offload: bool


def build(config: CausalConfig, device: torch.device, *, offload: bool) -> CausalDiT:
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
    return model


def moments(
    model: CausalDiT, player: Streaming, wanted: Wanted, across: HeadsAcross | None
) -> Iterator[Tensor]:
    """Latents (1, P, C), as many as the frames need."""
    rows, columns = grid_of(wanted.size, model.config.fold)
    raw = encode_bytes([PROMPT], model.config.text.max_bytes).to(model.first.device)
    text = model.read(raw)
    stream = roll(
        player,
        Stage(rows=rows, columns=columns, rate=wanted.rate, steps=wanted.looks),
        lambda: text,
        generator=torch.Generator().manual_seed(0),
        across=across,
    )
    return islice(stream, 1 + ceil((wanted.frames - 1) / CHUNK))


def grid_of(size: tuple[int, int], fold: int) -> tuple[int, int]:
    """Rows and columns of tokens; a token is two latents a side, twice the size after
    super-resolution.
    """
    side = 2 * _LATENT * fold
    return ceil(size[1] / side), ceil(size[0] / side)


@contextmanager
def _on(beside: torch.cuda.Stream | None, made: Tensor) -> Iterator[None]:
    """Work with ``made`` there, once it is ready."""
    if beside is not None:
        beside.wait_stream(torch.cuda.current_stream(made.device))
        made.record_stream(beside)
    with torch.cuda.stream(beside):
        yield


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
    width, height = wanted.size
    plan = ClipMarker(payload=PAYLOAD, key=KEY, width=width, height=height)
    marker = TorchClipMarker(plan, device=nets.shown_on)

    def stage(name: str) -> Any:
        return nullcontext() if stages is None else stages.stage(name)

    started, first_s, sent, done = time.perf_counter(), 0.0, 0, 0
    coming = moments(nets.model, nets.player, wanted, across)
    nets.showing.begin()
    on_the_way: deque[Callable[[], list[Tensor]]] = deque()

    def arrive() -> None:
        nonlocal first_s, done
        here = on_the_way.popleft()()
        done += len(here[0])
        first_s = first_s or time.perf_counter() - started

    def show(step: Tensor) -> None:
        nonlocal sent
        with stage("decoding and super-resolution"):
            levels = nets.showing.levels(step)
            luma, chroma = nets.showing.planes(levels)
        fresh = range(sent, min(sent + len(levels), wanted.frames))
        sent = fresh.stop
        if encoding is not None:  # a writer of files marks for itself, and takes colours
            encoding.put(levels[: len(fresh)].permute(0, 2, 3, 1))
            return
        with stage("mark"):
            times_s = [float(number / wanted.rate) for number in fresh]
            marked = marker.mark_all(luma[: len(fresh)], times_s=times_s)
        with stage("to the host"):
            on_the_way.append(nets.copies.send([one[: len(fresh)] for one in (marked, chroma)]))
            while len(on_the_way) > (1 if done and stages is None else 0):
                arrive()

    while True:
        with stage("transformer"):
            step = next(coming, None)
        if step is None:
            break
        if across is not None and across.rank:
            continue  # the first process alone decodes
        step = step.to(nets.shown_on, non_blocking=True)
        with _on(nets.beside, step):
            show(step)
    while on_the_way:
        arrive()
    return {"first_frame_s": first_s, "total_s": time.perf_counter() - started}


@click.command(help=__doc__)
@click.option("--preset", "name", type=click.Choice(sorted(STREAMING)), default="helios-1.0")
@click.option("--size", default="1920x1080", show_default=True)
@click.option("--rate", default="30", show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--steps", default=2, show_default=True, help="Looks at noise for each moment.")
@offload_option
@click.option("--compile/--no-compile", "compiled", default=None, help="Default: on a GPU.")
@click.option("--record/--no-record", "recorded", default=None, help="Default: on a GPU.")
@float8_option
@half_option
@attention_option
@output_option
@click.option("--device", help="Default: a GPU where there is one.")
@click.option("--show-on", help="Another device, to decode and mark on.")
def main(
    name: str, size: str, rate: str, seconds: float, steps: int, offload: bool,
    compiled: bool | None, recorded: bool | None, float8: bool | None, half: bool | None,
    attention: str, output: Path | None, device: str | None, show_on: str | None,
) -> None:  # fmt: skip
    if output is not None:
        check_output(output)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    target = choose_device(device)
    on_gpu = target.type == "cuda"
    if on_gpu:
        if target == torch.device("cuda"):  # none by its number
            target = choose_device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        torch.cuda.set_device(target)
        torch.backends.cudnn.benchmark = True
    if processes > 1:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    ways = Ways(
        compiled=(on_gpu if compiled is None else compiled) and not offload,
        recorded=(on_gpu if recorded is None else recorded) and processes == 1 and not offload,
        float8=(has_float8(target) if float8 is None else float8) and not offload,
        half=on_gpu if half is None else half,
        offload=offload,
    )
    config = streaming_preset(name)
    frame_rate = parse_rate(rate)
    wanted = Wanted(parse_size(size), frame_rate, max(1, round(seconds * frame_rate)), steps)
    shown_on = target if show_on is None else choose_device(show_on)
    with torch.inference_mode(), attention_by(attention):
        measured = measure(config, wanted, ways, target, shown_on, processes, output)
    if measured is not None:
        measured |= {
            "preset": name, "size": size, "processes": processes, "attention": attention,
            "ways": ways._asdict(), "shown_on": str(shown_on),
            "device": torch.cuda.get_device_name(target) if on_gpu else "CPU",
            "peak_gb": round(torch.cuda.max_memory_allocated(target) / 1e9, 2) if on_gpu else None,
        }  # fmt: skip
        click.echo(json.dumps(measured, indent=2))
    if processes > 1:
        dist.destroy_process_group()


def measure(
    config: CausalConfig,
    wanted: Wanted,
    ways: Ways,
    target: torch.device,
    shown_on: torch.device,
    processes: int,
    output: Path | None,
) -> dict[str, Any] | None:
    """What is reported, in the first of the processes."""
    grid = grid_of(wanted.size, config.fold)
    before = time.perf_counter()
    model = build(config, target, offload=ways.offload)
    plain = list(islice(moments(model, model, wanted, None), _COMPARED))
    if ways.float8:
        to_float8(model.blocks)
    if ways.compiled:
        model.compile_looks(dynamic=False)
    codec = VideoCodec(VideoCodecConfig()).to(shown_on).eval()
    upscaler = SuperResolution().to(shown_on).eval()
    nets = Nets(
        model,
        RecordedSteps(model) if ways.recorded else model,
        Showing(codec, upscaler, wanted.size, grid[0], half=ways.half, compiled=ways.compiled),
        HostCopies(shown_on),
        shown_on,
        torch.cuda.Stream(shown_on) if shown_on.type == "cuda" else None,  # type: ignore[no-untyped-call]
    )
    across = HeadsAcross.joined(grid[0] * grid[1]) if processes > 1 else None
    if across is not None:
        spread(model, across)
    told = {"built_s": time.perf_counter() - before}
    told["warm_s"] = stream_once(nets, wanted, across=across, stages=None)["total_s"]
    made = list(islice(moments(model, nets.player, wanted, across), _COMPARED))
    told["unlike_plain"] = _unlike(made, plain)
    if target.type == "cuda":
        torch.cuda.reset_peak_memory_stats(target)
    told |= stream_once(nets, wanted, across=across, stages=None)
    stages = Stages(target, shown_on)
    stream_once(nets, wanted, across=across, stages=stages)
    rank = 0 if across is None else across.rank
    if output is not None:
        whole = time.perf_counter()
        encoding = None if rank else Encoding(output, wanted.size, wanted.rate, model="helios-1.0")
        stream_once(nets, wanted, across=across, stages=None, encoding=encoding)
        if encoding is not None:
            encoding.finish()
        told["with_a_signed_file_s"] = time.perf_counter() - whole
    return None if rank else _report(config, wanted, told, stages)


def _unlike(made: list[Tensor], plain: list[Tensor]) -> float:
    """Share of their size by which latents are off from those of the plain way."""
    first, second = torch.stack(made).float(), torch.stack(plain).float()
    return float((first - second).norm() / second.norm())


def _report(
    config: CausalConfig, wanted: Wanted, told: dict[str, float], stages: Stages
) -> dict[str, Any]:
    with torch.device("meta"):
        parameters = parameter_count(CausalDiT(config))
    return {key: round(value, 4) for key, value in told.items()} | {
        "parameters": parameters,
        "frames": wanted.frames,
        "looks": wanted.looks,
        "frames_per_s": round(wanted.frames / told["total_s"], 2),
        "times_real_time": round(float(wanted.frames / wanted.rate) / told["total_s"], 3),
        "stages_s": {stage: round(value, 4) for stage, value in stages.seconds.items()},
        "mark_share": round(stages.seconds["mark"] / sum(stages.seconds.values()), 4),
    }


if __name__ == "__main__":
    run_program(main)

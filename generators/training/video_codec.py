"""``python -m generators.training.video_codec --out DIR``: train the video codec.

Every clip comes in two looks. Half of the time the motion is taken from the other look, and for
half of the chunks the later key frame is held back; so the motion latents must carry the motion,
all of it, and nothing of the look.

What the key frames lose is lost in all frames, and learning from a picture takes a fraction of the
time that a clip takes: between two steps on clips are some on single pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.metrics.psnr import pooled_psnr_db
from generators.residual import Residual
from generators.training.clips import PairPool
from generators.training.trainer import Figures, close, finish, parse_run, start, work
from generators.training.video_codec_eval import evaluate
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.video_codec_nets import CHUNK
from generators.warp import warp
from generators.weight_file import load_weights
from provenance.programs import run_program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from generators.video_codec import Reconstruction

_NOISE = 0.1
_KNOWN = 0.5  # share of chunks that see their later key frame
_SWAPPED = 0.5  # share of clips whose motion comes from the other look
_STILLS = (5, 2)  # steps on pictures for each on clips: at first, and in the last part
_LAST = 0.6  # share of the run after which the last part begins
_ROUND = 0.1  # error below which it counts by its square: the grain, which nobody can foretell
_EDGES = 0.5  # weight of errors in the differences of neighbours
_ALIGN = 0.3  # weight of the coarse warps
_SMOOTH = 0.002  # weight of the flow's differences of neighbours, in pixels
_COARSE = (4, 16)  # pixels a side that the coarse warps average


def picture_objective(net: nn.Module, pool: PairPool, batch: int) -> tuple[Tensor, Figures]:
    """Loss and figures of a batch of single pictures, through the nets of the look alone."""
    codec = cast("VideoCodec", net)
    pictures = pool.stills(batch)
    with torch.autocast(
        pictures.device.type, dtype=torch.bfloat16, enabled=pictures.device.type == "cuda"
    ):
        made = codec.appearance_decoder(codec.appearance_encoder(pictures, noise=_NOISE)).picture
    return _error(made, pictures), {"still_psnr": pooled_psnr_db(made.detach(), pictures)}


def objective(net: nn.Module, pool: PairPool, batch: int) -> tuple[Tensor, Figures]:
    """Loss and figures of one batch."""
    clips = pool.draw(batch)
    frames, other = clips.unbind(1)  # (B, 3, T, H, W)
    device, chunks = frames.device, (frames.shape[2] - 1) // CHUNK
    swapped = torch.rand(batch, device=device) < _SWAPPED
    source = torch.where(swapped.view(-1, 1, 1, 1, 1), other, frames)
    mix = torch.rand(batch, 3, device=device) + 0.1
    sign = torch.where(torch.rand(batch, 1, device=device) < 0.5, -1, 1)
    mix = sign * mix / mix.sum(1, keepdim=True)
    known = (torch.rand(batch, chunks, device=device) < _KNOWN).float()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        out = cast("Reconstruction", net(frames, source, mix, known, _NOISE))
    keys = frames[:, :, ::CHUNK].transpose(1, 2)  # (B, L, 3, H, W)
    rest = torch.unflatten(frames[:, :, 1:], 2, (chunks, CHUNK)).permute(0, 2, 3, 1, 4, 5)
    key_error = _error(out.keys, keys)
    frame_error = _error(out.frames, rest)
    align, smooth = alignment(out, keys, rest, known)
    loss = key_error + frame_error + _ALIGN * align + _SMOOTH * smooth
    with torch.no_grad():
        figures = {
            "key_psnr": pooled_psnr_db(out.keys, keys),
            "psnr": pooled_psnr_db(out.frames[known > 0], rest[known > 0]),
            "moved_psnr": pooled_psnr_db(out.frames[known == 0], rest[known == 0]),
            "align": align.detach(),
            "flow_px": out.motion.from_start.abs().mean(),
        }
    return loss, figures


def _error(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean of a rounded absolute difference (Charbonnier), and of that of neighbours.

    Rounded so far that the grain of large plain areas does not drown what little bodies say.
    """
    error = made - wanted
    return 2 * (_rounded(error) + _EDGES * edge_error(error))


def edge_error(error: Tensor) -> Tensor:
    """Of differences (…, H, W): the rounded differences of neighbours, across and down."""
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    return _rounded(across) + _rounded(down)


def _rounded(error: Tensor) -> Tensor:
    return (error.square() + _ROUND**2).sqrt().mean() - _ROUND


def alignment(
    out: Reconstruction, keys: Tensor, rest: Tensor, known: Tensor
) -> tuple[Tensor, Tensor]:
    """How well the displacements alone explain the frames, seen coarsely, and how rough they are.

    Coarse pictures let an error of many pixels be felt as one; the fine ones lead nowhere then.
    """
    batch, chunks = rest.shape[:2]
    sides = (
        (out.motion.from_start, keys[:, :-1], torch.ones_like(known)),
        (out.motion.from_end, keys[:, 1:], known),
    )
    total = smooth = rest.new_zeros(())
    for flow, key, weight in sides:
        flows = flow.flatten(0, 1)  # (B K 8, 2, H/4, W/4)
        weights = weight.reshape(-1, 1).expand(-1, CHUNK).reshape(-1, 1, 1, 1)
        for side in _COARSE:
            small = functional.avg_pool2d(key.flatten(0, 1), side)  # (B K, 3, h, w)
            small = small.repeat_interleave(CHUNK, 0)
            wanted = functional.avg_pool2d(rest.flatten(0, 2), side)
            field = functional.avg_pool2d(flows, side // 4) if side > 4 else flows
            error = (warp(small, field / side) - wanted).abs()
            total = total + (error * weights).mean()
        rough = (flows[..., 1:] - flows[..., :-1]).abs().mean()
        smooth = smooth + rough + (flows[..., 1:, :] - flows[..., :-1, :]).abs().mean()
    assert batch * chunks * CHUNK == flows.shape[0]
    return total, smooth


def add_clip_options(parser: argparse.ArgumentParser) -> None:
    """What the programs of the video codec ask of their clips."""
    parser.add_argument("--frames", type=int, default=17, help="of a clip, 8·K + 1")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--height", type=int, default=112)
    parser.add_argument("--pool", type=int, default=1024, help="clips that are kept")
    parser.add_argument("--scenes", type=int, default=64, help="held-out scenes at the end")


def main(arguments: Sequence[str] | None = None) -> None:
    def extra(parser: argparse.ArgumentParser) -> None:
        add_clip_options(parser)
        parser.add_argument("--probes", type=int, default=1024, help="scenes for linear probes")

    run, options = parse_run("video_codec", batch=48, rate=1.2e-3, extra=extra, given=arguments)
    training = start(VideoCodec(VideoCodecConfig()), run)
    pool = PairPool(
        size=options.pool, frames=options.frames, width=options.width, height=options.height,
        seed=run.data_seed(training.step), device=run.device, share=options.renew,
    )  # fmt: skip
    run.world.say(f"{options.pool} clips drawn")
    turn = 0
    figures: Figures = {}

    def step(net: nn.Module, share: float) -> tuple[Tensor, Figures]:
        nonlocal turn, figures
        turn = (turn + 1) % (1 + _STILLS[share >= _LAST])
        if turn == 1:
            loss, figures = objective(net, pool, run.batch)
            return loss, figures
        # As many pictures as a batch of clips has key frames: what is compiled fits both.
        loss, still = picture_objective(net, pool, run.batch * (1 + options.frames // CHUNK))
        return loss, figures | still

    work(training, run, step, blocks=Residual)
    if not close(training, run):
        return
    codec = VideoCodec(VideoCodecConfig()).to(run.device).eval()
    load_weights(run.out / "average.safetensors", codec)  # measured on what ships
    metrics = evaluate(
        codec, run.out / "sheet.png", scenes=options.scenes, probes=options.probes,
        width=options.width, height=options.height, device=run.device,
    )  # fmt: skip
    finish(training, run, metrics)


if __name__ == "__main__":
    run_program(main)

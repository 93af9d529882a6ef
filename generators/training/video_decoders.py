"""``python -m generators.training.video_decoders --weights FILE --out DIR``: decode better.

Trains what decodes, and leaves what encodes as it is, so that latents keep their meaning and the
transformers that make them need no training again. With ``--encoders`` both learn, and the
transformers have to be trained on. The weights may be those of shallower nets: blocks that they
lack begin as nothing.

Every chunk counts by the logarithm of its squared error, which is what PSNR is the mean of: most of
that error lies in the few pixels that move.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from generators.metrics.psnr import pooled_psnr_db
from generators.residual import Residual
from generators.training.clips import PairPool
from generators.training.trainer import Figures, close, finish, parse_run, start, work
from generators.training.video_codec import add_clip_options, alignment, edge_error
from generators.training.video_codec_eval import evaluate
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.video_codec_nets import CHUNK
from generators.weight_file import load_weights
from provenance.errors import InputMissing, UnreadableMedia
from provenance.programs import run_program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from generators.video_codec import Reconstruction

_NOISE = 0.06  # those of a generator are a little off, too
_KNOWN = 0.8  # share of chunks that see their later key frame
_SWAPPED = 0.2  # share of clips whose motion comes from the other look
_FLOOR = 1e-4  # squared error, of 4, below which nothing is to be gained
_KEYS = 0.5  # weight of the key frames beside the others
_EDGES = 3.0  # weight of errors in the differences of neighbours, which keep outlines sharp
_ALIGN = 1.0
_SMOOTH = 0.005


def objective(
    net: nn.Module, pool: PairPool, batch: int, *, encoders: bool = False
) -> tuple[Tensor, Figures]:
    """Loss and figures of one batch; ``encoders``: what encodes learns, too."""
    codec = cast("VideoCodec", net)
    if not encoders:
        for encoder in (codec.appearance_encoder, codec.motion_encoder):
            encoder.eval().requires_grad_(requires_grad=False)
    clips = pool.draw(batch)
    frames, other = clips.unbind(1)  # (B, 3, T, H, W)
    device, chunks = frames.device, (frames.shape[2] - 1) // CHUNK
    swapped = torch.rand(batch, device=device) < _SWAPPED
    source = torch.where(swapped.view(-1, 1, 1, 1, 1), other, frames)
    known = (torch.rand(batch, chunks, device=device) < _KNOWN).float()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        out = cast("Reconstruction", codec(frames, source, None, known, _NOISE))
    keys = frames[:, :, ::CHUNK].transpose(1, 2)  # (B, L, 3, H, W)
    rest = torch.unflatten(frames[:, :, 1:], 2, (chunks, CHUNK)).permute(0, 2, 3, 1, 4, 5)
    align, smooth = alignment(out, keys, rest, known)
    loss = (
        _KEYS * _error(out.keys, keys)
        + _error(out.frames, rest)
        + _ALIGN * align
        + _SMOOTH * smooth
    )
    with torch.no_grad():
        own = (known > 0) & ~swapped[:, None]
        figures = {
            "key_psnr": pooled_psnr_db(out.keys, keys),
            "psnr": pooled_psnr_db(out.frames[own], rest[own]),
            "moved_psnr": pooled_psnr_db(out.frames[known == 0], rest[known == 0]),
            "align": align.detach(),
        }
    return loss, figures


def _error(made: Tensor, wanted: Tensor) -> Tensor:
    """Of (B, K, …): the mean logarithm of the squared error of each (B, K), and outlines."""
    error = made - wanted
    squares = error.flatten(2).square().mean(2)  # (B, K)
    return torch.log(squares + _FLOOR).mean() + _EDGES * edge_error(error)


def load_shallower(path: Path, net: nn.Module) -> int:
    """Fill ``net`` from a file that may lack residual blocks of it; returns how many tensors.

    Raises :class:`InputMissing`, or :class:`UnreadableMedia` where anything else does not fit.
    """
    if not path.is_file():
        raise InputMissing(f"{path}: no such file of weights", hint="train it, or install it anew")
    new = {
        f"{name}.{part}"
        for name, block in net.named_modules()
        if isinstance(block, Residual)
        for part in block.state_dict()
    }
    try:
        state = safetensors.torch.load_file(path)
        missing, unknown = net.load_state_dict(state, strict=False)
    except (SafetensorError, RuntimeError, OSError, ValueError) as error:
        raise UnreadableMedia(
            f"{path}: these weights cannot be used ({error})",
            hint="use weights of the same widths",
        ) from error
    wrong = sorted(set(missing) - new) + sorted(unknown)
    if wrong:
        raise UnreadableMedia(
            f"{path}: {len(wrong)} tensors do not fit, the first is {wrong[0]}",
            hint="use weights of the same widths",
        )
    return len(missing)


def main(arguments: Sequence[str] | None = None) -> None:
    def extra(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--weights", type=Path, help="of the codec, to begin with")
        parser.add_argument(
            "--encoders", action="store_true", help="let them learn, too: latents change"
        )
        add_clip_options(parser)

    run, options = parse_run("video_decoders", batch=48, rate=6e-4, extra=extra, given=arguments)
    net = VideoCodec(VideoCodecConfig())
    if options.weights is not None:
        run.world.say(f"{load_shallower(options.weights, net)} tensors are new")
    training = start(net, run)
    pool = PairPool(
        size=options.pool, frames=options.frames, width=options.width, height=options.height,
        seed=run.data_seed(training.step), device=run.device, share=options.renew,
    )  # fmt: skip
    run.world.say(f"{options.pool} clips drawn")
    work(
        training,
        run,
        lambda net, _share: objective(net, pool, run.batch, encoders=options.encoders),
        blocks=Residual,
    )
    if not close(training, run):
        return
    codec = VideoCodec(VideoCodecConfig()).to(run.device).eval()
    load_weights(run.out / "average.safetensors", codec)  # measured on what ships
    metrics = evaluate(
        codec, run.out / "sheet.png", scenes=options.scenes, probes=0,
        width=options.width, height=options.height, device=run.device,
    )  # fmt: skip
    finish(training, run, metrics)


if __name__ == "__main__":
    run_program(main)

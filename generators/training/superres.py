"""``python -m generators.training.superres --codec FILE --out DIR``: train both upscaling nets.

What pictures should become is the same moment of the same scene, rendered at twice the size. Half
of the scenes are enlarged from what the video codec makes of them, and for the second net from what
the first one makes of that; the other half from true pictures, which show what an edge is where the
codec has not bent it.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn

from generators.metrics.psnr import pooled_psnr_db
from generators.scenes import draw_scene, render_video
from generators.superres import SuperResolution, Upscaler, enlarge
from generators.training.clips import RATES
from generators.training.superres_eval import evaluate
from generators.training.trainer import Figures, close, finish, parse_run, start, work
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.weight_file import load_weights
from provenance.programs import run_program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
_SCENE_S = 4.0
_EDGES, _STEADY = 0.5, 0.5  # weights of errors between neighbours in space, and in time
_CROP = (64, 96)  # height and width of a part of the smaller picture


class Stages(NamedTuple):
    """A scene on its way up, uint8 (N, 3, T, H, W)."""

    small: Tensor  # as the codec decodes it, or as it is
    double: Tensor  # rendered at twice the size
    made: Tensor  # what the first net makes of ``small``, or ``double``
    quadruple: Tensor  # rendered at four times the size


class StagePool:
    """Scenes in four stages on the device, renewed slowly; see :class:`.clips.PairPool`."""

    def __init__(
        self, *, size: int, frames: int, width: int, height: int, seed: int, device: torch.device,
        codec: VideoCodec, first: Upscaler, share: float,
    ) -> None:  # fmt: skip
        self._random = random.Random(seed)  # noqa: S311
        self._frames, self._width, self._height, self._device = frames, width, height, device
        self._codec, self._first, self._share, self._batch = codec, first, share, min(8, size)
        self._stages = Stages(
            *(
                torch.empty(
                    size, 3, frames, scale * height, scale * width, dtype=torch.uint8, device=device
                )
                for scale in (1, 2, 2, 4)
            )
        )
        self._next, self._spent_s = 0, 0.0
        for _ in range(-(-size // self._batch)):
            self._renew()
        self._started, self._spent_s = time.monotonic(), 0.0

    def draw(self, count: int, *, first: bool) -> tuple[Tensor, Tensor]:
        """(count, 3, T, h, w) and (count, 3, T, 2h, 2w) in −1…1: parts and the truth."""
        if self._spent_s < self._share * (time.monotonic() - self._started):
            self._renew()
        small, large = self._stages[:2] if first else self._stages[2:]
        height, width = (
            min(part, size) for part, size in zip(_CROP, small.shape[-2:], strict=True)
        )
        parts, wanted = [], []
        for row in self._random.choices(range(len(small)), k=count):
            top = 2 * self._random.randint(0, (small.shape[-2] - height) // 2)
            left = 2 * self._random.randint(0, (small.shape[-1] - width) // 2)
            parts.append(small[row, ..., top : top + height, left : left + width])
            top, left = 2 * top, 2 * left
            wanted.append(large[row, ..., top : top + 2 * height, left : left + 2 * width])
        a, b = torch.stack(parts), torch.stack(wanted)
        if self._random.random() < 0.5:
            a, b = a.flip(-1), b.flip(-1)
        return a.float() / 127.5 - 1, b.float() / 127.5 - 1

    @torch.no_grad()
    def _renew(self) -> None:
        begun = time.monotonic()
        aspect = self._width / self._height
        specs = [
            draw_scene(self._random, duration_s=_SCENE_S, aspect=aspect) for _ in range(self._batch)
        ]
        rate = self._random.choice(RATES)
        start_s = self._random.uniform(0, _SCENE_S - self._frames / rate)
        rendered = [
            render_video(
                specs, width=scale * self._width, height=scale * self._height, rate=rate,
                frames=self._frames, start_s=start_s, device=self._device,
            )
            for scale in (1, 2, 4)
        ]  # fmt: skip
        small, double, quadruple = rendered
        coded = -(-self._batch // 2)
        small = small.clone()
        small[:coded] = self._codec.decode(self._codec.encode(small[:coded]))
        made = double.clone()
        made[:coded] = self._first(small[:coded])[0].clamp(-1, 1)
        rows = [(self._next + index) % len(self._stages.small) for index in range(self._batch)]
        for stage, clips in zip(self._stages, (small, double, made, quadruple), strict=True):
            stage[rows] = ((clips + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._next = (rows[-1] + 1) % len(self._stages.small)
        self._spent_s += time.monotonic() - begun


class Both(nn.Module):
    """Both nets in one call, for one compilation."""

    def __init__(self, nets: SuperResolution) -> None:
        super().__init__()
        self.nets = nets

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        return self.nets.first(first)[0], self.nets.next(second)[0]


def objective(net: nn.Module, pool: StagePool, batch: int) -> tuple[Tensor, Figures]:
    """Loss and figures of one batch for either net."""
    pairs = [pool.draw(batch, first=True), pool.draw(batch, first=False)]
    device = pairs[0][0].device
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        made = cast("tuple[Tensor, Tensor]", net(pairs[0][0], pairs[1][0]))
    loss = torch.zeros((), device=device)
    figures: Figures = {}
    for name, result, (small, wanted) in zip(("first", "next"), made, pairs, strict=True):
        loss = loss + _error(result, wanted)
        with torch.no_grad():
            plain = enlarge(small.transpose(1, 2).flatten(0, 1))
            plain = torch.unflatten(plain, 0, (batch, -1)).transpose(1, 2)
            figures[f"{name}_db"] = pooled_psnr_db(result, wanted)
            figures[f"{name}_gain_db"] = pooled_psnr_db(result, wanted) - pooled_psnr_db(
                plain, wanted
            )
    return loss, figures


def _error(made: Tensor, wanted: Tensor) -> Tensor:
    error = made - wanted
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    later = error[:, :, 1:] - error[:, :, :-1]
    total = (error.square() + 1e-4).sqrt().mean()
    return total + _EDGES * (across.abs().mean() + down.abs().mean()) + _STEADY * later.abs().mean()


def main(arguments: Sequence[str] | None = None) -> None:
    def extra(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--codec", type=Path, required=True, help="weights of the video codec")
        parser.add_argument("--frames", type=int, default=9, help="of a clip, 8·K + 1")
        parser.add_argument("--width", type=int, default=192)
        parser.add_argument("--height", type=int, default=112)
        parser.add_argument("--pool", type=int, default=192, help="scenes that are kept")
        parser.add_argument("--scenes", type=int, default=32, help="held-out scenes at the end")

    run, options = parse_run("superres", batch=32, rate=1.5e-3, extra=extra, given=arguments)
    codec = VideoCodec(VideoCodecConfig()).to(run.device).eval()
    load_weights(options.codec, codec)
    nets = SuperResolution()
    training = start(nets, run)
    pool = StagePool(
        size=options.pool, frames=options.frames, width=options.width, height=options.height,
        seed=run.data_seed(training.step), device=run.device, codec=codec,
        first=cast("SuperResolution", training.average).first, share=options.renew,
    )  # fmt: skip
    run.world.say(f"{options.pool} scenes drawn")
    work(training, run, lambda net, _: objective(net, pool, run.batch), whole=Both(nets))
    if not close(training, run):
        return
    shipped = SuperResolution().to(run.device).eval()
    load_weights(run.out / "average.safetensors", shipped)  # measured on what ships
    metrics = evaluate(
        shipped, codec, run.out / "sheet.png", scenes=options.scenes,
        width=options.width, height=options.height, device=run.device,
    )  # fmt: skip
    finish(training, run, metrics)


if __name__ == "__main__":
    run_program(main)

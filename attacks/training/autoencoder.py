"""``python -m attacks.training.autoencoder``: train the autoencoder of the regeneration attack.

One run, limited by time: the learning rate falls with the share of the time that is gone. A part of
the pictures is held back and measured at the end, as the attack uses them: rounded, at each length
of the code.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from attacks.removal.autoencoder import VALUES, Autoencoder, noisy, rounded
from provenance.errors import InputEmpty
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HELD_BACK = 16  # every 16th picture
_KEPT = (1, 2, 4, 6, 8, 12, 16)


def read_pictures(folder: Path, side: int) -> Tensor:
    """(N, 3, side, side) uint8: the middle of every picture of the folder, in order of names."""
    pictures = []
    for path in sorted(folder.iterdir()):
        read = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if read is None or min(read.shape[:2]) < side:
            continue
        top, left = (read.shape[0] - side) // 2, (read.shape[1] - side) // 2
        pictures.append(read[top : top + side, left : left + side])
    if len(pictures) < 2 * _HELD_BACK:
        raise InputEmpty(
            f"{folder}: {len(pictures)} pictures of {side} pixels or more",
            hint=f"name a folder with at least {2 * _HELD_BACK}",
        )
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def drawn_batch(pictures: Tensor, count: int, side: int, random: torch.Generator) -> Tensor:
    """(count, 3, side, side) in [0, 1]: random places, mirrored half of the time, some smaller,
    some with other light.
    """
    device = pictures.device
    whole = pictures.shape[-1]
    index = torch.randint(len(pictures), (count,), generator=random, device=device)
    scale = 1 + (whole / side - 1) * torch.rand(count, generator=random, device=device) ** 2
    mirror = torch.where(torch.rand(count, generator=random, device=device) < 0.5, -1.0, 1.0)
    size = scale * side / whole  # share of the picture that is seen
    centre = (1 - size)[:, None] * (2 * torch.rand(count, 2, generator=random, device=device) - 1)
    matrix = torch.zeros(count, 2, 3, device=device)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = size * mirror, size, centre
    grid = F.affine_grid(matrix, [count, 3, side, side], align_corners=False)
    chosen = pictures[index].float() / 255
    batch = F.grid_sample(chosen, grid, padding_mode="reflection", align_corners=False)
    light = torch.rand(count, 2, generator=random, device=device)[:, :, None, None, None]
    return ((batch - 0.5) * (0.5 + 0.6 * light[:, 0]) + 0.35 + 0.3 * light[:, 1]).clamp(0, 1)


def loss_of(drawn: Tensor, pictures: Tensor) -> Tensor:
    """Squares for the whole, and the size of differences between neighbours, for edges."""
    loss = F.mse_loss(drawn, pictures) * 40
    for factor in (1, 2, 4):
        a, b = (F.avg_pool2d(x, factor) if factor > 1 else x for x in (drawn, pictures))
        loss = loss + F.l1_loss(a.diff(dim=-1), b.diff(dim=-1)) / 3
        loss = loss + F.l1_loss(a.diff(dim=-2), b.diff(dim=-2)) / 3
    return loss


def train(
    pictures: Tensor,
    *,
    seconds: float,
    batch: int,
    side: int,
    rate: float,
    seed: int,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Autoencoder, int]:
    """The averaged model, and the steps that it took by ``clock``."""
    device = pictures.device
    torch.manual_seed(seed)
    random = torch.Generator(device).manual_seed(seed)
    half = device.type == "cuda"
    model = Autoencoder().to(device)
    for weight in model.parameters():
        if weight.ndim == 4:  # the layout that fast convolutions want
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    average = copy.deepcopy(model).requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.0)
    started, step, told = clock(), 0, 0.0
    while (gone := (clock() - started) / seconds) < 1:
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / 200)
            group["lr"] = rate * warm * (0.505 + 0.495 * math.cos(math.pi * gone))
        seen = drawn_batch(pictures, batch, side, random)
        kept = torch.randint(1, VALUES + 1, (batch,), generator=random, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            code = model.encode(seen.contiguous(memory_format=torch.channels_last))
            drawn = model.decode(noisy(code, random), kept)
        loss = loss_of(drawn.float(), seen)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        step += 1
        with torch.no_grad():
            keep = min(0.999, step / (step + 10))
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)
        if gone > told:
            told += 0.02
            click.echo(json.dumps({"step": step, "loss": round(float(loss.detach()), 4)}), err=True)
    return average, step


@torch.no_grad()
def measure(model: Autoencoder, pictures: Tensor) -> Mapping[int, float]:
    """Mean PSNR in dB of held-back ``pictures`` by how many values are kept, rounded as the attack
    rounds.
    """
    found: dict[int, float] = {}
    for kept in _KEPT:
        values = []
        for part in torch.split(pictures, 16):
            seen = part.float() / 255
            count = torch.full((len(seen),), kept, device=seen.device)
            drawn = model.decode(rounded(model.encode(seen)), count).clamp(0, 1)
            error = (drawn - seen).square().mean(dim=(1, 2, 3)).clamp_min(1e-9)
            values.append(-10 * torch.log10(error))
        found[kept] = round(float(torch.cat(values).mean()), 2)
    return found


def export(path: Path, model: Autoencoder) -> None:
    """Half-precision safetensors, complete or not at all."""
    part = path.with_name(path.name + ".part")
    state = {name: t.half().cpu().contiguous() for name, t in model.state_dict().items()}
    save_file(state, part)
    os.replace(part, path)  # noqa: PTH105  the rename that cannot half happen


@click.command()
@click.option("--images", required=True, type=click.Path(path_type=Path, file_okay=False,
              exists=True), help="Folder of photographs.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="The weights, .safetensors.")  # fmt: skip
@click.option("--seconds", default=500.0, show_default=True, type=click.FloatRange(min=1))
@click.option("--batch", default=96, show_default=True, type=click.IntRange(min=1))
@click.option("--picture", default=192, show_default=True, help="Pixels a side, of what is read.")
@click.option("--crop", default=128, show_default=True, help="Pixels a side, of what is learned.")
@click.option("--rate", default=8e-4, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
def main(
    images: Path, out: Path, seconds: float, batch: int, picture: int, crop: int, rate: float,
    seed: int, device: str,
) -> None:  # fmt: skip
    """Train, export, measure; figures are printed as JSON."""
    everything = read_pictures(images, picture).to(device)
    held = torch.arange(len(everything), device=device) % _HELD_BACK == 0
    model, steps = train(
        everything[~held], seconds=seconds, batch=batch, side=crop, rate=rate, seed=seed
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    export(out, model)
    psnr = measure(model, everything[held])
    click.echo(json.dumps({"steps": steps, "psnr_db": psnr}))


if __name__ == "__main__":
    run_program(main)

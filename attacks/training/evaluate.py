"""``python -m attacks.training.evaluate``: what is left of the pattern behind real codecs.

γ = mean² / variance of the 1,024 folded cell values times the true signs, with the geometry given:
the signal-to-noise ratio that the error correction will see. Always beside the quality of the
marked pictures, because either is easy alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from attacks.training.data import read_luma
from provenance.errors import OptionError
from provenance.video.elementary import CodecSettings, Luma, round_trip
from provenance.watermark.jnd import amplitude
from provenance.watermark.net import (
    CELL_PX,
    DEFAULT_PSNR_DB,
    Embed,
    Extract,
    as_functions,
    build_nets,
    limit_psnr,
    load_nets,
    smooth_pattern,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

Plane = NDArray[np.float32]
TILE = 32
SHORT = 480
_HOLD_S = 0.25
_GROUP = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Of the marked frames before any encoder; PSNR of luma in dB, ``flat_rms`` in levels over
    pixels whose 5×5 deviation is below 1.5, ``flicker_rms`` of the change from frame to frame.
    """

    psnr: float
    worst_block_psnr: float
    flat_rms: float
    flat_share: float
    flicker_rms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """``scale`` then codec; or keep the middle ``crop`` of each side, then codec."""

    name: str
    codec: CodecSettings | None = None
    scale: float = 1.0
    crop: float = 1.0


ATTACKS = (
    Attack(name="none"),
    *(Attack(name=f"x264-{crf}", codec=CodecSettings(crf=crf)) for crf in (23, 28, 32, 36, 40, 45)),
    Attack(name="x265-32", codec=CodecSettings(codec="x265", crf=32)),
    Attack(name="third", scale=1 / 3, codec=CodecSettings(crf=23)),
    Attack(name="360p-30", scale=0.5, codec=CodecSettings(crf=30)),
    Attack(name="crop0.7-28", crop=0.7, codec=CodecSettings(crf=28)),
)


def working_size(height: int, width: int) -> tuple[int, int]:
    scale = SHORT / min(height, width)
    return round(height * scale), round(width * scale)


def _resize(picture: NDArray[np.generic], height: int, width: int) -> Plane:
    kind = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_LINEAR
    resized = cv2.resize(picture.astype(np.float32), (width, height), interpolation=kind)
    return cast("Plane", resized)


def draw_cells(seed: int) -> Plane:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (TILE, TILE)).astype(np.float32)


def lay_pattern(cells: Plane, height: int, width: int) -> Plane:
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    tiled = np.tile(cells, (rows // TILE + 1, columns // TILE + 1))[:rows, :columns]
    smooth = smooth_pattern(torch.from_numpy(tiled.copy())[None, None])[0, 0].numpy()
    return cast("Plane", smooth[:height, :width])


def mark_clip(frames: Luma, embed: Embed, cells: Plane, rate: float) -> Luma:
    """Frames (T, H, W) marked; the change is worked out four times a second and held between."""
    height, width = frames.shape[1:]
    rows, columns = working_size(height, width)
    pattern = lay_pattern(cells, rows, columns)
    every = max(1, round(_HOLD_S * rate))
    marked = np.empty_like(frames)
    change = np.zeros((height, width), np.float32)
    for index, frame in enumerate(frames):
        if index % every == 0:
            change = _resize(embed(_resize(frame, rows, columns), pattern), height, width)
        marked[index] = np.clip(np.round(frame + change), 0, 255).astype(np.uint8)
    return marked


def measure_quality(frames: Luma, marked: Luma) -> Quality:
    change = marked.astype(np.float32) - frames
    power = np.mean(change**2, axis=(1, 2))
    worst, flat_power, flat_count = 0.0, 0.0, 0
    for frame, difference in zip(frames, change, strict=True):
        rows, columns = frame.shape[0] // 32 * 32, frame.shape[1] // 32 * 32
        squares = difference[:rows, :columns] ** 2
        blocks = squares.reshape(rows // 32, 32, columns // 32, 32).mean((1, 3))
        worst = max(worst, float(blocks.max()))
        levels = frame.astype(np.float32)
        mean = cv2.blur(levels, (5, 5))
        flat = cv2.blur(levels * levels, (5, 5)) - mean * mean < 1.5**2
        flat_power += float((difference**2)[flat].sum())
        flat_count += int(flat.sum())
    steps = np.diff(change, axis=0) if len(change) > 1 else np.zeros(1)
    return Quality(
        psnr=_psnr(float(power.mean())),
        worst_block_psnr=_psnr(worst),
        flat_rms=math.sqrt(flat_power / max(1, flat_count)),
        flat_share=flat_count / frames.size,
        flicker_rms=float(np.sqrt(np.mean(steps**2))),
    )


def _psnr(power: float) -> float:
    return 10 * math.log10(255.0**2 / max(power, 1e-9))


def attack_clip(frames: Luma, attack: Attack) -> tuple[Luma, int]:
    """What is left of the frames, and the size of the encoded stream in bytes (0 if none)."""
    height, width = frames.shape[1:]
    if attack.crop < 1:
        top, left = (round(side * (1 - attack.crop) / 2) for side in (height, width))
        rows, columns = (round(side * attack.crop) // 2 * 2 for side in (height, width))
        frames = frames[:, top : top + rows, left : left + columns]
    elif attack.scale != 1:
        rows, columns = (round(side * attack.scale) // 2 * 2 for side in (height, width))
        frames = np.stack([np.round(_resize(f, rows, columns)).astype(np.uint8) for f in frames])
    if attack.codec is None:
        return frames, 0
    return round_trip(np.ascontiguousarray(frames), attack.codec)


def soft_map(frames: Luma, extract: Extract) -> Plane:
    """Sum of the maps of the means of every six frames, at the working size of what is left."""
    rows, columns = working_size(*frames.shape[1:])
    total = np.zeros((rows, columns), np.float32)
    for start in range(0, len(frames), _GROUP):
        mean = frames[start : start + _GROUP].mean(0, dtype=np.float32)
        total += extract(_resize(mean, rows, columns))
    return total


def gamma_of(odds: Plane, cells: Plane, attack: Attack, height: int, width: int) -> float:
    """γ of a map, given how the attacked picture lies on the marked one (height × width)."""
    rows, columns = working_size(height, width)
    kept_rows, kept_columns = rows * attack.crop, columns * attack.crop
    scale = odds.shape[0] / kept_rows
    top, left = (rows - kept_rows) / 2, (columns - kept_columns) / 2
    back = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float32)
    back[:, 2] += (scale - 1) / 2  # pixel centres
    laid = cv2.warpAffine(
        odds, back, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    tile = TILE * CELL_PX
    padded = np.pad(laid, ((0, -rows % tile), (0, -columns % tile)))
    folded = padded.reshape(padded.shape[0] // tile, tile, padded.shape[1] // tile, tile).sum(
        (0, 2)
    )
    signed = folded.reshape(TILE, CELL_PX, TILE, CELL_PX).mean((1, 3)) * cells
    return float(signed.mean() ** 2 / signed.var()) if signed.mean() > 0 else 0.0


def correlator() -> tuple[Embed, Extract]:
    """The reference without learning: the pattern at the same bound, a difference of Gaussians."""

    def embed(luma: Plane, pattern: Plane) -> Plane:
        rows, columns = luma.shape
        padded = np.pad(luma, ((0, rows % 2), (0, columns % 2)), mode="edge")
        allowed = amplitude(torch.from_numpy(padded)[None, None] / 255.0)[..., :rows, :columns]
        change = limit_psnr(allowed * torch.from_numpy(pattern), DEFAULT_PSNR_DB)
        return cast("Plane", change[0, 0].numpy())

    def extract(luma: Plane) -> Plane:
        detail = cv2.GaussianBlur(luma, (0, 0), 1.5) - cv2.GaussianBlur(luma, (0, 0), 4.0)
        return cast("Plane", np.clip(detail, -12, 12) / (cv2.blur(detail * detail, (17, 17)) + 1.0))

    return embed, extract


def evaluate_clip(
    frames: Luma, nets: tuple[Embed, Extract], rate: float, attacks: tuple[Attack, ...],
    *, seed: int = 1, note: Callable[[str], None] = lambda _: None,
) -> tuple[Quality, dict[str, float], Luma]:  # fmt: skip
    """Quality, γ after every attack, and the marked frames."""
    embed, extract = nets
    cells = draw_cells(seed)
    marked = mark_clip(frames, embed, cells, rate)
    gammas: dict[str, float] = {}
    for attack in attacks:
        left, _ = attack_clip(marked, attack)
        gammas[attack.name] = gamma_of(soft_map(left, extract), cells, attack, *frames.shape[1:])
        note(f"{attack.name} {gammas[attack.name]:.2f}")
    return measure_quality(frames, marked), gammas, marked


def write_pictures(folder: Path, name: str, frames: Luma, marked: Luma) -> None:
    """The frame beside its marked copy and twenty times their difference, and an ×8 zoom."""
    before, after = frames[0], marked[0]
    change = (after.astype(np.float32) - before) * 20 + 128
    row = np.hstack([before, after, np.clip(change, 0, 255).astype(np.uint8)])
    cv2.imwrite(str(folder / f"{name}-x20.png"), row)
    flattest = np.argmin([
        before[y : y + 96, x : x + 96].std()
        for y in range(0, before.shape[0] - 95, 96) for x in range(0, before.shape[1] - 95, 96)
    ])  # fmt: skip
    y, x = divmod(int(flattest), len(range(0, before.shape[1] - 95, 96)))
    pieces = []
    for top, left in ((y * 96, x * 96), (before.shape[0] // 2, before.shape[1] // 2)):
        pair = [p[top : top + 96, left : left + 96] for p in (before, after)]
        pieces.append(cv2.resize(np.hstack(pair), None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC))
    cv2.imwrite(str(folder / f"{name}-zoom8.png"), np.vstack(pieces))


@click.command()
@click.option("--clip", "clips", multiple=True, required=True, type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path, dir_okay=False),
              help="Instead of those in the package.")  # fmt: skip
@click.option("--plain", is_flag=True, help="Measure the correlator without learning instead.")
@click.option("--frames", "most", default=60, show_default=True, help="Taken from each clip.")
@click.option("--rate", default=30.0, show_default=True, help="Frames a second of the clips.")
@click.option("--attack", "names", multiple=True, help="Only these of the attacks.")
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False),
              help="Folder for pictures to look at.")  # fmt: skip
@click.option("--psnr", default=DEFAULT_PSNR_DB, show_default=True, help="Hard limit in dB.")
def main(
    clips: tuple[Path, ...], weights: Path | None, plain: bool, most: int, rate: float,
    names: tuple[str, ...], pictures: Path | None, psnr: float,
) -> None:  # fmt: skip
    """Print one JSON line a clip: quality, and γ after each attack."""
    unknown = set(names) - {attack.name for attack in ATTACKS}
    if unknown:
        known = ", ".join(attack.name for attack in ATTACKS)
        raise OptionError(f"no such attack: {', '.join(sorted(unknown))}", hint=f"one of {known}")
    attacks = tuple(attack for attack in ATTACKS if not names or attack.name in names)
    if plain:
        nets = correlator()
    elif weights is not None:
        built = build_nets()
        state = safetensors.torch.load_file(weights)
        built.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        nets = as_functions(built, psnr_db=psnr)
    else:
        nets = load_nets(psnr_db=psnr)
    for clip in clips:
        frames = read_luma(clip, most=most)
        frames = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]
        quality, gammas, marked = evaluate_clip(
            frames, nets, rate, attacks, note=lambda line: click.echo(line, err=True)
        )
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            write_pictures(pictures, clip.stem, frames, marked)
        figures = {"clip": clip.stem} | _rounded(asdict(quality)) | {"gamma": _rounded(gammas)}
        click.echo(json.dumps(figures))


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


if __name__ == "__main__":
    main()

"""Renders the picture of scenes: signed distances, so that every size is sharp and exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import numpy as np
import torch

from generators.scenes.backgrounds import BACKGROUNDS
from generators.scenes.lattice import bell
from generators.scenes.shapes import SHAPES, bar
from generators.scenes.styles import BEVEL, BEVELS, SHINE, STYLES, Layer, graded
from generators.scenes.textures import TEXTURES
from generators.scenes.view import View, cover, over
from provenance.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from fractions import Fraction

    from torch import Tensor

    from generators.scenes.spec import Body, SceneSpec

# Pixels that are worked on at once: what a cache holds, and what a GPU holds without care.
_AT_ONCE = {"cpu": 1 << 17, "cuda": 1 << 25}
_FAR = 0.45  # how much of the camera's way the distance follows
_FILM_GRAIN = 2.2
_Rows = TypeVar("_Rows", bound=torch.Tensor | tuple[torch.Tensor, ...])
_WOOD, _GOLD, _STRING = (0.44, 0.35, 0.30), (1.0, 0.80, 0.38), (0.45, 0.42, 0.42)


class _Poses(NamedTuple):
    """Of one layer of bodies: rows of the batch that have it, and where they are over time."""

    rows: list[int]
    bodies: list[Body]
    x: Tensor  # (n, T, 1, 1), as are the others
    y: Tensor
    angle: Tensor


class _Outline(NamedTuple):
    """Of one layer of bodies: each pixel's place on its body, in units of the body's ``size``, and
    its signed distance to the outline in those of the scene.
    """

    u: Tensor
    v: Tensor
    distance: Tensor
    size: Tensor


@torch.no_grad()
def render_video(
    specs: Sequence[SceneSpec],
    *,
    width: int,
    height: int,
    rate: float | Fraction,
    frames: int,
    start_s: float = 0.0,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """(B, 3, frames, height, width) sRGB in [-1, 1]: each frame is the moment start_s + i / rate.

    Raises FrameError when there is nothing to draw.
    """
    if not specs or min(width, height, frames) < 1 or rate <= 0:
        raise FrameError(
            f"{len(specs)} scenes of {frames} frames of {width}x{height} at {float(rate):g}/s",
            hint="ask for at least one scene, frame and pixel",
        )
    device = torch.device(device)
    result = torch.empty((len(specs), 3, frames, height, width), dtype=dtype, device=device)
    each = max(1, _AT_ONCE.get(device.type, 1 << 17) // (width * height))
    scenes = max(1, each // frames)
    for first in range(0, len(specs), scenes):
        some = specs[first : first + scenes]
        for start in range(0, frames, each):
            stop = min(frames, start + each)
            times = start_s + np.arange(start, stop) / float(rate)
            image = _render(some, times, width, height, device)
            result[first : first + len(some), :, start:stop] = image
    return result


@torch.no_grad()
def body_cover(
    specs: Sequence[SceneSpec],
    *,
    columns: int,
    rows: int,
    times: np.ndarray,
    device: torch.device | str,
) -> Tensor:
    """(B, T, rows, columns): how much of each cell of the picture bodies cover, 0 to 1, about.

    ``times`` (T,) in seconds.
    """
    device = torch.device(device)
    view = _look_at(specs, times, columns, rows, device)
    result = torch.zeros((len(specs), len(times), rows, columns), device=device)
    for place in range(max(len(spec.bodies) for spec in specs)):
        poses = _poses(specs, place, times, device)
        part = _take(view, poses.rows)
        shown = cover(_outline(poses, part).distance, part.pixel)
        result[poses.rows] = torch.maximum(result[poses.rows], shown)
    return result


def _render(
    specs: Sequence[SceneSpec], times: np.ndarray, width: int, height: int, device: torch.device
) -> Tensor:
    view = _look_at(specs, times, width, height, device)
    layers = [
        _poses(specs, place, times, device)
        for place in range(max(len(spec.bodies) for spec in specs))
    ]
    styles = [spec.style for spec in specs]
    image = _each([spec.background for spec in specs], BACKGROUNDS, view)
    image = image.expand(len(specs), 3, len(times), height, width).contiguous()
    shift = 1 + 0.05 * view.tint.unsqueeze(1) * image.new_tensor((1, 0.2, -1)).view(1, 3, 1, 1, 1)
    image = (image * shift).clamp(0, 1)
    image = _each(styles, {name: look.background for name, look in STYLES.items()}, image, view)
    for poses in layers:
        _shade_ground(image, specs, poses, view)
    _draw_bars(image, specs, layers[0], view)
    for poses in reversed(layers):
        part = _take(view, poses.rows)
        layer = _layer(poses, part)
        painters = {name: look.body for name, look in STYLES.items()}
        kinds = [styles[row] for row in poses.rows]
        image[poses.rows] = _each(kinds, painters, image[poses.rows], part, layer)
    film = [row for row, style in enumerate(styles) if style == "film"]
    if film:
        image[film] = graded(image[film], _take(view, film))
    return (image * 2 - 1 + _grain(specs, times, width, height, device)).clamp_(-1, 1)


def _each(
    kinds: Sequence[str],
    table: Mapping[str, Callable[..., Tensor]],
    *inputs: Tensor | tuple[Tensor, ...],
) -> Tensor:
    """Apply to each row of the inputs what its kind names; rows of a kind go together."""
    groups: dict[str, list[int]] = {}
    for row, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(row)
    if len(groups) == 1:
        return table[kinds[0]](*inputs)
    parts = [table[kind](*(_take(i, rows) for i in inputs)) for kind, rows in groups.items()]
    shape = tuple(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True))
    result = parts[0].new_empty((len(kinds), *shape))
    for part, rows in zip(parts, groups.values(), strict=True):
        result[rows] = part.expand(len(rows), *shape)
    return result


def _take(value: _Rows, rows: list[int]) -> _Rows:
    """Rows of a tensor, or of each field of a tuple; what is the same for all rows stays."""
    if isinstance(value, tuple):
        return cast("_Rows", type(value)(*(_take(field, rows) for field in value)))
    return value if value.shape[0] == 1 else cast("_Rows", value[rows])


def _column(values: Sequence[float], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1, 1)


def _look_at(
    specs: Sequence[SceneSpec], times: np.ndarray, width: int, height: int, device: torch.device
) -> View:
    moves = np.zeros((4, len(specs), len(times)), dtype=np.float32)  # x, y, 1 / zoom, pixel
    for row, spec in enumerate(specs):
        camera = spec.camera
        turn = 2 * math.pi * times / camera.period_s + camera.phase
        zoom = np.ones_like(times)
        if camera.kind == "pan":
            moves[0, row] = camera.amount * np.sin(turn)
        elif camera.kind == "zoom":
            zoom += camera.amount * (0.5 + 0.5 * np.sin(turn))
        elif camera.kind == "shake":
            moves[0, row] = camera.amount * (np.sin(turn) + 0.5 * np.sin(1.73 * turn + 1)) * 0.7
            moves[1, row] = camera.amount * (np.cos(1.31 * turn) + 0.5 * np.sin(2.2 * turn)) * 0.6
        # The whole of the scene's frame is seen, whatever the picture's shape.
        fit = max(2 * spec.half_width / width, 2 * spec.half_height / height)
        moves[2, row], moves[3, row] = 1 / zoom, fit / zoom
    cam_x, cam_y, scale, pixel = torch.from_numpy(moves).to(device)[..., None, None]
    fit_pixel = (pixel / scale)[:, :1]
    across = torch.arange(width, device=device) + 0.5 - width / 2
    up = height / 2 - 0.5 - torch.arange(height, device=device)
    screen_x = across.view(1, 1, 1, -1) * fit_pixel * scale
    screen_y = up.view(1, 1, -1, 1) * fit_pixel * scale
    return View(
        x=screen_x + cam_x,
        y=screen_y + cam_y,
        far_x=screen_x + _FAR * cam_x,
        sky_x=(across / (width / 2)).view(1, 1, 1, -1),
        sky_y=(up / (height / 2)).view(1, 1, -1, 1),
        pixel=pixel,
        ground=_column([spec.bodies[0].floor for spec in specs], device),
        light=_column([spec.light for spec in specs], device),
        tint=_column([spec.tint for spec in specs], device),
        time_s=torch.tensor(times, dtype=torch.float32, device=device).view(1, -1, 1, 1),
    )


def _poses(
    specs: Sequence[SceneSpec], place: int, times: np.ndarray, device: torch.device
) -> _Poses:
    rows = [row for row, spec in enumerate(specs) if len(spec.bodies) > place]
    bodies = [specs[row].bodies[place] for row in rows]
    table = np.array([body.track.at(times) for body in bodies], dtype=np.float32)  # (n, 3, T)
    x, y, angle = torch.from_numpy(table).to(device).unbind(dim=1)
    return _Poses(rows, bodies, x[..., None, None], y[..., None, None], angle[..., None, None])


def _shade_ground(image: Tensor, specs: Sequence[SceneSpec], poses: _Poses, view: View) -> None:
    """The soft shadow of each body on the ground below: wider and fainter, the higher it is."""
    device = image.device
    part = _take(view, poses.rows)
    floor = _column([body.floor for body in poses.bodies], device)
    size = _column([body.size for body in poses.bodies], device)
    strong = _column([STYLES[specs[row].style].shadow for row in poses.rows], device)
    high = (poses.y - floor - size).clamp(min=0)
    middle = poses.x - part.light * (0.12 + 0.22 * high)
    wide = size * (1.15 + 0.35 * high)
    across = ((part.x - middle) / wide) ** 2
    down = ((part.y - floor + 0.015) / (0.10 + 0.22 * wide)) ** 2
    shadow = strong * 0.55 / (1 + 1.6 * high) * torch.exp(-1.6 * across - 2.2 * down)
    image[poses.rows] *= (1 - shadow).unsqueeze(1)


def _draw_bars(image: Tensor, specs: Sequence[SceneSpec], first: _Poses, view: View) -> None:
    for place in (0, 1):
        rows = [row for row, spec in enumerate(specs) if len(spec.bars) > place]
        if not rows:
            continue
        part, bars = _take(view, rows), [specs[row].bars[place] for row in rows]
        ends = [
            _column([getattr(b, name) for b in bars], image.device)
            for name in ("x0", "y0", "x1", "y1")
        ]
        hangs = _column([float(b.hangs) for b in bars], image.device)
        # A string ends in the body, half of its size above the middle.
        held = _column([0.5 * specs[row].bodies[0].size for row in rows], image.device)
        ends[2] = ends[2] + hangs * (first.x[rows] - held * torch.sin(first.angle[rows]))
        ends[3] = ends[3] + hangs * (first.y[rows] + held * torch.cos(first.angle[rows]))
        radius = _column([b.radius for b in bars], image.device)
        distance = bar(part.x, part.y, (ends[0], ends[1], ends[2], ends[3]), radius)
        colours = [
            _STRING if b.hangs else _GOLD if (b.x0, b.y0) == (b.x1, b.y1) else _WOOD for b in bars
        ]
        rgb = image.new_tensor(colours).view(-1, 3, 1, 1, 1)
        light = 1 + 0.35 * (-distance / radius).clamp(0, 1)
        halo = _column([0.5 * (c == _GOLD) for c in colours], image.device)
        picture = over(image[rows], rgb, halo * torch.exp(-distance.clamp(min=0) / 0.09))
        image[rows] = over(
            picture, (rgb * light.unsqueeze(1)).clamp(0, 1), cover(distance, part.pixel)
        )


def _outline(poses: _Poses, view: View) -> _Outline:
    bodies = poses.bodies
    size = _column([body.size for body in bodies], poses.x.device)
    dx, dy = view.x - poses.x, view.y - poses.y
    cos, sin = torch.cos(poses.angle) / size, torch.sin(poses.angle) / size
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    return _Outline(u, v, _each([body.shape for body in bodies], SHAPES, u, v) * size, size)


def _layer(poses: _Poses, view: View) -> Layer:
    bodies, device = poses.bodies, poses.x.device
    u, v, distance, size = _outline(poses, view)
    scale = _column([body.texture_scale for body in bodies], device)
    pattern = _each(
        [body.texture for body in bodies], TEXTURES, u * scale, v * scale, view.pixel / size * scale
    )
    rgb, second = (
        torch.tensor(colours, dtype=torch.float32, device=device).view(-1, 3, 1, 1, 1)
        for colours in ([b.rgb for b in bodies], [b.texture_rgb for b in bodies])
    )
    return Layer(
        distance=distance,
        u=u,
        v=v,
        paint=over(rgb, second, pattern),
        rgb=rgb,
        size=size,
        bevel=_column([BEVELS.get(body.shape, BEVEL) for body in bodies], device),
        shine=_column([SHINE[body.material][0] for body in bodies], device),
        sharp=_column([SHINE[body.material][1] for body in bodies], device),
    )


def _grain(
    specs: Sequence[SceneSpec], times: np.ndarray, width: int, height: int, device: torch.device
) -> Tensor:
    """Film grain (B, 1, T, H, W) in units of the picture: another one in each frame and scene."""
    seeds = np.array([spec.seed for spec in specs], dtype=np.int64)[:, None]
    moments = np.round(times * 12_000).astype(np.int64)[None]
    keys = (seeds * 2_654_435_761 + moments * 40_503) & 0x7FFFFFFF
    keys_at = torch.from_numpy(keys.astype(np.int32)).to(device)[..., None]
    pixels = torch.arange(width * height, dtype=torch.int32, device=device)
    levels = [spec.grain * (_FILM_GRAIN if spec.style == "film" else 1) for spec in specs]
    grain = bell(keys_at + pixels * 9_781) * _column(levels, device)[..., 0] * (2 / 255)
    return grain.view(len(specs), 1, len(times), height, width)

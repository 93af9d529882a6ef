"""The rendered picture: exact, the same in any batch, and of any size."""

from __future__ import annotations

import dataclasses
import random
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from generators.scenes import body_cover, draw_scene, render_video
from generators.scenes import vocabulary as words
from generators.scenes.shape_extents import EXTENTS
from generators.scenes.shapes import SHAPES
from provenance.errors import FrameError


def draw(count=1, *, seed=0, **changes):
    rng = random.Random(seed)
    specs = [draw_scene(rng, duration_s=2.0) for _ in range(count)]
    return [dataclasses.replace(spec, **changes) for spec in specs]


def render(specs, **options):
    defaults = {"width": 96, "height": 56, "rate": 24, "frames": 4, "device": "cpu"}
    return render_video(specs, **(defaults | options))


@pytest.mark.parametrize("shape", words.SHAPES)
def test_shapes_reach_as_far_as_their_extents_say(shape):
    at = torch.linspace(-1.4, 1.4, 561, dtype=torch.float64)
    x, y = at[None, :], at[:, None]
    inside = SHAPES[shape](x + 0 * y, y + 0 * x) <= 0
    rows, columns = inside.any(dim=1), inside.any(dim=0)
    foot, top, half = EXTENTS[shape]
    assert at[rows].min().item() == pytest.approx(-foot, abs=0.03)
    assert at[columns].max().item() == pytest.approx(half, abs=0.13)  # round corners
    assert at[rows].max().item() <= top + 0.03


@pytest.mark.parametrize("shape", words.SHAPES)
def test_distances_are_distances_near_the_outline(shape):
    points = (torch.rand(4000, 2, dtype=torch.float64, generator=torch.manual_seed(0)) - 0.5) * 2.8
    points.requires_grad_()
    distance = SHAPES[shape](points[:, 0], points[:, 1])
    (slope,) = torch.autograd.grad(distance.sum(), points)
    near = distance.abs() < 0.1
    assert torch.quantile((slope.norm(dim=1)[near] - 1).abs(), 0.95) < 0.02


def test_cells_that_a_body_covers_are_those_where_its_colour_tells():
    """Two pictures that differ in the body's colours alone differ just where it is said to be."""
    (one,) = draw(seed=4, style="flat", grain=0.0)
    body = dataclasses.replace(one.bodies[0], rgb=(0.0, 1.0, 0.2), texture_rgb=(0.0, 1.0, 0.2))
    both = [dataclasses.replace(one, bodies=(first,)) for first in (one.bodies[0], body)]
    seen, other = render(both, width=192, height=112, frames=25)[:, :, ::8]
    differs = F.avg_pool2d(((seen - other).abs().amax(0) > 0.05).float(), 16)  # (T, 7, 12)
    times = np.arange(4) * (8 / 24)
    cover = body_cover(both[:1], columns=12, rows=7, times=times, device="cpu")[0]
    assert cover.shape == (4, 7, 12)
    assert cover.max() > 0.9
    assert cover.mean().item() == pytest.approx(differs.mean().item(), rel=0.25)
    assert torch.corrcoef(torch.stack([cover.flatten(), differs.flatten()]))[0, 1] > 0.9
    assert cover[differs == 0].max() < 0.5


def test_no_body_is_out_of_the_picture():
    """The middle of a first body, and half of what is above it, while the camera is still."""
    rng = random.Random(5)
    specs = [draw_scene(rng, duration_s=4.0) for _ in range(200)]
    still = [s for s in specs if s.camera.kind == "still"]
    times = np.arange(33) / 8
    for spec in still:
        x, y, _ = spec.bodies[0].track.at(times)
        reach = spec.bodies[0].size * max(EXTENTS[spec.bodies[0].shape])
        assert np.abs(x).max() <= spec.half_width
        assert y.max() + 0.5 * reach <= spec.half_height, spec.bodies[0].motion


def test_pictures_are_in_range_and_alive():
    video = render(draw(12), frames=3)
    assert video.shape == (12, 3, 3, 56, 96)
    assert video.min() >= -1
    assert video.max() <= 1
    assert (video[:, :, 1:] - video[:, :, :-1]).abs().mean(dim=(1, 2, 3, 4)).min() > 0.001
    assert video.std(dim=(1, 2, 3, 4)).min() > 0.05


def test_a_scene_looks_the_same_in_any_batch_and_in_parts():
    specs = draw(6)
    whole = render(specs, frames=4)
    part = render(specs[2:4], frames=1, start_s=3 / 24)
    assert torch.allclose(whole[2:4, :, 3:], part, atol=1e-4)


def test_a_larger_picture_is_the_same_picture():
    specs = draw(5, grain=0.0)
    small = render(specs, frames=1)
    large = render(specs, frames=1, width=192, height=112)
    folded = F.avg_pool3d(large, (1, 2, 2))
    errors = ((folded - small) / 2).pow(2).mean(dim=(1, 2, 3, 4)).sqrt()
    assert errors.max() < 0.04
    other = render(draw(5, seed=1, grain=0.0), frames=1)
    assert ((other - small) / 2).pow(2).mean().sqrt() > 0.1


@pytest.mark.parametrize(
    ("width", "height", "rate"), [(36, 64, 25), (48, 48, Fraction(30_000, 1001)), (80, 30, 50)]
)
def test_other_shapes_and_rates(width, height, rate):
    rng = random.Random(0)
    specs = [draw_scene(rng, duration_s=1, aspect=width / height) for _ in range(2)]
    video = render(specs, width=width, height=height, rate=rate, frames=2)
    assert video.shape == (2, 3, 2, height, width)
    later = render(specs, width=width, height=height, rate=rate, frames=1, start_s=float(1 / rate))
    assert torch.allclose(video[:, :, 1:], later, atol=1e-4)


def test_grain_is_white_in_time_and_as_strong_as_drawn():
    specs = draw(2, style="flat", grain=2.0)
    clean = render([dataclasses.replace(s, grain=0.0) for s in specs], frames=8)
    noise = (render(specs, frames=8) - clean) * 127.5
    unclipped = clean.abs() < 0.9
    assert noise[unclipped].std().item() == pytest.approx(2.0, rel=0.05)
    one, two = noise[:, 0, :-1].flatten(), noise[:, 0, 1:].flatten()
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.02
    left, right = noise[:, 0, :, :, :-1].flatten(), noise[:, 0, :, :, 1:].flatten()
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.02


def test_the_body_is_where_its_track_says_and_of_its_colour():
    specs = [s for s in draw(40, style="flat", grain=0.0) if s.camera.kind == "still"]
    specs = [s for s in specs if s.bodies[0].shape != "ring" and s.bodies[0].texture == "plain"]
    assert len(specs) >= 3
    video = render(specs, width=192, height=108, frames=1, start_s=0.7)
    for spec, picture in zip(specs, video, strict=True):
        pose = spec.bodies[0].track.at(np.array([0.7]))
        column = round(96 + pose.x[0] * 54)
        row = round(54 - pose.y[0] * 54)
        if not (0 <= column < 192 and 0 <= row < 108):
            continue
        colour = (picture[:, 0, row, column] + 1) / 2
        # Not more than its shade away.
        assert (colour - torch.tensor(spec.bodies[0].rgb)).abs().max() < 0.2


@pytest.mark.parametrize("options", [{"frames": 0}, {"width": 0}, {"rate": 0}])
def test_nothing_to_draw_is_refused(options):
    with pytest.raises(FrameError):
        render(draw(), **options)
    with pytest.raises(FrameError):
        render([])

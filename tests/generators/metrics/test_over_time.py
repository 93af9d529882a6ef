"""Smoothness, flicker and drift: each one sees what it is for, and leaves true renders alone."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F

from generators.metrics.drift import drift
from generators.metrics.smoothness import flicker, roughness
from generators.scenes import draw_scene, render_video

RATE = 12


@pytest.fixture(scope="module")
def clips():
    rng = random.Random(5)
    specs = []
    while len(specs) < 6:
        spec = draw_scene(rng, duration_s=8.0)
        if spec.bodies[0].motion in {"bounce", "orbit", "pendulum"}:
            specs.append(spec)
    return render_video(specs, width=64, height=36, rate=RATE, frames=96, device="cpu")


@pytest.fixture(scope="module")
def smooth():
    rng = random.Random(6)
    specs = []
    while len(specs) < 6:
        spec = draw_scene(rng, duration_s=2.0)
        if spec.bodies[0].motion in {"orbit", "pendulum", "float"} and spec.camera.kind != "shake":
            specs.append(spec)
    return render_video(specs, width=96, height=54, rate=24, frames=24, device="cpu")


def test_frames_that_stand_still_in_turn_are_rough(smooth):
    stutter = smooth[:, :, torch.arange(24) // 2 * 2]
    assert (roughness(stutter) > 1.5 * roughness(smooth)).all()


def test_frames_out_of_order_are_rough(smooth):
    order = torch.arange(24).view(-1, 2).flip(1).flatten()
    assert (roughness(smooth[:, :, order]) > 1.5 * roughness(smooth)).all()


def test_even_motion_is_not_rough(smooth):
    assert roughness(smooth).median() < 1.0


def test_roughness_needs_frames(smooth):
    assert roughness(smooth[:, :, :3]).isnan().all()
    assert (roughness(smooth[:, :, :1].expand(-1, -1, 8, -1, -1)) == 0).all()


def test_flicker_is_seen_and_as_large_as_it_is(smooth):
    sign = torch.tensor([1.0, -1.0]).repeat(12).view(1, 1, -1, 1, 1)
    spoiled = smooth * 0.8 + sign * (4 / 127.5)
    assert flicker(smooth).max() < 1.5
    # Off by 4 to one side, the middle of its neighbours by 4 to the other.
    assert flicker(spoiled).median().item() == pytest.approx(8.0, rel=0.2)


def test_true_renders_neither_drift_nor_freeze(clips):
    result = drift(clips, rate=RATE)
    assert result.passes.float().mean() > 0.8


def test_a_frozen_clip_fails(clips):
    frozen = clips.clone()
    frozen[:, :, 40:] = frozen[:, :, 40:41]
    result = drift(frozen, rate=RATE)
    assert not result.passes.any()
    assert (result.alive < 0.25).all()


def test_a_picture_that_drifts_fails(clips):
    time = torch.linspace(0, 1, clips.shape[2]).view(1, 1, -1, 1, 1)
    spoilt = {
        "brighter": clips + 0.4 * time,
        "greyer": clips * (1 - 0.6 * time),
        "warmer": clips + 0.35 * time * torch.tensor([1.0, 0, -1]).view(1, 3, 1, 1, 1),
    }
    for name, video in spoilt.items():
        result = drift(video.clamp(-1, 1), rate=RATE)
        assert not result.passes.any(), name
        assert (result.look > 1).all(), name


def test_a_picture_that_blurs_fails(clips):
    blurred = clips.clone()
    blurred[:, :, 48:] = F.avg_pool3d(
        blurred[:, :, 48:], (1, 9, 9), stride=1, padding=(0, 4, 4), count_include_pad=False
    )
    assert (drift(blurred, rate=RATE).look > 1).all()


def test_drift_needs_two_windows(clips):
    assert drift(clips[:, :, :30], rate=RATE).look.isnan().all()

"""Sync: true renders agree, another clip's sound or a late one does not."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from generators.metrics.sync import heard_onsets, seen_impacts, sync_error_ms
from generators.scenes import draw_scene, impacts, render_audio, render_video
from generators.training.scene_source import load_codecs

RATE, SOUND_RATE, FRAMES = 24, 24_000, 72


@pytest.fixture(scope="module")
def clips():
    """Scenes in which one thing strikes before a still camera."""
    rng = random.Random(11)
    specs = []
    while len(specs) < 10:
        spec = draw_scene(rng, duration_s=FRAMES / RATE)
        if (
            spec.bodies[0].motion in {"bounce", "fall", "slide"}
            and spec.camera.kind == "still"
            and len(spec.bodies) == 1
        ):
            specs.append(spec)
    video = render_video(specs, width=96, height=54, rate=RATE, frames=FRAMES, device="cpu")
    audio = render_audio(specs, samples=FRAMES * SOUND_RATE // RATE, device="cpu")
    return specs, video, audio


def error_of(video, audio):
    return np.array(sync_error_ms(video, audio, rate=RATE, sample_rate=SOUND_RATE))


def test_true_renders_are_in_sync(clips):
    _, video, audio = clips
    errors = error_of(video, audio)
    assert np.isfinite(errors).mean() >= 0.5  # the others do not say when to some milliseconds
    assert np.nanmedian(errors) < 6


def test_the_sound_of_another_clip_is_not(clips):
    _, video, audio = clips
    assert np.nanmedian(error_of(video, audio.roll(1, dims=0))) > 100


@pytest.mark.parametrize("late_s", [0.1, 0.2])
def test_late_sound_is_late_by_as_much(clips, late_s):
    _, video, audio = clips
    late = round(late_s * SOUND_RATE)
    moved = torch.cat([torch.zeros_like(audio[..., :late]), audio[..., :-late]], dim=-1)
    assert np.nanmedian(error_of(video, moved)) == pytest.approx(1000 * late_s, abs=20)


def test_no_sound_is_as_far_as_it_gets(clips):
    _, video, audio = clips
    errors = error_of(video, torch.zeros_like(audio))
    assert set(errors[np.isfinite(errors)]) == {500.0}


def test_nothing_is_seen_in_a_frozen_clip(clips):
    _, video, audio = clips
    frozen = video[:1, :, :1].expand(-1, -1, FRAMES, -1, -1)
    assert seen_impacts(frozen[0], rate=RATE) == []
    assert np.isnan(error_of(frozen, audio[:1])).all()


def test_coded_sound_is_in_sync_too(clips):
    """Noise that a codec draws anew hides no onset, and is none."""
    _, video, audio = clips
    _, codec = load_codecs(None, None, torch.device("cpu"))
    with torch.inference_mode():
        coded = codec.decode(codec.encode(audio))
    assert np.nanmedian(error_of(video, coded)) < 12


def test_what_is_heard_are_the_impacts(clips):
    specs, _, audio = clips
    near = []
    for spec, sound in zip(specs, audio, strict=True):
        true = np.array([i.time_s for i in impacts(spec) if 0.05 < i.time_s < FRAMES / RATE - 0.1])
        near += [
            np.abs(true - t).min(initial=9) for t in heard_onsets(sound, sample_rate=SOUND_RATE)
        ]
    assert len(near) > 10
    assert np.median(near) < 0.003

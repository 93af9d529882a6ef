from __future__ import annotations

import json

import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.catalog import kinds
from attacks.clip import frames_of
from attacks.photometric.filters import NonLocalMeans
from attacks.removal.regeneration import (
    ATTACKS,
    DenoiseTemporal,
    Regenerate,
    Remark,
    principal_patches,
    regenerated,
)
from tests.attacks.marked import (
    Friend,
    heard,
    held,
    lumas,
    marked_clip,
    psnr_between,
    spread_pattern,
)


@pytest.fixture(scope="module")
def pattern():
    return spread_pattern(1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory, pattern):
    return marked_clip(tmp_path_factory.mktemp("regeneration") / "clip.mp4", pattern, frames=6)


def test_the_code_is_orthonormal_and_says_everything_without_a_threshold(clip):
    code = principal_patches(clip)
    assert np.abs(code.T @ code - np.eye(64)).max() < 1e-4
    plane = lumas(clip)[3][:250, :381]
    assert np.abs(regenerated(plane, code, 0.0) - plane).max() < 0.05


def test_most_of_a_picture_is_in_a_few_components(clip):
    code = principal_patches(clip)
    patches = lumas(clip)[3].reshape(32, 8, 48, 8).swapaxes(1, 2).reshape(-1, 64)
    said = np.square((patches - patches.mean(axis=1, keepdims=True)) @ code).sum(axis=0)
    assert said[-8:].sum() > 0.9 * said.sum()
    assert np.abs(code[:, -8:].sum(axis=0)).max() < 1e-3


def test_a_mark_that_the_code_cannot_say_fades_with_the_threshold(clip, pattern, tmp_path):
    desk = Desk(folder=tmp_path)
    marked = heard(clip, pattern)
    drawn = [held(Regenerate(threshold=t).apply(clip, desk)) for t in (8.0, 32.0)]
    assert heard(drawn[0], pattern) > heard(drawn[1], pattern)
    assert heard(drawn[1], pattern) < 0.8 * marked
    assert psnr_between(clip, drawn[0]) > psnr_between(clip, drawn[1]) > 30


def test_nonlocal_means_take_noise_and_leave_edges(tmp_path):
    noise = np.random.default_rng(0).normal(0, 3, (256, 384)).astype(np.float32)
    noisy = marked_clip(tmp_path / "n.mp4", noise, frames=1)
    clean = NonLocalMeans(h=8.0).apply(noisy, Desk(folder=tmp_path))
    original = lumas(marked_clip(tmp_path / "o.mp4", None, frames=1))[0]
    error = [np.abs(lumas(c)[0] - original).mean() for c in (noisy, clean)]
    assert error[1] < 0.6 * error[0]


def test_temporal_denoising_is_a_mean_where_nothing_moves(tmp_path):
    """Noise that is new in each frame fades; what moves is not smeared."""
    clip = marked_clip(tmp_path / "t.mp4", None, frames=10)
    random = np.random.default_rng(0)
    noise = random.normal(0, 2, (10, 256, 384))
    index = iter(range(10**6))

    def noisy(luma, _):
        return np.clip(100 + noise[next(index) % 10], 0, 255).astype(np.uint8)

    from attacks.clip import on_luma

    grey = on_luma(clip, noisy)
    done = DenoiseTemporal(frames=8).apply(grey, Desk(folder=tmp_path))
    stds = [plane.std() for plane in lumas(done)]
    assert stds[-1] < 0.7 * stds[0]
    moving = DenoiseTemporal(frames=8).apply(clip, Desk(folder=tmp_path))
    assert np.abs(lumas(moving)[-1] - lumas(clip)[-1]).mean() < 2.5


def test_marking_again_is_left_to_who_can_mark(clip, tmp_path):
    class Marker(Friend):
        def mark(self, given, *, seed):
            frames = [p for _, p in frames_of(given)]
            assert len(frames) == 6
            return given.changed(duration_s=given.duration_s + seed)

    twice = Remark(seed=5, times=2).apply(clip, Desk(folder=tmp_path, accomplice=Marker()))
    assert twice.duration_s == pytest.approx(clip.duration_s + 5 + 6)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_is_drawn_replays(attack, tmp_path):
    transform = attack.draw(attack.default, np.random.default_rng(0))
    again = restore(json.loads(json.dumps(describe(transform))), kinds())
    assert again == transform
    if attack.needs:
        return
    clip = marked_clip(tmp_path / "r.mp4", None, frames=3)
    done = transform.apply(clip, Desk(folder=tmp_path))
    # Twice over the same clip: nothing is carried from one pass to the next.
    for a, b in zip(lumas(done), lumas(done), strict=True):
        assert np.array_equal(a, b)

"""Clips as attacks see them: read twice alike, changed lazily, written with their sound."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.clip import encode, frames_of, on_frames, on_luma, open_clip
from provenance.errors import UnreadableMedia
from provenance.video import EncodeSettings
from tests.drawn import draw_clip, tone

FAST = EncodeSettings(preset="ultrafast", crf=18)


@pytest.fixture
def path(tmp_path):
    return draw_clip(tmp_path / "in.mp4", frames=30, width=96, height=64, rate=Fraction(30))


def test_facts_and_two_equal_passes(path):
    clip = open_clip(path)
    assert (clip.video.width, clip.video.height, clip.frames) == (96, 64, 30)
    assert clip.duration_s == pytest.approx(1.0)
    first = [(p.time, p.luma.copy()) for p in clip.pictures()]
    second = [(p.time, p.luma.copy()) for p in clip.pictures()]
    assert [t for t, _ in first] == [Fraction(n, 30) for n in range(30)]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def test_frames_are_changed_and_the_original_is_not(path):
    clip = open_clip(path)
    before = [frame for _, frame in frames_of(clip)]
    small = on_frames(clip, lambda frame, _: frame[::2, ::2].copy(), size=(48, 32))
    assert small.file is None
    assert (small.video.width, small.video.height) == (48, 32)
    assert all(frame.shape == (32, 48, 3) for _, frame in frames_of(small))
    after = [frame for _, frame in frames_of(clip)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_luma_alone_keeps_colour(path):
    clip = open_clip(path)
    darker = on_luma(clip, lambda luma, _: luma // 2)
    one, two = next(clip.pictures()), next(darker.pictures())
    assert np.array_equal(two.luma, one.luma // 2)
    assert darker.file is None


def test_sound_stays_in_its_place(path, tmp_path):
    written = encode(open_clip(path), tmp_path / "out.mp4", FAST)
    assert written.file == tmp_path / "out.mp4"
    assert written.audio is not None
    heard = np.concatenate(list(written.sound()))
    wanted = tone(1.0)
    # AAC twice: the same wave to within its noise. A shift by three samples would make 0.02.
    middle = slice(4_800, 40_000)
    assert np.abs(heard[middle] - wanted[middle]).mean() < 0.01


def test_muted_clips_write_no_sound(path, tmp_path):
    written = encode(open_clip(path).muted(), tmp_path / "out.mp4", FAST)
    assert written.audio is None
    assert list(written.sound()) == []


def test_half_a_file_is_an_error(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(UnreadableMedia):
        list(open_clip(path).pictures())

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from generators.base import GuideImage, Request, Watch, as_frames
from generators.bundle import open_bundle
from generators.decoding import cover
from generators.latents import sound_latents_before
from generators.ltx import LtxGenerator, grid_for
from generators.sampling import noise_levels
from generators.streaming import plan_windows
from provenance.errors import DeviceFull
from tests.generators.untrained import untrained_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return LtxGenerator(open_bundle(str(untrained_model(tmp_path_factory.mktemp("model")))), CPU)


def asked(**changes):
    given = {"prompt": "a red ball bounces", "width": 192, "height": 128, "duration_s": 0.5}
    return Request(**(given | changes))


def frames_of(generator, request, watch=None):
    return np.concatenate([c.frames for c in generator.generate(request, watch or Watch())])


def test_chunks_have_the_frames_and_the_sound_that_were_asked_for(generator):
    request = asked(rate=Fraction(30_000, 1001), duration_s=0.7)
    chunks = list(generator.generate(request, Watch()))
    video, audio = generator.specs(request)
    assert sum(len(chunk.frames) for chunk in chunks) == 21
    assert all(chunk.frames.shape[1:] == (128, 192, 3) for chunk in chunks)
    assert (video.width, video.height, video.rate) == (192, 128, Fraction(30_000, 1001))
    samples = sum(len(chunk.audio) for chunk in chunks)
    assert samples == round(21 * 48_000 / video.rate)
    assert (audio.sample_rate, audio.channels) == (48_000, 2)
    assert max(len(chunk.frames) for chunk in chunks) <= 8


def test_a_seed_makes_the_same_clip_again_and_another_seed_another(generator):
    first, again = (frames_of(generator, asked(seed=3)) for _ in range(2))
    assert (first == again).all()
    assert (first != frames_of(generator, asked(seed=4))).any()


def test_without_sound_there_is_none(generator):
    request = asked(audio=False)
    assert all(chunk.audio is None for chunk in generator.generate(request, Watch()))
    assert generator.specs(request)[1] is None


def test_the_first_image_is_the_first_frame(generator):
    pixels = np.random.default_rng(0).integers(0, 255, (112, 192, 3), np.uint8)
    shown = frames_of(generator, asked(images=(GuideImage(pixels=pixels),)))[0]
    codec = generator._video_codec
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None, :, None].float() / 127.5 - 1
    through = cover(codec.decode(codec.encode(picture))[:, :, 0], height=128, width=192)
    assert np.abs(shown - as_frames(through)[0].astype(int)).max() <= 1


def test_an_image_inside_the_clip_changes_its_key_frame(generator):
    pixels = np.random.default_rng(0).integers(0, 255, (112, 192, 3), np.uint8)
    later = GuideImage(pixels=pixels, time_s=1 / 3)
    given = frames_of(generator, asked(images=(later,)))
    alone = frames_of(generator, asked(images=(GuideImage(pixels=pixels),)))
    # The codec decodes a key frame from its own latents alone.
    assert np.abs(given[8].astype(int) - alone[0]).max() <= 1


def test_sound_that_is_given_is_what_is_heard(generator):
    sound = np.sin(np.arange(12_000) / 20)[:, None].repeat(2, 1).astype(np.float32) * 0.5
    heard = np.concatenate(
        [chunk.audio for chunk in generator.generate(asked(sound=sound), Watch())]
    )
    assert np.abs(heard[::2][100:-100] - sound[100:-100]).max() < 0.02


def test_a_long_clip_goes_on_from_window_to_window(generator):
    stages = []
    request = asked(duration_s=4.0)
    frames = frames_of(generator, request, Watch(report=lambda *told: stages.append(told)))
    assert len(frames) == 96
    shares = [share for stage, share in stages if stage == "sampling"]
    assert shares == sorted(shares)
    assert len(shares) == 4  # two windows of two steps
    assert shares[-1] == 1


def test_windows_overlap_by_their_history_and_reach_the_end():
    assert [(w.start, w.history) for w in plan_windows(21, window=9, history=3)] == [
        (0, 0), (6, 3), (12, 3),
    ]  # fmt: skip
    assert len(plan_windows(1, window=9, history=3)) == 1
    last = plan_windows(22, window=9, history=3)[-1]
    assert last.start + last.chunks >= 22


def test_sound_is_counted_in_whole_latents_at_any_rate():
    assert [sound_latents_before(3, Fraction(rate)) for rate in (24, 25, 30, 50)] == [
        25,
        24,
        20,
        12,
    ]
    assert sound_latents_before(3, Fraction(30_000, 1001)) == 21


def test_noise_falls_from_all_to_none_and_is_shifted_to_the_noisy_end():
    levels = noise_levels(4, 3.0)
    assert (levels[0], levels[-1]) == (1, 0)
    assert levels == sorted(levels, reverse=True)
    assert levels[2] == pytest.approx(0.75)
    assert noise_levels(4, 1.0)[2] == 0.5


def test_the_grid_follows_the_shape():
    assert grid_for(1920, 1080) == (7, 12)
    assert grid_for(1080, 1920) == (12, 7)
    assert grid_for(512, 512) == (9, 9)


def test_covering_keeps_the_middle():
    picture = torch.zeros(1, 3, 10, 30)
    picture[..., 10:20] = 1
    assert cover(picture, height=10, width=10).min() == 1
    assert cover(picture, height=20, width=20).shape == (1, 3, 20, 20)


def test_memory_that_runs_out_is_said_in_words(generator, monkeypatch):
    def full(*_given, **_named):
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(generator._video_codec, "decode_step", full)
    with pytest.raises(DeviceFull) as caught:
        list(generator.generate(asked(width=1920, height=1080), Watch()))
    assert "720p" in caught.value.hint


def test_faults_of_the_program_are_not_taken_for_a_lack_of_memory(generator, monkeypatch):
    def wrong(*_given, **_named):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(generator._video_codec, "decode_step", wrong)
    with pytest.raises(RuntimeError, match="shapes"):
        list(generator.generate(asked(), Watch()))

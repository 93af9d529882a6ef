"""Our own mark under test: told a seed, it says what of that seed's message is there."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from attacks.clip import encode, head, open_clip
from attacks.systems.everyframe import Everyframe, _heard, carrier, message
from provenance.errors import MediaTooSmall, OptionError
from provenance.video import EncodeSettings
from provenance.watermark import ClipDetector
from tests.drawn import draw_clip, natural_luma, write_luma

SEED = 7


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    return open_clip(write_luma(path, natural_luma(36, 240, 320, seed=3), crf=10))


@pytest.fixture(scope="module")
def marked(plain, tmp_path_factory):
    path = tmp_path_factory.mktemp("marked") / "marked.mp4"
    # Through another process's eyes, as an evaluation does it.
    system = pickle.loads(pickle.dumps(Everyframe()))
    return encode(system.mark(plain, seed=SEED), path, EncodeSettings(crf=16, preset="veryfast"))


def test_the_message_comes_back_whole_and_soon(marked):
    reading = Everyframe().read(marked, seed=SEED)
    assert (reading.recovered, reading.present, reading.bit_accuracy) == (True, True, 1.0)
    assert 0.3 < reading.gamma < 10
    assert 0.5 <= reading.seconds_needed < 1.5
    assert 0 < reading.bound < 1e-9


def test_under_another_seed_nothing_is_there(marked):
    reading = Everyframe().read(marked, seed=SEED + 1)
    assert (reading.recovered, reading.present) == (False, False)
    assert (reading.seconds_needed, reading.presence_p > 1e-4) == (None, True)
    assert 0.3 < reading.bit_accuracy < 0.7
    assert reading.gamma < 0.05


def test_without_a_mark_nothing_is_there(plain):
    reading = Everyframe().read(plain, seed=SEED)
    assert (reading.recovered, reading.present) == (False, False)
    assert reading.gamma < 0.05


def gamma_of(planes, *, seed):
    height, width = planes[0].shape
    detector = ClipDetector(keys=[carrier(seed)], width=width, height=height, reach="likely")
    for index, plane in enumerate(planes):
        detector.add(plane, time_s=index / 24)
    return detector.finish().payload, _heard(detector, seed)[1]


def test_a_mark_too_faint_to_be_read_is_still_heard(plain):
    rng = np.random.default_rng(0)

    def noisy(clip):
        for picture in head(clip, frames=18).pictures():
            noise = rng.normal(0, 70, picture.luma.shape)
            yield np.clip(picture.luma + noise, 0, 255).astype(np.uint8)

    planes = list(noisy(Everyframe().mark(plain, seed=SEED)))
    payload, gamma = gamma_of(planes, seed=SEED)
    assert payload is None
    assert 0.05 < gamma < 0.3
    assert gamma_of(planes, seed=SEED + 1)[1] < 0.02
    assert gamma_of(list(noisy(plain)), seed=SEED)[1] < 0.02


def test_a_louder_mark_is_heard_better(plain, marked):
    louder = Everyframe(strength=2.0).mark(plain, seed=SEED)
    gammas = [
        Everyframe().read(head(clip, frames=14), seed=SEED).gamma for clip in (marked, louder)
    ]
    assert gammas[1] > 1.5 * gammas[0]


def test_marking_twice_from_the_start_gives_the_same(plain):
    clip = head(Everyframe().mark(plain, seed=SEED), frames=8)
    first, second = ([picture.luma.copy() for picture in clip.pictures()] for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_two_passes_at_a_time_do_not_disturb_each_other(plain):
    clip = head(Everyframe().mark(plain, seed=SEED), frames=8)
    alone = [picture.luma.copy() for picture in clip.pictures()]
    for index, (one, other) in enumerate(zip(clip.pictures(), clip.pictures(), strict=True)):
        assert (one.luma == alone[index]).all()
        assert (other.luma == alone[index]).all()


def test_key_and_message_follow_from_the_seed():
    assert carrier(1) == carrier(1)
    assert message(1) == message(1)
    assert len({carrier(seed).secret for seed in range(50)}) == 50
    assert len({message(seed).content_id for seed in range(50)}) == 50


def test_what_cannot_hold_a_mark_is_refused_at_once(tmp_path):
    clip = open_clip(draw_clip(tmp_path / "small.mp4", frames=2, width=96, height=64))
    with pytest.raises(MediaTooSmall):
        Everyframe().mark(clip, seed=SEED)
    with pytest.raises(OptionError):
        Everyframe(strength=9).mark(_wide(tmp_path), seed=SEED)
    reading = Everyframe().read(clip, seed=SEED)
    assert (reading.recovered, reading.gamma, reading.bit_accuracy) == (False, None, None)


def _wide(folder):
    return open_clip(draw_clip(folder / "wide.mp4", frames=2, width=160, height=128))


def test_whoever_helps_an_attacker(plain, marked):
    ally = Everyframe().accomplice(plain, seed=SEED, stranger=marked)
    copies = ally.copies(2)
    first = [next(iter(clip.pictures())).luma for clip in (plain, *copies, marked)]
    assert all((first[0] != other).any() for other in first[1:])
    assert (first[1] != first[2]).any()
    again = next(iter(ally.mark(marked, seed=99).pictures())).luma
    assert (again != first[3]).any()
    assert ally.stranger() is marked
    with pytest.raises(OptionError):
        Everyframe().accomplice(plain, seed=SEED, stranger=None).stranger()
    with pytest.raises(OptionError):
        ally.copies(0)

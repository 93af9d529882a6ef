"""Recipes of platforms: the rendition that comes out is the one of the recipe."""

from __future__ import annotations

import json
from fractions import Fraction

import av
import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.catalog import kinds
from attacks.clip import on_frames
from attacks.codec.platform import ATTACKS, RECIPES, X
from provenance.clip import VideoSpec
from provenance.errors import OptionError
from provenance.video import open_media
from tests.attacks.heard import chirp, clip_of, heard, lag

BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.fixture
def desk(tmp_path):
    return Desk(folder=tmp_path, threads=2)


def clip(width=640, height=360, rate=Fraction(60), seconds=0.5):
    video = VideoSpec(width=width, height=height, rate=rate)
    return clip_of(chirp(seconds, rate=48_000), rate=48_000, video=video)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_recipe_is_drawn_described_and_replayed(name):
    attack = BY_NAME[name]
    assert attack.encoded
    assert attack.family == "platform"
    for strength in attack.ladder:
        transform = attack.draw(strength, np.random.default_rng(3))
        assert transform == attack.draw(strength, np.random.default_rng(3))
        assert restore(json.loads(json.dumps(describe(transform))), kinds()) == transform


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_renditions_go_down_and_the_worst_is_made_of_a_clip(recipe, desk):
    sides = list(recipe.renditions)
    assert sides == sorted(sides, reverse=True)
    side, source = sides[-1], clip(rate=Fraction(60), seconds=0.25)
    made = recipe.transform(side).apply(source, desk)
    encode = recipe.renditions[side]
    assert min(made.video.width, made.video.height) == min(side, 360)
    assert made.video.rate == min(60, recipe.rate)
    with open_media(made.file) as media:
        assert media.info.codec == encode.codec
        assert media.info.audio_codec == encode.sound_codec
    assert made.duration_s == pytest.approx(0.25, abs=0.04)
    with av.open(str(made.file)) as container:
        rate = container.streams.audio[0].sample_rate
    assert rate == (encode.sound_hz or 48_000)
    assert abs(lag(heard(made), chirp(0.25, rate=rate))) <= rate // 500


def test_portrait_clips_are_as_wide_as_the_rendition_is_high(desk):
    made = X.transform(320).apply(clip(360, 640, seconds=0.2), desk)
    assert (made.video.width, made.video.height) == (320, 568)


def test_surround_sound_becomes_stereo(desk):
    video = VideoSpec(width=64, height=48, rate=Fraction(24))
    source = clip_of(chirp(0.5, rate=48_000, channels=6), rate=48_000, video=video)
    made = BY_NAME["whatsapp"].draw(480, np.random.default_rng(0)).apply(source, desk)
    assert made.audio.channels == 2
    assert np.abs(heard(made)).max() > 0.1


def test_a_cap_is_kept_by_clips_that_are_hard(desk):
    noise = np.random.default_rng(0).integers(0, 256, (36, 180, 320, 3), np.uint8)
    source = clip(320, 180, Fraction(12), seconds=3.0)
    hard = on_frames(source, lambda _, time: noise[round(time * 12)]).muted()
    made = BY_NAME["x"].draw(320, np.random.default_rng(0)).apply(hard, desk)
    assert made.file.stat().st_size * 8 / 3 < 2.2 * 632_000


def test_resharing_crops_shrinks_and_drops_again_and_again(desk):
    source = clip(600, 640, Fraction(30), seconds=0.2)
    made = BY_NAME["reshared"].draw(2, np.random.default_rng(0)).apply(source, desk)
    # To 0.8 of 600 x 640, which 480p leaves, and to 0.8 of that.
    assert (made.video.width, made.video.height) == (384, 410)
    assert made.video.rate == 24


def test_crossposting_goes_through_as_many_platforms_as_it_says():
    rng = np.random.default_rng(1)
    chains = [BY_NAME["crossposted"].draw(3, rng) for _ in range(5)]
    assert all(len(set(chain.steps)) == 3 for chain in chains)
    assert len(set(chains)) > 1


def test_a_rendition_that_a_platform_has_not_is_refused():
    for strength in (721, 0, -5):
        with pytest.raises(OptionError, match="youtube_avc"):
            BY_NAME["youtube_avc"].draw(strength, np.random.default_rng(0))
    with pytest.raises(OptionError):
        BY_NAME["crossposted"].draw(99, np.random.default_rng(0))

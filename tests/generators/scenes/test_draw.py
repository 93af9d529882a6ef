"""Which scenes are drawn, and what is said about them."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest

from generators.scenes import attributes, caption, draw_scene, impacts, is_held_out
from generators.scenes import vocabulary as words
from generators.scenes.captions import WORDS
from provenance.errors import OptionError


def draw(count, *, seed=0, **options):
    rng = random.Random(seed)
    return [draw_scene(rng, duration_s=2.0, **options) for _ in range(count)]


def triple(body):
    return body.shape, body.colour, body.motion


def test_training_never_sees_what_is_held_out():
    specs = draw(1500)
    assert not [b for s in specs for b in s.bodies if is_held_out(*triple(b))]
    held = draw(300, split="held_out")
    assert all(is_held_out(*triple(s.bodies[0])) for s in held)


def test_about_a_tenth_is_held_out_and_every_word_is_seen():
    triples = [(s, c, m) for s in words.SHAPES for c in words.COLOURS for m in words.MOTIONS]
    share = sum(is_held_out(*t) for t in triples) / len(triples)
    assert 0.07 < share < 0.13
    drawn = [attributes(s) for s in draw(1500)]
    for name, known in (
        ("shape", words.SHAPES),
        ("colour", words.COLOURS),
        ("texture", words.TEXTURES),
        ("motion", words.MOTIONS),
        ("background", words.BACKGROUNDS),
        ("camera", words.CAMERAS),
        ("style", words.STYLES),
        ("material", words.MATERIALS),
        ("ambience", words.AMBIENCES),
    ):
        counts = {word: sum(d[name] == word for d in drawn) for word in known}
        assert min(counts.values()) > 1500 / len(known) / 3, (name, counts)


def test_the_same_state_draws_the_same_scene():
    assert draw(5) == draw(5)
    assert draw(5) != draw(5, seed=1)
    one = draw_scene(np.random.default_rng(3), duration_s=1)
    assert one == draw_scene(np.random.default_rng(3), duration_s=1)


def test_a_scene_can_be_pickled_and_printed():
    spec = draw(1)[0]
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec.bodies[0].shape in repr(spec)


def test_impacts_are_in_order_and_in_range():
    for spec in draw(200):
        times = [i.time_s for i in impacts(spec)]
        assert times == sorted(times)
        assert all(0 <= i.strength <= 1 and -1 <= i.pan <= 1 for i in impacts(spec))
        if spec.bodies[0].motion not in words.STRIKING and len(spec.bodies) == 1:
            assert not times


def test_what_strikes_does_so_within_the_clip_as_a_rule():
    specs = [s for s in draw(400) if s.bodies[0].motion in words.STRIKING]
    heard = [any(i.time_s < 2.0 for i in s.bodies[0].impacts) for s in specs]
    assert np.mean(heard) > 0.9


@pytest.mark.parametrize("options", [{"split": "test"}, {"aspect": 0.0}, {"aspect": float("nan")}])
def test_what_cannot_be_drawn_is_refused(options):
    with pytest.raises(OptionError):
        draw(1, **options)
    with pytest.raises(OptionError):
        draw_scene(random.Random(0), duration_s=-1)


def test_captions_name_what_is_seen():
    rng = random.Random(1)
    for spec in draw(300):
        said = caption(spec, rng).lower()
        known = attributes(spec)
        for name in ("shape", "colour"):
            assert any(word in said for word in WORDS[known[name]]), (name, said)
        if known["motion"] != "collide":
            assert any(word in said for word in WORDS[known["motion"]]), said
        assert any(word in said for word in WORDS[known["background"]]), said
        assert said.isascii()
        assert len(said) < 320


def test_captions_vary():
    spec = draw(1)[0]
    rng = random.Random(1)
    assert len({caption(spec, rng) for _ in range(50)}) > 40

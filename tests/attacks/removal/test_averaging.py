from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.removal.averaging import ATTACKS, KINDS, Collude, SubtractStatic, SubtractTile
from provenance.errors import OptionError
from tests.attacks.marked import (
    Friend,
    alike,
    heard,
    lumas,
    marked_clip,
    psnr_between,
    spread_pattern,
)

COPIES = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("averaging")


@pytest.mark.parametrize(
    ("attack", "tiled"), [(SubtractStatic(psnr_db=42.0), False), (SubtractTile(psnr_db=42.0), True)]
)
def test_subtracting_what_is_common_weakens_the_mark_at_the_psnr_asked_for(folder, attack, tiled):
    pattern = spread_pattern(1, tiled=tiled)
    clip = marked_clip(folder / f"{tiled}.mp4", pattern, frames=24)
    attacked = attack.apply(clip, Desk(folder=folder))
    assert heard(clip, pattern) > 0.4
    assert abs(heard(attacked, pattern)) < 0.5 * heard(clip, pattern)
    assert psnr_between(clip, attacked) == pytest.approx(attack.psnr_db, abs=0.7)


def test_a_mean_over_copies_leaves_of_each_mark_its_share(folder):
    """The part of n marks that a reader of one key hears falls as 1/n, against what is left of
    the others, √n of them, as 1/√n.
    """
    patterns = [spread_pattern(seed, levels=3.0) for seed in range(COPIES)]
    clips = [marked_clip(folder / f"c{n}.mp4", p) for n, p in enumerate(patterns)]
    desk = Desk(folder=folder, accomplice=Friend(tuple(clips[1:])))
    original = lumas(marked_clip(folder / "original.mp4", None))
    left = []
    for by in ("mean", "median"):
        mixed = lumas(Collude(copies=COPIES, by=by).apply(clips[0], desk))
        change = np.mean([a - b for a, b in zip(mixed, original, strict=True)], axis=0)
        left.append(change.std() / patterns[0].std())
        assert alike(change, patterns[0]) == pytest.approx(COPIES**-0.5, abs=0.12)
    assert left[0] == pytest.approx(COPIES**-0.5, abs=0.12)


def test_copies_must_be_of_one_original(folder):
    clip = marked_clip(folder / "x.mp4", None)
    longer = marked_clip(folder / "y.mp4", None, frames=20)
    desk = Desk(folder=folder, accomplice=Friend((longer,)))
    with pytest.raises(OptionError):
        Collude(copies=2, by="mean").apply(clip, desk)
    with pytest.raises(OptionError):
        Collude(copies=2, by="mean").apply(clip, replace(desk, accomplice=None))
    with pytest.raises(OptionError):
        Collude(copies=2, by="mode")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_is_drawn_replays(attack, folder):
    transform = attack.draw(attack.default, np.random.default_rng(0))
    again = restore(json.loads(json.dumps(describe(transform))), KINDS)
    assert again == transform
    clips = [marked_clip(folder / f"r{n}.mp4", spread_pattern(n), frames=6) for n in range(3)]
    desk = Desk(folder=folder, accomplice=Friend(tuple(clips[1:])))
    first, second = (t.apply(clips[0], desk) for t in (transform, again))
    for a, b in zip(lumas(first), lumas(second), strict=True):
        assert np.array_equal(a, b)


def test_strengths_that_make_no_sense_are_refused():
    draws = {attack.name: attack.draw for attack in ATTACKS}
    for name, strength in (("subtract_static", 5.0), ("collude_mean", 2.5), ("collude_mean", 1.0)):
        with pytest.raises(OptionError):
            draws[name](strength, np.random.default_rng(0))

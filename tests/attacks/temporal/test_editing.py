"""Cuts and orders: the right frames, on the grid, with their own sound."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk
from attacks.temporal.editing import JumpCut, Loop, Reorder, Reverse, Trim
from provenance.errors import MediaTooShort
from tests.painted import heard, numbered, numbers, times


@pytest.fixture
def desk(tmp_path):
    return Desk(folder=tmp_path)


def assert_sound_follows(out):
    """The sound of every frame's time is that of its number."""
    sound, shown = heard(out), numbers(out)
    assert len(sound) == round(out.duration_s * 8000)
    assert [round(100 * float(sound[800 * n + 400, 0])) for n in range(len(shown))] == shown
    assert times(out) == [Fraction(n, 10) for n in range(len(shown))]


@pytest.mark.parametrize(("start", "first"), [(0.0, 0), (0.5, 8), (1.0, 15)])
def test_an_excerpt(desk, start, first):
    out = Trim(seconds=0.5, start=start).apply(numbered(20), desk)
    assert numbers(out) == list(range(first, first + 5))
    assert out.duration_s == 0.5
    assert_sound_follows(out)


def test_all_of_it_is_an_excerpt_too(desk):
    out = Trim(seconds=2.0, start=0.7).apply(numbered(20), desk)
    assert numbers(out) == list(range(20))


def test_reading_stops_where_the_excerpt_ends(desk):
    clip = numbered(20)
    read = []

    def watched():
        for picture in clip.pictures():
            read.append(picture.time)
            yield picture

    out = Trim(seconds=0.3, start=0.0).apply(clip.changed(pictures=watched), desk)
    assert len(list(out.pictures())) == 3
    assert len(read) <= 4


def test_jump_cuts(desk):
    out = JumpCut(kept_s=0.5, share=0.375, phase=0.4).apply(numbered(20), desk)
    assert numbers(out) == [0, 1, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17]
    assert_sound_follows(out)


def test_blocks_change_places_with_their_sound(desk):
    clip = numbered(23)
    out = Reorder(block_s=0.5, seed=3).apply(clip, desk)
    shown = numbers(out)
    blocks = [shown[n : n + 5] for n in range(0, 20, 5)]
    assert sorted(blocks) == [list(range(n, n + 5)) for n in range(0, 20, 5)]
    assert all(block[0] != 5 * place for place, block in enumerate(blocks))
    assert shown[20:] == [20, 21, 22]
    assert_sound_follows(out)
    other = numbers(Reorder(block_s=0.5, seed=4).apply(clip, desk))
    again = numbers(Reorder(block_s=0.5, seed=3).apply(clip, desk))
    assert (again, other != shown) == (shown, True)


def test_reverse(desk):
    out = Reverse().apply(numbered(12), desk)
    assert numbers(out) == list(range(11, -1, -1))
    assert_sound_follows(out)


def test_twice_reversed_is_as_before(desk):
    clip = numbered(12)
    out = Reverse().apply(Reverse().apply(clip, desk), desk)
    assert np.array_equal(heard(out), heard(clip))
    for one, two in zip(clip.pictures(), out.pictures(), strict=True):
        assert one.time == two.time
        assert all(map(np.array_equal, one.planes, two.planes))


def test_uneven_times_are_reversed_too(desk):
    clip = numbered(4)
    late = [Fraction(0), Fraction(1, 10), Fraction(1, 4), Fraction(3, 10)]

    def pictures():
        for picture, time in zip(clip.pictures(), late, strict=True):
            picture.time = time
            yield picture

    out = Reverse(sound=False).apply(clip.changed(pictures=pictures), desk)
    assert times(out) == [Fraction(0), Fraction(1, 20), Fraction(1, 5), Fraction(3, 10)]
    assert np.array_equal(heard(out), heard(clip))


def test_loops(desk):
    out = Loop(times=3).apply(numbered(5), desk)
    assert numbers(out) == list(range(5)) * 3
    assert out.duration_s == 1.5
    assert_sound_follows(out)


@pytest.mark.parametrize(
    "transform",
    [
        Trim(seconds=3, start=0.5),
        Reorder(block_s=1.1, seed=1),
        JumpCut(kept_s=1.5, share=0.5, phase=0),
    ],
    ids=repr,
)
def test_short_clips_are_refused(transform, desk):
    with pytest.raises(MediaTooShort) as caught:
        transform.apply(numbered(20), desk)
    assert caught.value.code == "media.too_short"
    assert "2.00 s" in caught.value.message
    assert caught.value.hint


def test_silent_clips_stay_silent(desk):
    clip = numbered(20).muted()
    for transform in (
        Trim(seconds=1, start=0.5), Reorder(block_s=0.5, seed=1), Reverse(), Loop(times=2),
    ):  # fmt: skip
        out = transform.apply(clip, desk)
        assert list(out.sound()) == []
        assert numbers(out)


def test_nothing_is_left_in_the_folder(desk):
    clip = numbered(20)
    passing = Reverse().apply(clip, desk).pictures()
    next(passing)
    passing.close()
    list(Reorder(block_s=0.5, seed=1).apply(clip, desk).sound())
    assert list(desk.folder.iterdir()) == []

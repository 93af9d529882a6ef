"""What is planned: every result once, every clip under a name of its own."""

from __future__ import annotations

import shutil
from types import MappingProxyType

import pytest

from attacks.bench.plan import Settings, plan, sources
from attacks.bench.suite import Suite
from tests.drawn import draw_clip


@pytest.fixture
def clips(tmp_path):
    for seed, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        draw_clip(tmp_path / folder / "0001.mp4", frames=2, seed=seed, channels=None)
    return [tmp_path / folder / "0001.mp4" for folder in ("a", "b")]


def test_clips_with_one_name_are_told_apart_by_their_folders(clips, tmp_path):
    third = shutil.copy(clips[0], tmp_path / "b" / "0001.mov")
    third.write_bytes(third.read_bytes() + b"\0")
    fourth = draw_clip(tmp_path / "other.mp4", frames=2, seed=9)
    names = [source.name for source in sources([*clips, third, fourth])]
    assert names == ["a/0001.mp4", "b/0001.mp4", "0001.mov", "other"]


def test_the_same_content_counts_once(clips, tmp_path):
    again = shutil.copy(clips[0], tmp_path / "again.mp4")
    assert [source.path for source in sources([clips[0], again, clips[0]])] == [clips[0]]


def planned(clips, tmp_path, attacks, draws):
    suite = Suite(name="s", summary="", entries=MappingProxyType(attacks), seconds=1.0, draws=draws)
    return plan(suite, sources(clips), ["everyframe"], Settings(seconds=1.0), tmp_path)


def test_what_draws_nothing_is_done_once(clips, tmp_path):
    cells = planned(clips[:1], tmp_path, {"identity": (0,), "film_grain": (8,)}, 3).cells
    assert len({cell.key for cell in cells}) == len(cells)
    done = [(cell.attack, cell.arm) for cell in cells]
    assert done.count(("identity", "marked")) == 1
    assert done.count(("film_grain", "marked")) == 3


def test_two_strengths_of_one_effect_are_two_results(clips, tmp_path):
    cells = planned(clips[:1], tmp_path, {"hflip": (1.0, 2.0)}, 1).cells
    assert [cell.strength for cell in cells] == [1.0, 2.0]


def test_every_system_meets_the_same_draws(clips, tmp_path):
    suite = Suite(name="s", summary="", entries=MappingProxyType({"crop": (0.7,)}), seconds=1.0)
    found = {
        (name, seed): {
            cell.transform["x"]
            for cell in plan(
                suite, sources(clips), [name], Settings(seconds=1.0, seed=seed), tmp_path
            ).cells
        }
        for name in ("everyframe", "everyframe-8f")
        for seed in (0, 1)
    }
    assert found["everyframe", 0] == found["everyframe-8f", 0]
    assert found["everyframe", 0].isdisjoint(found["everyframe", 1])
    assert len(found["everyframe", 0]) == 2  # another draw for another clip


def test_who_has_no_key_is_not_tried_with_a_wrong_one(clips, tmp_path):
    suite = Suite(
        name="s",
        summary="",
        entries=MappingProxyType({"identity": (0,)}),
        seconds=1.0,
        controls=frozenset({"identity"}),
    )
    settings = Settings(seconds=1.0)
    for name, arms in (("everyframe", ["marked", "unmarked", "wrong_key"]),
                       ("dwtdct", ["marked", "unmarked"])):  # fmt: skip
        made = plan(suite, sources(clips[:1]), [name], settings, tmp_path)
        assert [cell.arm for cell in made.cells] == arms

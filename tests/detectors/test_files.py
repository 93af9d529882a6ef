from __future__ import annotations

import pytest

from detectors.files import expand


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a.MOV", "notes.txt", "sub/c.webm", "odd[1].mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_files_keep_their_order_and_come_once(folder):
    assert expand(["b.mp4", "a.MOV", "b.mp4"]) == ("b.mp4", "a.MOV")


def test_a_folder_stands_for_the_videos_under_it(folder):
    assert expand(["."]) == ("a.MOV", "b.mp4", "odd[1].mp4", "sub/c.webm")


def test_patterns(folder):
    assert expand(["*.mp4"]) == ("b.mp4", "odd[1].mp4")
    assert expand(["**/*.webm"]) == ("sub/c.webm",)
    assert expand(["s*"]) == ("sub/c.webm",)
    assert expand([str(folder / "*.txt")]) == (str(folder / "notes.txt"),)


def test_a_name_that_exists_is_no_pattern(folder):
    assert expand(["odd[1].mp4"]) == ("odd[1].mp4",)


def test_what_leads_to_nothing_is_kept(folder):
    assert expand(["gone.mp4", "*.xyz", "empty", "b.mp4"]) == (
        "gone.mp4",
        "*.xyz",
        "empty",
        "b.mp4",
    )

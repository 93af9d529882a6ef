from __future__ import annotations

import io
import os

import pytest

from detectors.files import expand, listed
from provenance.errors import InputError


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


def test_links_in_circles_end(folder):
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "sub" / "self.mp4").symlink_to("self.mp4")
    (folder / "nowhere.mp4").symlink_to("missing.mp4")
    found = ("a.MOV", "b.mp4", "nowhere.mp4", "odd[1].mp4", "sub/c.webm", "sub/self.mp4")
    assert expand(["."]) == found
    assert expand(["**/*.webm"]) == ("sub/c.webm",)
    assert expand([f"{folder}/**/s*.mp4"]) == (f"{folder}/sub/self.mp4",)


def test_pipes_are_left_out(folder):
    os.mkfifo(folder / "pipe.mp4")
    assert "pipe.mp4" not in expand(["."])


def test_names_that_no_file_can_have_are_kept(folder):
    assert expand(["x" * 5000, "b.mp4"]) == ("x" * 5000, "b.mp4")


def test_lists(folder, monkeypatch):
    (folder / "list").write_bytes(b"b.mp4\n\nsub dir/x \xff.mp4\r\nlast")
    assert listed("list") == ("b.mp4", "sub dir/x \udcff.mp4", "last")
    (folder / "list").write_bytes(b"b.mp4\0two\nlines.mp4\0")
    assert listed("list") == ("b.mp4", "two\nlines.mp4")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one.mp4\ntwo.mp4\n")))
    assert listed("-") == ("one.mp4", "two.mp4")
    for missing in ("gone", "sub"):
        with pytest.raises(InputError):
            listed(missing)

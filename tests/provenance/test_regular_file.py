from __future__ import annotations

import os

import pytest

from provenance.errors import InputForbidden, InputMissing, UnsupportedMedia
from provenance.manifest.containers import open_input
from provenance.regular_file import open_regular


def test_a_file_is_read_through_a_link_too(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").symlink_to("a")
    with open_regular(tmp_path / "b") as file:
        assert file.read() == b"123"


def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for opened in (open_regular, open_input):
        with pytest.raises(UnsupportedMedia, match="not a regular file"):
            opened(tmp_path / "pipe.mp4")


@pytest.mark.parametrize(
    ("name", "error"),
    [("none", InputMissing), ("a/b", InputMissing), ("nul\0", InputMissing),
     (".", UnsupportedMedia), ("loop", InputForbidden)],
)  # fmt: skip
def test_what_is_no_file_has_its_error(tmp_path, name, error):
    (tmp_path / "a").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(error):
        open_regular(tmp_path / name)

"""Files that carry their credentials beside them, published by several programs at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from provenance.manifest import publish, sidecar_path

OGG = b"OggS"  # a kind of file that no manifest fits into


@pytest.fixture
def hasty():
    """Threads change places after nearly every step."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_a_file_never_gets_the_sidecar_of_another_one(tmp_path, hasty):
    final = tmp_path / "out.ogg"

    def one(name: str) -> None:
        temporary = tmp_path / f"{name}.ogg"
        temporary.write_bytes(OGG + name.encode())
        publish(temporary, final, name.encode())

    with ThreadPoolExecutor(2) as threads:
        for turn in range(200):
            for _ in threads.map(one, (f"a{turn}", f"b{turn}")):
                pass
            assert final.read_bytes() == OGG + sidecar_path(final).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ogg", "out.ogg.c2pa"]


def test_what_cannot_be_named_leaves_no_sidecar_of_a_hidden_name(tmp_path):
    temporary = tmp_path / "t.ogg"
    temporary.write_bytes(OGG)
    (tmp_path / "out.ogg").mkdir()
    with pytest.raises(OSError, match=r"out\.ogg"):
        publish(temporary, tmp_path / "out.ogg", b"manifest")
    assert not list(tmp_path.glob(".c2pa-*"))

from __future__ import annotations

import io

import pytest

from attacks.forgery.boxes import boxes, manifest_boxes, write_with_boxes
from provenance.manifest.containers import C2PA_BOX


def box(kind: bytes, content: bytes, *, size: int | None = None) -> bytes:
    length = 8 + len(content) if size is None else size
    return length.to_bytes(4, "big") + kind + content


SIGNED = box(b"uuid", C2PA_BOX + b"says who made it")
OTHER = box(b"uuid", bytes(16) + b"somebody else's")


def test_boxes_are_found_one_after_the_other():
    large = (1).to_bytes(4, "big") + b"free" + (20).to_bytes(8, "big") + b"rest"
    file = io.BytesIO(box(b"ftyp", b"isom") + large + OTHER + box(b"mdat", b"to the end", size=0))
    found = list(boxes(file))
    assert [b.kind for b in found] == [b"ftyp", b"free", b"uuid", b"mdat"]
    assert [b.size for b in found] == [12, 20, len(OTHER), 18]
    assert found[2].extended == bytes(16)


@pytest.mark.parametrize("tail", [b"\0\0\0\2mdat", b"\0\0\1\0mdat", b"abc"])
def test_what_is_no_box_ends_them(tail):
    assert [b.kind for b in boxes(io.BytesIO(box(b"ftyp", b"isom") + tail))] == [b"ftyp"]


def test_a_manifest_is_carried_over_and_samples_stay_where_they_are(tmp_path):
    signed, plain, forged = (tmp_path / name for name in ("signed", "plain", "forged"))
    signed.write_bytes(box(b"ftyp", b"isom") + OTHER + SIGNED + box(b"mdat", b"1234"))
    own = box(b"uuid", C2PA_BOX + b"mine")
    plain.write_bytes(box(b"ftyp", b"isom") + own + box(b"mdat", b"abcdef", size=0))
    taken = manifest_boxes(signed)
    assert taken == [SIGNED]
    write_with_boxes(plain, forged, taken)
    assert manifest_boxes(forged) == [SIGNED]
    data = forged.read_bytes()
    assert data.index(b"abcdef") == plain.read_bytes().index(b"abcdef")
    assert b"mine" not in data
    assert [b.kind for b in boxes(io.BytesIO(data))] == [b"ftyp", b"free", b"mdat", b"uuid"]

from __future__ import annotations

import pytest

from provenance.id3 import tag_bytes


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"ID3\x04\x00\x00\x00\x00\x02\x01", 10 + 257),
        (b"ID3\x04\x00\x10\x00\x00\x00\x05", 10 + 5 + 10),
        (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", 10 + (1 << 28) - 1),
        (b"ID3\x04\x00", 0),
        (b"fLaC\x00\x00\x00\x22\x10\x00", 0),
    ],
)
def test_the_length_of_a_tag(head, size):
    assert tag_bytes(head) == size

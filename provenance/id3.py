"""The tag of titles and pictures that files of sound may start with."""

from __future__ import annotations


def tag_bytes(head: bytes) -> int:
    """How long the tag of titles and pictures is that a file starts with; 0 without one.

    ID3v2 counts its bytes in four times seven bits, without its header of ten
    (https://id3.org/id3v2.4.0-structure, §3.1); signers put credentials into it.
    """
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    footer = 10 if head[5] & 0x10 else 0
    return (
        10
        + footer
        + sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
        )
    )

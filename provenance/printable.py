"""Text from outside, safe to show on a terminal and in a page."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` without what could move a terminal's cursor, hide or forge a line."""
    return "".join(char if char.isprintable() else "�" for char in text)

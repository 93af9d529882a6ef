"""What the pages of evaluations are made of, besides the markup of all reports."""

from __future__ import annotations

from detectors.report.markup import Markup, empty, table, tag, text

__all__ = ["Markup", "empty", "number", "section", "table", "tag", "text"]


def section(title: str, *children: Markup, anchor: str) -> Markup:
    return tag("section", tag("h2", text(title)), *children, id=anchor)


def number(value: float | None, digits: int = 1) -> Markup:
    """A dash where nothing was measured."""
    return "–" if value is None else f"{value:,.{digits}f}"

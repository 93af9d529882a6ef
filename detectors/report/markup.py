"""HTML and SVG as strings in which all text from outside is escaped."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

Markup = str
"""Markup that is safe to put into a page: made by the functions of this module."""


def text(value: object) -> Markup:
    """Anything as text, without control characters, safe between tags and in attributes."""
    return html.escape(printable(str(value)), quote=True)


def tag(name: str, /, *children: Markup, **attributes: object) -> Markup:
    """An element. Attributes are escaped, children are markup; ``class_`` is written ``class``,
    ``stroke_width`` ``stroke-width``; None leaves an attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(children)}</{name}>"


def empty(name: str, /, **attributes: object) -> Markup:
    """An HTML element that has no end tag."""
    return tag(name, **attributes).removesuffix(f"</{name}>")


def table(
    caption: str, heads: Iterable[Markup], rows: Iterable[Markup], class_: str | None = None
) -> Markup:
    """``heads``: the content of the columns' headers; ``rows``: whole ``tr`` elements."""
    head = tag("tr", *(tag("th", item, scope="col") for item in heads))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", text(caption)),
            tag("thead", head),
            tag("tbody", *rows),
            class_=class_,
        ),
        class_="scroll",
        tabindex="0",
        # Not a region: a page has many tables, and landmarks are few.
        role="group",
        aria_label=caption,
    )

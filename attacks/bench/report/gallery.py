"""Frames after their attack, embedded in the page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from attacks.bench.report.markup import Markup, empty, tag, text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from attacks.bench.results import Cell

_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_MOST_BYTES = 1 << 20


def gallery(cells: Iterable[Cell], folder: Path) -> Markup:
    """A picture for each attack and strength, by family; those that are missing are left out."""
    families: dict[str, dict[tuple[str, float], Markup]] = {}
    for cell in cells:
        shown = families.setdefault(cell.family, {})
        place = (cell.attack, cell.strength)
        if cell.thumbnail is None or place in shown:
            continue
        source = _embedded(folder, cell.thumbnail)
        if source is None:
            continue
        label = f"{cell.attack} {cell.strength:g}"
        picture = empty("img", src=source, alt=f"A frame after {label} {cell.unit}", loading="lazy")
        shown[place] = tag("figure", picture, tag("figcaption", text(label)))
    return "".join(
        tag("h3", text(family)) + tag("div", *shown.values(), class_="gallery")
        for family, shown in families.items()
        if shown
    )


def _embedded(folder: Path, name: str) -> str | None:
    """The picture as a data URI. Only what lies in the folder: results may be anybody's."""
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            return None
        if path.stat().st_size > _MOST_BYTES:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    for start, kind in _KINDS.items():
        if data.startswith(start):
            return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return None

"""The marks that a store knows, for a search that could read none."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from provenance.errors import OptionError
from provenance.payload import MODELS, SOURCES, Payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.store import Mark, Store

MOST_MARKS = 10_000
"""So many of the newest are looked through: a second of a core, and an energy of γ 0.1 or more."""


def known_marks(store: Store | None) -> Callable[[], list[Payload]] | None:
    """What :class:`~provenance.watermark.ClipDetector` takes as ``known``."""
    if store is None:
        return None
    return lambda: payloads(store.marks(limit=MOST_MARKS))


def payloads(marks: list[Mark]) -> list[Payload]:
    """What ``marks`` can say: a store does not tell how the video was made."""
    numbers = {model.key: model.number for model in MODELS}
    found = []
    for mark, source in product(marks, SOURCES):
        number = numbers.get(mark.model)
        if number is None and mark.model.removeprefix("unknown-").isdigit():
            number = int(mark.model.removeprefix("unknown-"))
        if number is not None:
            # A store that others may write to can hold what no mark can say.
            try:
                content_id = int(mark.content_id, 16)
                found.append(
                    Payload(model=number, day=mark.day, content_id=content_id, source=source)
                )
            except (OptionError, ValueError):
                continue
    return found

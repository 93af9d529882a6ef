"""What a report says of the run beside its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """``seconds``: used of each clip, None for all. ``settings``: what all cells have in common,
    such as the encoder settings of the marked clips. ``versions``: of programs and packages.
    ``cpus``: the only thing that is said of the machine. ``left_out``: clips and systems that have
    no results at all, with the reason of each.
    """

    suite: str
    seconds: float | None = None
    settings: Mapping[str, str | int | float | None] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    cpus: int | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

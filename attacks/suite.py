"""What an evaluation does to every clip: which attacks at which strengths, and the controls."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Strengths = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """``entries``: attack → strengths; an empty tuple stands for the attack's whole ladder.

    ``seconds``: of each clip, from its start. ``draws``: how often what is left to chance is drawn
    anew. ``controls``: attacks that unmarked clips and wrong keys go through as well.
    """

    name: str
    summary: str
    entries: Mapping[str, Strengths]
    seconds: float
    draws: int = 1
    controls: tuple[str, ...] = ("identity",)


QUICK = Suite(
    name="quick",
    summary="minutes: a dozen everyday changes, 3 s of each clip",
    entries=MappingProxyType({"identity": (0.0,)}),
    seconds=3.0,
)

SUITES: Mapping[str, Suite] = MappingProxyType({suite.name: suite for suite in (QUICK,)})

"""The attack that does nothing: what a file loses between its maker and a viewer at the least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attacks.base import Attack

if TYPE_CHECKING:
    import numpy as np

    from attacks.base import Desk
    from attacks.clip import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The clip as it is."""

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        return clip


def _draw(_strength: float, _rng: np.random.Generator) -> Identity:
    return Identity()


KINDS = {"Identity": Identity}
ATTACKS = (
    Attack(
        name="identity",
        family="codec",
        summary="nothing: the marked file as its maker wrote it",
        unit="none",
        ladder=(0.0,),
        default=0.0,
        draw=_draw,
        encoded=True,
    ),
)

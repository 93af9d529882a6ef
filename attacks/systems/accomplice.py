"""What a system's own marking and reading give an attacker, whatever the system is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from attacks.clip import Clip
    from attacks.systems.base import System

_OTHERS = 2_000_003  # between the seeds of copies: no other key of an evaluation is one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAccomplice:
    """An :class:`~attacks.accomplice.Accomplice` for ``original`` as ``system`` marks it.

    ``hears``: what the reader hears as a function that keeps gradients, where there is one.
    ``other``: an unmarked clip of somebody else.
    """

    system: System
    original: Clip
    seed: int
    other: Clip | None
    hears: Callable[[torch.Tensor], torch.Tensor] | None = None

    def copies(self, count: int) -> list[Clip]:
        if count < 1:
            raise OptionError(f"{count} copies are none to work with", hint="ask for 1 or more")
        seeds = (self.seed + _OTHERS * (index + 1) for index in range(count))
        return [self.system.mark(self.original, seed=seed) for seed in seeds]

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        return self.system.mark(clip, seed=seed)

    def listen(self, luma: torch.Tensor) -> torch.Tensor:
        if self.hears is None:
            raise OptionError(
                f"what {self.system.name} hears cannot be followed by gradients",
                hint="attack it without, or attack everyframe",
            )
        return self.hears(luma)

    def stranger(self) -> Clip:
        if self.other is None:
            raise OptionError(
                "there is no second clip to take from or to give to",
                hint="evaluate two clips or more",
            )
        return self.other

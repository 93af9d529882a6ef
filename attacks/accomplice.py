"""What an attacker may have besides a marked clip.

Attacks that remove or forge a mark are as strong as what their author knows. Each says what it
needs (:data:`attacks.base.Need`), and gets it from here: from the evaluation, which knows the
system under attack, or from a user who names files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from attacks.clip import Clip


class Accomplice(Protocol):
    """Who helps an attacker. What cannot be had raises :class:`~provenance.errors.OptionError`."""

    def copies(self, count: int) -> list[Clip]:
        """The same original, marked ``count`` times under other keys (need: ``copies``)."""
        ...

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """``clip`` with a mark of the attacker's own on it (need: ``marker``)."""
        ...

    def listen(self, luma: torch.Tensor) -> torch.Tensor:
        """What the reader hears, keeping gradients: (B, 1, H, W) luma in 0…255 to a map of the
        mark's sign, (B, 1, h, w) (need: ``listener``).
        """
        ...

    def stranger(self) -> Clip:
        """Somebody else's clip, unmarked (need: ``stranger``)."""
        ...

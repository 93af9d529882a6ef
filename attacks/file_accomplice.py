"""Who helps to attack a single file: public code, and files that the user names."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from attacks.clip import Clip, open_clip
from provenance.errors import OptionError
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.payload import NONCE_BITS, Payload

if TYPE_CHECKING:
    from pathlib import Path

    import torch

_DAY = date(2026, 1, 1)  # on whatever day it is replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccomplice:
    """An :class:`~attacks.accomplice.Accomplice` that knows what everybody knows.

    ``others``: the user's further files: marked copies of the same original for collusion, or
    first of all the stranger's clip for forgery. ``used``: those that were opened.
    """

    others: tuple[Path, ...] = ()
    used: set[Path] = field(default_factory=set)

    def check_all_used(self) -> None:
        """Raises :class:`~provenance.errors.OptionError` for files that the attack did not need."""
        unused = [str(path) for path in self.others if path not in self.used]
        if unused:
            raise OptionError(
                f"this attack needs no further file: {', '.join(unused)}",
                hint="leave out what it was given with --with",
            )

    def copies(self, count: int) -> list[Clip]:
        if count > len(self.others):
            raise OptionError(
                f"{count} more marked copies are needed, {len(self.others)} were given",
                hint="name each with --with FILE",
            )
        return [self._opened(path) for path in self.others[:count]]

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """Under the published default key, with a content id of ``seed``."""
        from attacks.marking import marked_by_us

        payload = Payload(model=1, day=_DAY, content_id=seed % (1 << NONCE_BITS))
        return marked_by_us(clip, payload=payload, key=DEFAULT_CARRIER_KEY)

    def listen(self, luma: torch.Tensor) -> torch.Tensor:
        from attacks.removal.listener import listen

        return listen(luma)

    def stranger(self) -> Clip:
        if not self.others:
            raise OptionError(
                "somebody else's clip is needed to forge", hint="name one with --with FILE"
            )
        return self._opened(self.others[0])

    def _opened(self, path: Path) -> Clip:
        self.used.add(path)
        return open_clip(path)

"""What happens to a video out there, as functions that can be replayed, and what survives it.

An attack is a set of drawn parameters and a pure function that applies them. :func:`attack` does
one to a file; ``ltx-bench`` runs :data:`SUITES` of them on clips under watermarks.

Names are resolved on first use (PEP 562), so that ``import attacks`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.lazy_names import lazy_names

if TYPE_CHECKING:
    from attacks.base import Attack, Chain, Desk, Transform
    from attacks.bench.suite import SUITES, Suite
    from attacks.catalog import find_attack
    from attacks.clip import Clip, open_clip
    from attacks.single import attack, replay
    from attacks.systems.base import Reading, System

_HOME = {
    "Attack": "attacks.base",
    "Chain": "attacks.base",
    "Clip": "attacks.clip",
    "Desk": "attacks.base",
    "Reading": "attacks.systems.base",
    "SUITES": "attacks.bench.suite",
    "Suite": "attacks.bench.suite",
    "System": "attacks.systems.base",
    "Transform": "attacks.base",
    "attack": "attacks.single",
    "find_attack": "attacks.catalog",
    "open_clip": "attacks.clip",
    "replay": "attacks.single",
}

__all__ = [
    "SUITES",
    "Attack",
    "Chain",
    "Clip",
    "Desk",
    "Reading",
    "Suite",
    "System",
    "Transform",
    "attack",
    "find_attack",
    "open_clip",
    "replay",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME, __all__)

"""All attacks by name: the project's own, and those that installed packages bring.

A package adds attacks by an entry point of the group ``everyframe.attacks`` that names a module (or
any object) with ``ATTACKS``, a tuple of :class:`~attacks.base.Attack`, and ``KINDS``, its
transforms' classes by name.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from provenance.errors import OptionError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attacks.base import Attack, Transform

GROUP = "everyframe.attacks"
MODULES = (
    "attacks.codec.identity",
    "attacks.codec.encode",
    "attacks.codec.platform",
    "attacks.geometric.frame",
    "attacks.geometric.warps",
    "attacks.geometric.layouts",
    "attacks.photometric.tone",
    "attacks.photometric.noise",
    "attacks.photometric.filters",
    "attacks.photometric.quantise",
    "attacks.overlay.graphics",
    "attacks.temporal.rate",
    "attacks.temporal.mixing",
    "attacks.temporal.editing",
    "attacks.temporal.stills",
    "attacks.rerecord.recording",
    "attacks.removal.averaging",
    "attacks.removal.regeneration",
    "attacks.removal.descent",
    "attacks.forgery.copying",
    "attacks.audio.changes",
)
"""Where the project's own attacks are, in the order in which they are listed."""


@lru_cache(maxsize=1)
def attacks() -> Mapping[str, Attack]:
    """Every attack by its name, family after family.

    Raises :class:`~provenance.errors.OptionError` when two have one name.
    """
    found: dict[str, Attack] = {}
    for module in _modules():
        for attack in module.ATTACKS:
            if attack.name in found:
                raise OptionError(
                    f"two attacks are called {attack.name}",
                    hint=f"rename the one that comes by the entry point group {GROUP}",
                )
            found[attack.name] = attack
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, type[Transform]]:
    """The classes of all transforms by name: what :func:`attacks.base.restore` needs.

    Raises :class:`~provenance.errors.OptionError` when two have one name.
    """
    found: dict[str, type[Transform]] = {}
    for module in _modules():
        for name, kind in module.KINDS.items():
            if found.setdefault(name, kind) is not kind:
                raise OptionError(
                    f"two transforms are called {name}",
                    hint=f"rename the one that comes by the entry point group {GROUP}",
                )
    return MappingProxyType(found)


def find_attack(name: str) -> Attack:
    """The attack of this name. Raises :class:`~provenance.errors.UnknownName` with the nearest."""
    known = attacks()
    if name not in known:
        raise unknown("attack", name, list(known), "ltx-attack --list shows all")
    return known[name]


def unknown(what: str, name: str, known: list[str], hint: str) -> UnknownName:
    """The error for a ``name`` that is none of the ``known``, with the nearest of them."""
    nearest = get_close_matches(name, known, n=1, cutoff=0.4)
    guess = f"did you mean {nearest[0]}? " if nearest else ""
    return UnknownName(f"no {what} is called {name!r}", hint=guess + hint)


def _modules() -> Iterator[Any]:
    """What has ``ATTACKS`` and ``KINDS``, imported."""
    yield from map(import_module, MODULES)
    for entry in entry_points(group=GROUP):
        yield entry.load()

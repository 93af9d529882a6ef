"""All systems under test by name: ours, peers, and those that installed packages bring.

A package adds a system by an entry point of the group ``everyframe.systems``; it names a function
or class that is called without arguments and gives a :class:`~attacks.systems.base.System`. The
entry point's name is the system's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attacks.catalog import unknown
from attacks.systems.packages import missing_package
from provenance.errors import OptionError, PackageMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

    from attacks.systems.base import System

GROUP = "everyframe.systems"

_FACTS = ("name", "version", "medium", "message_bits", "keyed", "frames_most")
_MEMBERS = (*_FACTS, "mark", "read", "accomplice")
_IMWATERMARK = (("imwatermark", "invisible-watermark"), ("pywt", "pywavelets"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """A system of this package: where it is made, of what, and what it imports from whom."""

    module: str
    kind: str
    settings: Mapping[str, Any]
    needs: tuple[tuple[str, str], ...] = ()


_OWN: Mapping[str, _Own] = MappingProxyType(
    {
        "everyframe": _Own(module="everyframe", kind="Everyframe", settings={}),
        # For comparisons in pairs: ours sees no more pictures than the slow peers do.
        "everyframe-8f": _Own(
            module="everyframe",
            kind="Everyframe",
            settings={"name": "everyframe-8f", "frames_most": 8},
        ),
        # With a store of a thousand marks beside it, for what is too faint to be read.
        "everyframe-store": _Own(
            module="everyframe",
            kind="Everyframe",
            settings={"name": "everyframe-store", "stored": 1000},
        ),
        "everyframe-audio": _Own(module="everyframe_audio", kind="EveryframeAudio", settings={}),
        "dwtdct": _Own(
            module="invisible_watermark",
            kind="InvisibleWatermark",
            settings={"method": "dwtDct", "name": "dwtdct"},
            needs=_IMWATERMARK,
        ),
        "dwtdctsvd": _Own(
            module="invisible_watermark",
            kind="InvisibleWatermark",
            settings={"method": "dwtDctSvd", "name": "dwtdctsvd"},
            needs=_IMWATERMARK,
        ),
        "rivagan": _Own(
            module="invisible_watermark",
            kind="InvisibleWatermark",
            settings={"method": "rivaGan", "name": "rivagan"},
            needs=(*_IMWATERMARK, ("onnxruntime", "onnxruntime")),
        ),
        "blind-watermark": _Own(
            module="blind_watermark",
            kind="BlindWatermark",
            settings={},
            needs=(("blind_watermark", "blind-watermark"), ("pywt", "pywavelets")),
        ),
        "perth": _Own(
            module="perth",
            kind="Perth",
            settings={},
            needs=(("perth", "resemble-perth"), ("yaml", "pyyaml")),
        ),
    }
)


def names() -> list[str]:
    """Every system that :func:`find_system` knows, ours first, whether it can run here or not."""
    return list(dict.fromkeys([*_OWN, *(entry.name for entry in entry_points(group=GROUP))]))


@lru_cache
def find_system(name: str) -> System:
    """The system of this name; nothing heavy is loaded yet.

    Raises :class:`~provenance.errors.UnknownName` with the nearest name,
    :class:`~provenance.errors.PackageMissing` for one that cannot be had, and
    :class:`~provenance.errors.OptionError` when two are called so.
    """
    brought = list(entry_points(group=GROUP, name=name))
    if len(brought) + (name in _OWN) > 1:
        raise OptionError(
            f"two systems are called {name}",
            hint=f"rename the one that comes by the entry point group {GROUP}",
        )
    if name in _OWN:
        return _own(name, _OWN[name])
    if not brought:
        raise unknown("system", name, names(), f"known: {', '.join(names())}")
    (entry,) = brought
    return _brought(name, entry)


def _brought(name: str, entry: EntryPoint) -> System:
    """Whatever is wrong with another's package, the others can be tested without it."""
    package = entry.dist.name if entry.dist else entry.value
    try:
        system: System = entry.load()()
    except Exception as error:
        raise PackageMissing(
            f"the system {name} of the package {package} cannot be made:"
            f" {type(error).__name__}: {error}",
            hint=f"install what {package} needs: pip install --upgrade {package}",
        ) from error
    lacking = [member for member in _MEMBERS if not hasattr(system, member)]
    if lacking:
        raise PackageMissing(
            f"the system {name} of the package {package} has no {', '.join(lacking)}",
            hint="attacks.systems.base.System says what a system is",
        )
    return system


def _own(name: str, entry: _Own) -> System:
    for module, package in entry.needs:
        if not _installed(module):
            raise missing_package(package, needed_by=name)
    kind = getattr(import_module(f"attacks.systems.{entry.module}"), entry.kind)
    system: System = kind(**entry.settings)
    return system


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
    except ValueError:  # a module that was put there by hand
        return True

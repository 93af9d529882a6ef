"""What an attack is: parameters that are drawn, and a pure function that applies them.

Drawing and applying are apart, as in kornia's augmentations: what was drawn is data, so that the
same attack can be replayed on another clip, written into a result, and compared between systems.
"""

from __future__ import annotations

import reprlib
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from attacks.accomplice import Accomplice
    from attacks.clip import Clip

Family = Literal[
    "codec",
    "geometric",
    "photometric",
    "overlay",
    "temporal",
    "rerecord",
    "platform",
    "audio",
    "removal",
    "forgery",
]
Need = Literal["copies", "marker", "listener", "stranger"]
"""What an attacker must have besides the marked clip: see :mod:`attacks.accomplice`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where an attack works: ``folder`` takes its scratch files and outlives the clip that it
    returns; ``threads`` for encoders; ``accomplice`` knows the system under attack, or is None.
    """

    folder: Path
    threads: int = 2
    accomplice: Accomplice | None = None

    def new_file(self, suffix: str) -> Path:
        """A name that no other file of the folder has, ending in ``suffix``."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / f"clip{suffix}"

    def require_accomplice(self, attack: str) -> Accomplice:
        """The accomplice. Raises :class:`~provenance.errors.OptionError` where there is none."""
        if self.accomplice is None:
            raise OptionError(
                f"{attack} needs to know the system under attack",
                hint="run it in ltx-bench, which knows it",
            )
        return self.accomplice


class Transform(Protocol):
    """A frozen dataclass of drawn parameters (plain JSON values) that changes a clip."""

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        """The changed clip; the given one stays as it is. Same input, same output."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A kind of change with a ladder of strengths.

    ``unit`` says what a strength is. ``ladder``: strengths from the mildest to the hardest.
    ``default``: the strength when none is named. ``draw`` makes a transform of a strength; whatever
    is left to chance comes from the generator. ``encoded``: its result is a file that an encoder
    wrote; others reach a viewer only through one. ``least_s``: seconds that a clip must have.
    ``hears``: it changes sound only. ``needs``: what it takes besides the clip.
    """

    name: str
    family: Family
    summary: str
    unit: str
    ladder: tuple[float, ...]
    default: float
    draw: Callable[[float, np.random.Generator], Transform]
    encoded: bool = False
    least_s: float = 0.0
    hears: bool = False
    needs: frozenset[Need] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not self.ladder or self.default not in self.ladder:
            raise OptionError(f"{self.name} has no default on its ladder", hint="fix the attack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Transforms one after the other."""

    steps: tuple[Transform, ...]

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        for step in self.steps:
            clip = step.apply(clip, desk)
        return clip


def describe(transform: Transform) -> dict[str, Any]:
    """The transform as JSON values: its kind and what was drawn."""
    if isinstance(transform, Chain):
        return {"kind": "Chain", "steps": [describe(step) for step in transform.steps]}
    return {"kind": type(transform).__name__, **asdict(transform)}  # type: ignore[call-overload]


def restore(record: Mapping[str, Any], kinds: Mapping[str, type[Transform]]) -> Transform:
    """The transform that :func:`describe` made ``record`` of; ``kinds`` are classes by name.

    Raises :class:`~provenance.errors.OptionError` for a record that fits none.
    """
    try:
        values = {name: _plain(value) for name, value in record.items()}
        kind = values.pop("kind")
        if kind == "Chain":
            steps = tuple(restore(step, kinds) for step in values.pop("steps"))
            return Chain(steps=steps, **values)
        hints = get_type_hints(kinds[kind])
        return kinds[kind](**{name: _checked(values[name], hints[name]) for name in values})
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise OptionError(
            f"no attack has the parameters {reprlib.repr(record)}",
            hint="give all parameters, as ltx-attack and ltx-bench print them",
        ) from error


def _checked(value: Any, hint: Any) -> Any:
    if not _fits(value, hint):
        raise TypeError(f"{reprlib.repr(value)} is not {hint}")
    return value


def _plain(value: Any) -> Any:
    """JSON has lists where the parameters have tuples."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` is of the type ``hint``; numbers must be finite. JSON knows no others than
    those here: what else a field is declared as is not judged.
    """
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Literal:
        return value in inner
    if kind in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if kind is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(value) == len(each) and all(map(_fits, value, each))
    if hint in (int, float):
        number = isinstance(value, int if hint is int else (int, float))
        return number and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, hint) if hint in (str, bool, NoneType) else True


def ladder_step(attack: Attack, strength: float | None) -> float:
    """``strength``, or the attack's default. Raises OptionError for what is not a number."""
    if strength is None:
        return attack.default
    if strength != strength or strength in (float("inf"), float("-inf")):  # noqa: PLR0124
        raise OptionError(f"{strength} is no strength", hint=f"{attack.name} takes {attack.unit}")
    return strength


def drawn_seed(rng: np.random.Generator) -> int:
    """A seed for what a transform leaves to chance while it is applied: 0 … 2³¹ − 1."""
    return int(rng.integers(2**31))


def whole_within(name: str, value: float, low: int, high: int) -> int:
    """``value`` as a whole number.

    Raises :class:`~provenance.errors.OptionError` outside ``low`` … ``high`` and between numbers.
    """
    if within(name, value, low, high) != round(value):
        raise OptionError(f"{name} of {value:g} is impossible", hint="give a whole number")
    return int(value)


def within(name: str, value: float, low: float, high: float) -> float:
    """``value``. Raises :class:`~provenance.errors.OptionError` outside ``low`` … ``high``."""
    if not low <= value <= high:
        raise OptionError(f"{name} of {value:g} is impossible", hint=f"{low:g} to {high:g}")
    return value

"""Conditions and how they combine: pure predicates on a result that say what they miss.

After sigstore's verification policies, where ``AllOf`` and ``AnyOf`` combine small ones: one that
fails says in words what is missing, so that nobody has to guess why a file did not pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from detectors.result import Result


class Condition(Protocol):
    """A sentence about a result. ``str()`` of it is its text in the policy language."""

    def failures(self, result: Result) -> tuple[str, ...]:
        """What ``result`` lacks, each as ``condition: what is missing``; empty: it holds."""
        ...


@dataclass(frozen=True, slots=True, init=False)
class All:
    """Every one of ``conditions`` holds; without any, always."""

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)

    def failures(self, result: Result) -> tuple[str, ...]:
        every = (failure for part in self.conditions for failure in part.failures(result))
        return tuple(dict.fromkeys(every))

    def __str__(self) -> str:
        return " and ".join(_grouped(part, Any) for part in self.conditions)


@dataclass(frozen=True, slots=True, init=False)
class Any:
    """At least one of ``conditions`` holds; without any, never."""

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)

    def failures(self, result: Result) -> tuple[str, ...]:
        found = [part.failures(result) for part in self.conditions]
        if not all(found):
            return ()
        reasons = "; ".join(dict.fromkeys(failure for failures in found for failure in failures))
        return (f"{self}: none of them holds ({reasons})",)

    def __str__(self) -> str:
        return " or ".join(_grouped(part, All) for part in self.conditions)


@dataclass(frozen=True, slots=True)
class Not:
    """``condition`` does not hold: nothing says so, which is less than that the opposite is known.

    ``not tampered`` holds where nothing was checked; ``untampered`` does not.
    """

    condition: Condition

    def failures(self, result: Result) -> tuple[str, ...]:
        return () if self.condition.failures(result) else (f"{self}: it is so",)

    def __str__(self) -> str:
        return f"not {_grouped(self.condition, All, Any)}"


def _grouped(part: Condition, *weaker: type) -> str:
    """``part`` in parentheses where it would otherwise be read as something else."""
    several = isinstance(part, (All, Any)) and len(part.conditions) > 1
    return f"({part})" if several and isinstance(part, weaker) else str(part)

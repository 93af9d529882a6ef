"""What a file must fulfil to pass: small predicates, all of which must hold.

``Policy.parse(["trusted", "untampered"])`` is ``--require trusted --require untampered``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.result import Result

Predicate: TypeAlias = Callable[["Result"], str | None]
"""None where the result fulfils it, else what is missing."""


def _present(result: Result) -> str | None:
    return None if result.mark.detected else "no watermark was found"


def _marked(result: Result) -> str | None:
    if result.mark.content_id is not None:
        return None
    return _present(result) or "the message of the watermark could not be read"


def _authenticated(result: Result) -> str | None:
    if result.mark.authenticated:
        return None
    return _marked(result) or "the watermark was placed with the published key"


def _signed(result: Result) -> str | None:
    if not result.manifest.present:
        return "there are no credentials"
    if result.manifest.state in {"valid", "trusted"}:
        return None
    return "the credentials do not verify"


def _trusted(result: Result) -> str | None:
    if result.manifest.state == "trusted":
        return None
    return _signed(result) or "the signer of the credentials is not trusted"


def _untampered(result: Result) -> str | None:
    if result.tampered is None:
        return "tampering could not be ruled out"
    return "signs of tampering were found" if result.tampered else None


def _generated(result: Result) -> str | None:
    return None if result.verdict == "ai_generated" else f"the verdict is {result.verdict}"


def _edited(result: Result) -> str | None:
    return None if result.verdict == "ai_edited" else f"the verdict is {result.verdict}"


def _ai(result: Result) -> str | None:
    found = result.verdict in {"ai_generated", "ai_edited"}
    return None if found else f"the verdict is {result.verdict}"


def _no_ai(result: Result) -> str | None:
    return None if result.verdict == "no_evidence" else f"the verdict is {result.verdict}"


def _readable(result: Result) -> str | None:
    return "the file could not be read" if result.verdict == "unreadable" else None


REQUIREMENTS: dict[str, Predicate] = {
    "marked": _marked,
    "present": _present,
    "authenticated": _authenticated,
    "signed": _signed,
    "trusted": _trusted,
    "untampered": _untampered,
    "ai_generated": _generated,
    "ai_edited": _edited,
    "ai": _ai,
    "no_evidence": _no_ai,
    "readable": _readable,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Requirements by name, all of which must hold. An unreadable file fulfils no policy."""

    names: tuple[str, ...]

    @classmethod
    def parse(cls, names: Iterable[str]) -> Policy:
        """The policy of these names; each may be a comma-separated list.

        Raises :class:`OptionError` for a name that is not in :data:`REQUIREMENTS`.
        """
        parts = tuple(part.strip() for name in names for part in name.split(","))
        for part in parts:
            if part not in REQUIREMENTS:
                raise OptionError(
                    f"unknown requirement {part!r}", hint=f"known: {', '.join(REQUIREMENTS)}"
                )
        return cls(names=parts)

    def failures(self, result: Result) -> tuple[str, ...]:
        """What ``result`` lacks, as ``requirement: what is missing``; empty when it passes."""
        required = dict.fromkeys(("readable", *self.names))
        return tuple(
            f"{name}: {missing}"
            for name in required
            if (missing := REQUIREMENTS[name](result)) is not None
        )

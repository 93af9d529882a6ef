"""The words of the policy language: one small condition for each thing that a result can say."""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from detectors.result import MODIFIED_KINDS, TAMPERING_KINDS
from provenance.errors import OptionError
from provenance.payload import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from detectors.result import Result

_UNREGISTERED = re.compile(r"unknown-\d+")  # as detectors.watermark.model_names calls them


class Fact(ABC):
    """A condition of one word; what it asks is in :meth:`missing`."""

    __slots__ = ()
    word: ClassVar[str]

    @abstractmethod
    def missing(self, result: Result) -> str | None:
        """None where ``result`` fulfils it, else what is missing."""

    def failures(self, result: Result) -> tuple[str, ...]:
        missing = self.missing(result)
        return () if missing is None else (f"{self}: {missing}",)

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Readable(Fact):
    """The file could be opened and looked at."""

    word = "readable"

    def missing(self, result: Result) -> str | None:
        return "the file could not be read" if result.verdict == "unreadable" else None


@dataclass(frozen=True, slots=True)
class Damaged(Fact):
    """The file ends early or breaks on the way: the result speaks of its readable part."""

    word = "damaged"

    def missing(self, result: Result) -> str | None:
        return None if result.error is not None else "the file was read to its end"


@dataclass(frozen=True, slots=True)
class Present(Fact):
    """A mark is there, whether or not its message can be read."""

    word = "present"

    def missing(self, result: Result) -> str | None:
        return None if result.mark.detected else "no watermark was found"


@dataclass(frozen=True, slots=True)
class Marked(Fact):
    """The message of a mark was read."""

    word = "marked"

    def missing(self, result: Result) -> str | None:
        if result.mark.content_id is not None:
            return None
        return Present().missing(result) or "the message of the watermark could not be read"


@dataclass(frozen=True, slots=True)
class Authenticated(Fact):
    """The mark was placed with a private key."""

    word = "authenticated"

    def missing(self, result: Result) -> str | None:
        if result.mark.authenticated:
            return None
        return Marked().missing(result) or "the watermark was placed with the published key"


@dataclass(frozen=True, slots=True)
class Signed(Fact):
    """There are credentials and they verify, whoever signed them."""

    word = "signed"

    def missing(self, result: Result) -> str | None:
        if not result.manifest.present:
            return "there are no credentials"
        if result.manifest.state in {"valid", "trusted"}:
            return None
        return "the credentials do not verify"


@dataclass(frozen=True, slots=True)
class Trusted(Fact):
    """The credentials verify, and their signer is trusted here."""

    word = "trusted"

    def missing(self, result: Result) -> str | None:
        if result.manifest.state == "trusted":
            return None
        return Signed().missing(result) or "the signer of the credentials is not trusted"


@dataclass(frozen=True, slots=True)
class Recovered(Fact):
    """The file had lost its credentials and the mark led back to them."""

    word = "recovered"

    def missing(self, result: Result) -> str | None:
        if result.manifest.source == "recovered":
            return None
        return "the credentials were not recovered from a store"


@dataclass(frozen=True, slots=True)
class Untampered(Fact):
    """Tampering was checked, and no sign of it was found."""

    word = "untampered"

    def missing(self, result: Result) -> str | None:
        if result.tampered is None:
            return "tampering could not be ruled out"
        return "signs of tampering were found" if result.tampered else None


@dataclass(frozen=True, slots=True)
class Tampered(Fact):
    """Signs of tampering were found; with ``kind``, that one: ``tampered("inserted")``.

    Raises :class:`~provenance.errors.OptionError` for a kind that no result can hold: a rule that
    never applies would let pass what it was written for.
    """

    word = "tampered"
    kind: str | None = None

    def __post_init__(self) -> None:
        if self.kind is not None:
            _known(self.word, self.kind, TAMPERING_KINDS)

    def missing(self, result: Result) -> str | None:
        if self.kind is None:
            return None if result.tampered else "no sign of tampering was found"
        if any(sign.kind == self.kind for sign in result.tampering):
            return None
        return "no such sign of tampering was found"

    def __str__(self) -> str:
        return _called(self.word, self.kind)


@dataclass(frozen=True, slots=True)
class Unchecked(Fact):
    """Whether the file was tampered with was not, or not completely, checked."""

    word = "unchecked"

    def missing(self, result: Result) -> str | None:
        return None if result.tampered is None else "tampering was checked"


@dataclass(frozen=True, slots=True)
class Modified(Fact):
    """The file went through ordinary handling; with ``kind``, that one: ``modified("cropped")``.

    Raises :class:`~provenance.errors.OptionError` for a kind that no result can hold.
    """

    word = "modified"
    kind: str | None = None

    def __post_init__(self) -> None:
        if self.kind is not None:
            _known(self.word, self.kind, MODIFIED_KINDS)

    def missing(self, result: Result) -> str | None:
        if self.kind is None:
            return None if result.modified else "no ordinary handling was found"
        return None if self.kind in result.modified else "it was not found"

    def __str__(self) -> str:
        return _called(self.word, self.kind)


class _Verdict(Fact):
    __slots__ = ()
    names: ClassVar[frozenset[str]]

    def missing(self, result: Result) -> str | None:
        return None if result.verdict in self.names else f"the verdict is {result.verdict}"


@dataclass(frozen=True, slots=True)
class AiGenerated(_Verdict):
    """The verdict is ``ai_generated``."""

    word = "ai_generated"
    names = frozenset({"ai_generated"})


@dataclass(frozen=True, slots=True)
class AiEdited(_Verdict):
    """The verdict is ``ai_edited``."""

    word = "ai_edited"
    names = frozenset({"ai_edited"})


@dataclass(frozen=True, slots=True)
class Ai(_Verdict):
    """The verdict is ``ai_generated`` or ``ai_edited``."""

    word = "ai"
    names = frozenset({"ai_generated", "ai_edited"})


@dataclass(frozen=True, slots=True)
class NoEvidence(_Verdict):
    """The verdict is ``no_evidence``: nothing that speaks of AI, which proves nothing."""

    word = "no_evidence"
    names = frozenset({"no_evidence"})


@dataclass(frozen=True, slots=True)
class Conflicting(_Verdict):
    """The verdict is ``conflicting``: the mark and the credentials contradict each other."""

    word = "conflicting"
    names = frozenset({"conflicting"})


@dataclass(frozen=True, slots=True)
class Model(Fact):
    """The mark, or credentials that verify, name the model ``key``: ``model("ltx-2.3")``.

    ``key``: of the registry, or ``unknown-7`` for a number that it does not hold. Raises
    :class:`~provenance.errors.OptionError` for any other.
    """

    word = "model"
    key: str

    def __post_init__(self) -> None:
        if _UNREGISTERED.fullmatch(self.key) is None:
            _known(self.word, self.key, [model.key for model in MODELS])

    def missing(self, result: Result) -> str | None:
        named = [result.mark.model]
        if result.manifest.state in {"valid", "trusted"}:
            named.append(result.manifest.model)
        if self.key in named:
            return None
        known = sorted({name for name in named if name})
        return f"it names {' and '.join(known)}" if known else "no model is named"

    def __str__(self) -> str:
        return _called(self.word, self.key)


@dataclass(frozen=True, slots=True)
class Issuer(Fact):
    """The credentials verify and were signed by ``name``: ``issuer("Example Studio")``.

    A name proves nothing unless its signer is trusted: ``trusted and issuer("Example Studio")``.
    Raises :class:`~provenance.errors.OptionError` for an empty name.
    """

    word = "issuer"
    name: str

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise OptionError("issuer of no name", hint="write the name that signed, in quotes")

    def missing(self, result: Result) -> str | None:
        unsigned = Signed().missing(result)
        if unsigned is not None or result.manifest.issuer == self.name:
            return unsigned
        return f"the credentials were signed by {result.manifest.issuer or 'nobody named'}"

    def __str__(self) -> str:
        return _called(self.word, self.name)


def _known(word: str, argument: str, known: Sequence[str]) -> None:
    if argument in known:
        return
    close = difflib.get_close_matches(argument.lower(), known, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]}? " if close else ""
    raise OptionError(f"{word} of unknown {argument!r}", hint=f"{meant}known: {', '.join(known)}")


def _called(word: str, argument: str | None) -> str:
    if argument is None:
        return word
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'{word}("{escaped}")'


_PLAIN: tuple[type[Fact], ...] = (
    Marked,
    Present,
    Authenticated,
    Signed,
    Trusted,
    Recovered,
    Untampered,
    Tampered,
    Unchecked,
    Modified,
    AiGenerated,
    AiEdited,
    Ai,
    NoEvidence,
    Conflicting,
    Readable,
    Damaged,
)

FACTS: dict[str, Callable[[], Fact]] = {fact.word: fact for fact in _PLAIN}
"""Words that stand alone, in the order in which help lists them."""

WITH_ARGUMENT: dict[str, Callable[[str], Fact]] = {
    "tampered": Tampered,
    "modified": Modified,
    "model": Model,
    "issuer": Issuer,
}
"""Words that take one argument in quotes."""

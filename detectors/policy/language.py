"""The policy language: words, ``and``, ``or``, ``not``, parentheses; a comma is an ``and``.

::

    condition = all { "or" all }
    all       = one { ("and" | ",") one }
    one       = "not" one | "(" condition ")" | word [ "(" text ")" ]
    text      = a word's argument in double or single quotes

``not`` binds closest, then ``and``, then ``or``. Words: :data:`detectors.policy.facts.FACTS`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from detectors.policy.condition import All, Any, Condition, Not
from detectors.policy.facts import FACTS, WITH_ARGUMENT
from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CHARACTERS = 10_000
MAX_DEPTH = 50
KEYWORDS = ("and", "or", "not")
_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_][\w-]*)|(?P<mark>[(),])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))"""
)
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # word, mark, text or end
    text: str
    column: int


def parse_condition(text: str, *, where: str = "") -> Condition:
    """The condition that ``text`` states.

    ``where`` names its place for messages, such as ``policy.toml, line 7``. Raises
    :class:`~provenance.errors.OptionError` with the column, and the nearest word that there is.
    """
    return _Parser(text, where).condition()


def parse_requirements(texts: Iterable[str]) -> Condition:
    """All of ``texts`` must hold, and the file must be readable: what ``--require`` means.

    Raises :class:`~provenance.errors.OptionError`.
    """
    conditions = [parse_condition(text) for text in texts]
    flat = [
        part for one in conditions for part in (one.conditions if isinstance(one, All) else [one])
    ]
    return All(FACTS["readable"](), *dict.fromkeys(flat))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` was meant to be, or None."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return found[0] if found else None


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._tokens = self._scan()
        self._at = 0
        self._depth = 0

    def condition(self) -> Condition:
        if self._next.kind == "end":
            self._fail("there is no condition", self._next, "write one, such as: marked")
        found = self._either()
        if self._next.kind != "end":
            self._fail(
                f"unexpected {self._next.text!r}",
                self._next,
                "join conditions by and, or, or a comma",
            )
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _either(self) -> Condition:
        parts = [self._every()]
        while self._next.kind == "word" and self._next.text.lower() == "or":
            self._take()
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else Any(*parts)

    def _every(self) -> Condition:
        parts = [self._one()]
        while self._next.text == "," or (
            self._next.kind == "word" and self._next.text.lower() == "and"
        ):
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(*parts)

    def _one(self) -> Condition:
        token = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail("nested too deeply", token, f"at most {MAX_DEPTH} levels")
        try:
            if token.kind == "word" and token.text.lower() == "not":
                return Not(self._one())
            if token.text == "(" and token.kind == "mark":
                inner = self._either()
                self._expect(")", "close the parenthesis")
                return inner
            if token.kind == "word" and token.text.lower() not in KEYWORDS:
                return self._fact(token)
        finally:
            self._depth -= 1
        found = repr(token.text) if token.text else "the end"
        return self._fail(f"a condition is missing before {found}", token, f"words: {_words()}")

    def _fact(self, token: _Token) -> Condition:
        word = token.text.lower().replace("-", "_")
        if word not in FACTS and word not in WITH_ARGUMENT:
            close = nearest(word, [*FACTS, *WITH_ARGUMENT, *KEYWORDS])
            meant = f"did you mean {close}? " if close else ""
            self._fail(f"unknown requirement {token.text!r}", token, f"{meant}known: {_words()}")
        if self._next.text != "(" or self._next.kind != "mark":
            if word not in FACTS:
                self._fail(f"{word} needs an argument", token, f'write {word}("…")')
            return FACTS[word]()
        if word not in WITH_ARGUMENT:
            self._fail(f"{word} takes no argument", self._next, f"write {word} alone")
        self._take()
        argument = self._take()
        if argument.kind != "text":
            self._fail(f"{word} needs text in quotes", argument, f'write {word}("…")')
        self._expect(")", "close the parenthesis")
        try:
            return WITH_ARGUMENT[word](_ESCAPE.sub(r"\1", argument.text[1:-1]))
        except OptionError as error:
            return self._fail(error.message, argument, error.hint or "")

    def _expect(self, mark: str, hint: str) -> None:
        token = self._take()
        if token.text != mark or token.kind != "mark":
            found = repr(token.text) if token.text else "the end"
            self._fail(f"{mark!r} is missing before {found}", token, hint)

    def _scan(self) -> list[_Token]:
        if len(self._text) > MAX_CHARACTERS:
            raise OptionError(
                f"{self._place()}a condition of {len(self._text)} characters",
                hint=f"at most {MAX_CHARACTERS}",
            )
        tokens, at = [], 0
        end = len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                wrong = _Token("mark", self._text[start], start + 1)
                quoted = wrong.text in "\"'"
                hint = "close the quotation mark" if quoted else "use words, and, or, not, ( )"
                self._fail(f"unexpected {wrong.text!r}", wrong, hint)
            kind = match.lastgroup or ""
            tokens.append(_Token(kind, match[kind], match.start(kind) + 1))
            at = match.end()
        return [*tokens, _Token("end", "", end + 1)]

    def _fail(self, what: str, token: _Token, hint: str) -> NoReturn:
        message = f"{self._place()}{what} at column {token.column} of {self._text.strip()!r}"
        raise OptionError(message, hint=hint)

    def _place(self) -> str:
        return f"{self._where}: " if self._where else ""


def _words() -> str:
    arguments = [f'{word}("…")' for word in WITH_ARGUMENT if word not in FACTS]
    return ", ".join([*FACTS, *arguments])

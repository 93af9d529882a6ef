"""Policies: ordered rules from a result to an action. The first rule that holds decides.

::

    # uploads.toml
    version = "2026-11-25"       # yours: every decision names it
    default = "allow"            # where no rule holds
    unreadable = "review"        # for files that could not be read; no rule is asked about them

    [[rule]]
    when = "tampered or conflicting"
    action = "review"
    reason = "what it says of itself does not fit"

    [[rule]]
    when = "ai"
    action = "label"
    reason = "made with AI"
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from detectors.policy.language import nearest, parse_condition
from detectors.result import Action, Decision
from provenance.errors import InputForbidden, InputMissing, OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from detectors.policy.condition import Condition
    from detectors.result import Result

ACTIONS: tuple[Action, ...] = get_args(Action)
PASSING: frozenset[Action] = frozenset({"allow", "label"})
"""Actions after which a file is shown to people."""
MAX_BYTES = 1 << 20
_TOP = ("version", "name", "format", "default", "unreadable", "rule")
_RULE = ("when", "action", "reason")
_FORMAT = 1
_BY_DEFAULT = "no rule holds"
_UNREADABLE = "the file could not be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where ``when`` holds, ``action`` follows, for ``reason``."""

    when: Condition
    action: Action
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Ordered rules. ``version`` and ``name`` are the operator's.

    ``digest``: SHA-256, in hex, of the file that it was read from; of :meth:`text` where it was
    made in Python. ``unreadable`` is for files that could not be read: what a rule asks is not
    known of them, and a ``not`` would hold for that reason alone.
    """

    rules: tuple[Rule, ...] = ()
    default: Action = "review"
    unreadable: Action = "review"
    version: str = ""
    name: str = ""
    digest: str = ""

    def decide(self, result: Result) -> Decision:
        """What to do with the file of ``result``: pure, the first rule that holds."""
        if result.verdict == "unreadable":
            return self._decision(self.unreadable, _UNREADABLE, None)
        for number, rule in enumerate(self.rules, start=1):
            if not rule.when.failures(result):
                return self._decision(rule.action, rule.reason or str(rule.when), number)
        return self._decision(self.default, _BY_DEFAULT, None)

    def text(self) -> str:
        """The policy as TOML."""
        lines = [f"format = {_FORMAT}"]
        keys = ("version", "name", "default", "unreadable")
        lines += [f"{key} = {_quoted(getattr(self, key))}" for key in keys]
        for rule in self.rules:
            lines += ["", "[[rule]]", f"when = {_quoted(str(rule.when))}"]
            lines += [f"action = {_quoted(rule.action)}", f"reason = {_quoted(rule.reason)}"]
        return "\n".join([*lines, ""])

    def _decision(self, action: Action, reason: str, rule: int | None) -> Decision:
        digest = self.digest or hashlib.sha256(self.text().encode()).hexdigest()
        return Decision(
            action=action,
            reason=reason,
            rule=rule,
            policy_name=self.name,
            policy_version=self.version,
            policy_sha256=digest,
        )


def load_policy(path: Path) -> Policy:
    """The policy in the TOML file at ``path``; its name is the file's unless it gives one.

    Raises :class:`~provenance.errors.OptionError`, which names the line, and the nearest word where
    one is unknown; :class:`~provenance.errors.InputMissing` or
    :class:`~provenance.errors.InputForbidden` for a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputMissing(f"{path} does not exist", hint="check the path") from error
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise InputForbidden(message, hint="check that it is a file you may read") from error
    if len(data) > MAX_BYTES:
        raise OptionError(f"{path} is too large for a policy", hint=f"at most {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")  # some editors begin files with a mark of their order
    except UnicodeDecodeError as error:
        raise OptionError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    return parse_policy(text, where=str(path), name=path.stem)


def parse_policy(text: str, *, where: str = "policy", name: str = "") -> Policy:
    """The policy in the TOML ``text``; ``where`` names it in messages.

    Raises :class:`~provenance.errors.OptionError`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(
            f"{where} is not valid TOML: {error}",
            hint='texts stand in quotes: default = "allow"; rules begin with [[rule]]',
        ) from error
    reader = _Reader(text, where)
    reader.check_names(document, _TOP, None)
    if document.get("format", _FORMAT) != _FORMAT:
        reader.fail("format", f"format {document['format']!r} is not known here", "use format = 1")
    if "version" not in document:
        reader.fail(None, "there is no version", 'give it one: version = "2026-11-25"')
    rules = document.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        reader.fail("rule", "rule is not a list of tables", "write [[rule]] before each")
    return Policy(
        rules=tuple(reader.rule(rule, number) for number, rule in enumerate(rules)),
        default=reader.action(document, "default", None, otherwise="review"),
        unreadable=reader.action(document, "unreadable", None, otherwise="review"),
        version=reader.string(document, "version", None),
        name=reader.string(document, "name", None) or name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


class _Reader:
    """Takes values out of a document, and knows the lines that they stand on."""

    def __init__(self, text: str, where: str) -> None:
        self._lines = text.splitlines()
        self._where = where

    def rule(self, rule: Mapping[str, Any], number: int) -> Rule:
        self.check_names(rule, _RULE, number)
        for key in ("when", "action"):
            if key not in rule:
                self.fail(
                    None, f"the rule has no {key!r}", "every rule has when and action", number
                )
        place = self._place("when", number)
        return Rule(
            when=parse_condition(self.string(rule, "when", number), where=place),
            action=self.action(rule, "action", number, otherwise="review"),
            reason=self.string(rule, "reason", number),
        )

    def action(
        self, table: Mapping[str, Any], key: str, number: int | None, *, otherwise: Action
    ) -> Action:
        value = self.string(table, key, number) or otherwise
        for action in ACTIONS:
            if value == action:
                return action
        close = nearest(value, ACTIONS)
        meant = f"did you mean {close}? " if close else ""
        return self.fail(
            key, f"unknown action {value!r}", f"{meant}known: {', '.join(ACTIONS)}", number
        )

    def string(self, table: Mapping[str, Any], key: str, number: int | None) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            self.fail(key, f"{key} is not text", f'write {key} = "…"', number)
        return value

    def check_names(
        self, table: Mapping[str, Any], known: tuple[str, ...], number: int | None
    ) -> None:
        for key in table:
            if key not in known:
                close = nearest(key, known)
                meant = f"did you mean {close}? " if close else ""
                hint = f"{meant}known here: {', '.join(known)}"
                self.fail(key, f"unknown setting {key!r}", hint, number)

    def fail(self, key: str | None, what: str, hint: str, number: int | None = None) -> NoReturn:
        raise OptionError(f"{self._place(key, number)}: {what}", hint=hint)

    def _place(self, key: str | None, number: int | None = None) -> str:
        """``uploads.toml, line 7``: the line of ``key`` in the rule ``number``, or of its head."""
        line = self._line(key, number)
        return self._where if line is None else f"{self._where}, line {line}"

    def _line(self, key: str | None, number: int | None) -> int | None:
        rule, head = -1, None
        assigned = None if key is None else re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""")
        for index, line in enumerate(self._lines, start=1):
            if re.match(r"\s*\[", line):
                rule += 1
                if rule == (number or 0) and (number is not None or key == "rule"):
                    head = index
            within = rule == (-1 if number is None else number)
            if within and assigned is not None and assigned.match(line):
                return index
        return head


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'

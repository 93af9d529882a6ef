from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from detectors import verdict as verdict_module
from detectors.signals import signals_of
from detectors.verdict import Signals, decide
from tests.result_facts import manifest, mark, segments

VALUES = {
    "readable": (True, False),
    "mark": get_args(verdict_module.Mark),
    "mark_claim": get_args(verdict_module.Claim),
    "credentials": get_args(verdict_module.Credentials),
    "claim": get_args(verdict_module.Claim),
    "agreement": get_args(verdict_module.Agreement),
    "content": get_args(verdict_module.Content),
    "medium": get_args(verdict_module.Medium),
    "extent": get_args(verdict_module.Extent),
}
READ, GOOD, AI = {"public", "private"}, {"valid", "trusted"}, {"generated", "edited"}


def table():
    """The rows of ``verdicts.tsv``: for each signal the set of values, and the verdict."""
    text = Path(__file__).with_name("verdicts.tsv").read_text()
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    heads, *rows = lines
    assert heads == [*VALUES, "verdict"]

    def allowed(name, cell):
        found = VALUES[name] if cell == "*" else cell.split("|")
        if name == "readable" and cell != "*":
            found = [cell == "yes"]
        assert set(found) <= set(VALUES[name]), (name, cell)
        return frozenset(found)

    return [
        ([allowed(name, cell) for name, cell in zip(VALUES, row, strict=False)], row[-1])
        for row in rows
    ]


def combinations():
    return product(*VALUES.values())


def signals(values):
    return Signals(**dict(zip(VALUES, values, strict=True)))


def test_every_combination_has_the_verdict_of_its_one_row():
    rows = table()
    counts = Counter()
    for values in combinations():
        fitting = [
            name
            for sets, name in rows
            if all(value in each for value, each in zip(values, sets, strict=True))
        ]
        assert fitting == [decide(signals(values)).name], values
        counts[fitting[0]] += 1
    assert sum(counts.values()) == 41_472
    assert set(counts) == {
        *("ai_generated", "ai_edited", "no_evidence", "conflicting", "unreadable")
    }


def test_what_holds_for_all_combinations():
    for values in combinations():
        one = signals(values)
        verdict = decide(one)
        said = " ".join(verdict.reasons).lower()
        assert verdict.reasons
        assert "authentic" not in said
        assert "human" not in said
        if not one.readable:
            continue
        by_mark = one.mark in READ and one.mark_claim in AI
        by_credentials = one.credentials in GOOD and one.claim in AI
        if verdict.name in {"ai_generated", "ai_edited"}:
            # Nothing is called AI that neither a mark nor good credentials call so.
            assert by_mark or by_credentials
            assert one.content != "other" or not (one.mark in READ or one.credentials in GOOD)
        if verdict.name == "no_evidence":
            assert not by_mark
            assert not by_credentials
            assert "no evidence of ai is not evidence against it" in said
        if verdict.name == "conflicting":
            grounds = ("copied", "come from another file", "different sources", "neither proof")
            assert any(ground in said for ground in grounds)


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("mark", "public", "private"),
        ("mark", "none", "unread"),
        ("credentials", "valid", "trusted"),
        ("content", "unknown", "same"),
        ("extent", "unknown", "whole"),
        ("medium", "pictures", "sound"),
    ],
)
def test_what_changes_the_reasons_and_never_the_name(field, one, other):
    """Who vouches for a statement is told beside it, and does not change the statement."""
    for values in combinations():
        first = signals(values)
        if getattr(first, field) == one:
            assert decide(first).name == decide(replace(first, **{field: other})).name


def test_reasons_name_who_can_have_placed_the_mark():
    public, private = (decide(Signals(mark=mark)).reasons[0] for mark in ("public", "private"))
    assert "anybody can place" in public
    assert "only the holders of a private key" in private


def test_a_mark_that_says_nothing_is_named_and_decides_nothing():
    unread, none = (decide(Signals(mark=mark)) for mark in ("unread", "none"))
    assert unread.name == none.name == "no_evidence"
    assert unread.reasons[0] == "a watermark is present but its message could not be read"
    assert unread.reasons[1:] == none.reasons[1:]


@pytest.mark.parametrize(
    ("letters", "bound", "extent"),
    [
        ("mmmmm", None, "whole"),
        ("mmmuu", None, "whole"),
        ("muuuu", None, "part"),
        ("m????", None, "whole"),
        ("?????", None, "unknown"),
        ("", None, "unknown"),
        # The signer vouches for every byte.
        ("muuuu", True, "unknown"),
        ("muuuu", False, "part"),
    ],
)
def test_how_much_of_the_file_is_marked(letters, bound, extent):
    credentials = manifest(source="recovered", binding_ok=bound)
    assert signals_of(mark(segments=segments(letters)), credentials).extent == extent


def test_a_short_generated_part_does_not_make_the_rest_generated():
    facts = mark(source="generated", segments=segments("muuuuu"))
    verdict = decide(signals_of(facts, type(manifest())(present=False)))
    assert verdict.name == "ai_edited"
    assert "less than half of the file carries the watermark" in verdict.reasons

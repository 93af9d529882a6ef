from __future__ import annotations

import itertools
import random

import pytest

from detectors.policy import FACTS, All, Any, Issuer, Marked, Not, Signed, Tampered, parse_condition
from provenance.errors import OptionError
from tests.result_facts import result

M, S, T = Marked(), Signed(), Tampered()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("marked", M),
        ("MARKED", M),
        ("ai-generated", FACTS["ai_generated"]()),
        ("marked,signed", All(M, S)),
        ("marked and signed", All(M, S)),
        ("marked or signed and tampered", Any(M, All(S, T))),
        ("(marked or signed) and tampered", All(Any(M, S), T)),
        ("marked or signed, tampered", Any(M, All(S, T))),
        ("not marked and signed", All(Not(M), S)),
        ("not (marked and signed)", Not(All(M, S))),
        ("not not marked", Not(Not(M))),
        ('tampered("inserted")', Tampered("inserted")),
        ("issuer('a \"b\" \\'c\\' \\\\ ')", Issuer("a \"b\" 'c' \\ ")),
        ("  ( ( marked ) )  ", M),
    ],
)
def test_text_becomes_a_condition(text, expected):
    assert parse_condition(text) == expected


def evaluated(condition, facts):
    """By Python's own rules."""
    if isinstance(condition, All):
        return all(evaluated(part, facts) for part in condition.conditions)
    if isinstance(condition, Any):
        return any(evaluated(part, facts) for part in condition.conditions)
    if isinstance(condition, Not):
        return not evaluated(condition.condition, facts)
    return facts[condition]


def drawn(rng, depth):
    kind = rng.choice("fffanao" if depth else "f")
    if kind == "f":
        return rng.choice([M, T])
    if kind == "n":
        return Not(drawn(rng, depth - 1))
    parts = [drawn(rng, depth - 1) for _ in range(rng.randint(2, 3))]
    return (All if kind == "a" else Any)(*parts)


def test_text_and_condition_mean_the_same():
    rng = random.Random(1)
    for _ in range(300):
        condition = drawn(rng, 4)
        again = parse_condition(str(condition))
        for marked, tampered in itertools.product((True, False), repeat=2):
            changes = {} if marked else {"watermark": type(result().watermark)(detected=False)}
            one = result(tampered=tampered, **changes)
            expected = evaluated(condition, {M: marked, T: tampered})
            assert (condition.failures(one) == ()) is expected
            assert (again.failures(one) == ()) is expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "no condition at column 1", "marked"),
        ("trusstd", "unknown requirement 'trusstd' at column 1", "did you mean trusted?"),
        ("marked and untamperd", "'untamperd' at column 12", "did you mean untampered?"),
        ("marked signed", "unexpected 'signed' at column 8", "join"),
        ("marked and", "missing before the end at column 11", "words: "),
        ("and marked", "missing before 'and' at column 1", "words: "),
        ("(marked", "')' is missing before the end at column 8", "close"),
        ("marked)", "unexpected ')' at column 7", "join"),
        ("marked & signed", "unexpected '&' at column 8", "and"),
        ('model("x', "unexpected '\"' at column 7", "quotation"),
        ("model", "model needs an argument", 'model("…")'),
        ("model(x)", "model needs text in quotes", 'model("…")'),
        ('marked("x")', "marked takes no argument", "alone"),
        ('marked, tampered("nope")', "tampered of unknown 'nope' at column 18", "known: inserted,"),
        ('tampered("insert")', "tampered of unknown 'insert'", "did you mean inserted?"),
        ('modified("overlay")', "modified of unknown 'overlay'", "known: cropped,"),
        ('model("ltx-2.2")', "model of unknown 'ltx-2.2'", "did you mean ltx-2.3?"),
        ('issuer(" ")', "issuer of no name at column 8", "write the name"),
        ("(" * 60 + "marked" + ")" * 60, "nested too deeply", "50"),
        ("not " * 60 + "marked", "nested too deeply", "50"),
        ("marked or " * 2000 + "marked", "characters", "10000"),
    ],
)
def test_mistakes_name_place_and_remedy(text, message, hint):
    with pytest.raises(OptionError) as caught:
        parse_condition(text, where="policy.toml, line 7")
    assert caught.value.message.startswith("policy.toml, line 7: ")
    assert message in caught.value.message
    assert hint in caught.value.hint

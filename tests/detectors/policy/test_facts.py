from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.policy import (
    FACTS,
    All,
    Any,
    Issuer,
    Marked,
    Model,
    Modified,
    Not,
    Tampered,
    Trusted,
    Untampered,
    parse_condition,
    parse_requirements,
)
from detectors.result import Failure, ManifestFacts, Tampering, WatermarkFacts
from provenance.errors import OptionError
from tests.result_facts import manifest, mark, result, unread_mark

NO_MARK = {"watermark": WatermarkFacts(detected=False)}
BROKEN = Failure(code="x", message="y", hint="")
UNREADABLE = {"verdict": "unreadable", "error": BROKEN}
INSERTED = (Tampering(kind="inserted", detail="no mark"),)
CASES = {
    "marked": ({}, NO_MARK),
    "present": ({"watermark": unread_mark()}, NO_MARK),
    "authenticated": ({}, {"watermark": mark()}),
    "signed": ({"manifest": manifest(state="valid")}, {"manifest": manifest(state="invalid")}),
    "trusted": ({}, {"manifest": manifest(state="valid")}),
    "recovered": ({"manifest": manifest(source="recovered")}, {}),
    "untampered": ({}, {"tampered": None}),
    "tampered": ({"tampered": True, "tampering": INSERTED}, {"tampered": None}),
    "unchecked": ({"tampered": None}, {}),
    "modified": ({"modified": ("cropped",)}, {}),
    "ai_generated": ({}, {"verdict": "ai_edited"}),
    "ai_edited": ({"verdict": "ai_edited"}, {}),
    "ai": ({"verdict": "ai_edited"}, {"verdict": "no_evidence"}),
    "no_evidence": ({"verdict": "no_evidence"}, {"verdict": "conflicting"}),
    "conflicting": ({"verdict": "conflicting"}, {}),
    "readable": (NO_MARK, UNREADABLE),
    "damaged": ({"error": BROKEN}, {}),
}


def test_every_word_has_a_case():
    assert set(CASES) == set(FACTS)


@pytest.mark.parametrize("name", CASES)
def test_a_word_holds_or_says_what_is_missing(name):
    met, missed = CASES[name]
    condition = parse_condition(name)
    assert condition.failures(result(**met)) == ()
    (failure,) = condition.failures(result(**missed))
    assert failure.startswith(f"{name}: ")
    assert Not(condition).failures(result(**met)) == (f"not {name}: it is so",)
    assert Not(condition).failures(result(**missed)) == ()


def test_words_with_an_argument():
    changed = result(tampered=True, tampering=INSERTED, modified=("cropped",))
    for held in (Model("ltx-2.3"), Issuer("Example Studio"), Tampered("inserted")):
        assert held.failures(changed) == ()
    assert Modified("cropped").failures(changed) == ()
    for missed in (
        Model("helios-1.0"),
        Model("unknown-7"),
        Issuer("x"),
        Tampered("cut"),
        Modified("padded"),
    ):
        (failure,) = missed.failures(changed)
        assert failure.startswith(f'{missed.word}("')
    unsigned = replace(changed, manifest=manifest(state="invalid"))
    assert Issuer("Example Studio").failures(unsigned)
    forged = replace(unsigned, watermark=WatermarkFacts(detected=False))
    assert Model("ltx-2.3").failures(forged)


def test_a_mark_that_cannot_be_read_is_present_and_no_more():
    unread = result(watermark=unread_mark())
    assert [
        failure.split(":")[0]
        for failure in parse_requirements(["present,marked,authenticated"]).failures(unread)
    ] == ["marked", "authenticated"]


def test_all_of_several_must_hold():
    condition = parse_requirements(["marked, trusted", "untampered"])
    assert str(condition) == "readable and marked and trusted and untampered"
    assert condition.failures(result()) == ()
    bare = result(manifest=ManifestFacts(present=False), tampered=True)
    missing = [failure.split(":")[0] for failure in condition.failures(bare)]
    assert missing == ["trusted", "untampered"]


@pytest.mark.parametrize("text", ["marked", "not marked", "not tampered or marked"])
def test_an_unreadable_file_fulfils_nothing(text):
    failures = parse_requirements([text]).failures(result(**UNREADABLE, **NO_MARK))
    assert failures[0] == "readable: the file could not be read"


def test_nothing_found_is_less_than_checked_and_clean():
    unchecked = result(tampered=None)
    assert Not(Tampered()).failures(unchecked) == ()
    assert Untampered().failures(unchecked) == ("untampered: tampering could not be ruled out",)


def test_conditions_combine_in_python():
    either = Any(All(Marked(), Not(Tampered())), Trusted())
    assert str(either) == "(marked and not tampered) or trusted"
    assert parse_condition(str(either)) == either
    assert either.failures(result()) == ()
    (failure,) = either.failures(result(tampered=True, manifest=manifest(state="valid")))
    assert "not tampered: it is so" in failure
    assert "trusted: the signer of the credentials is not trusted" in failure
    assert All().failures(result()) == ()
    assert Any().failures(result()) != ()


def test_unknown_requirements_are_refused():
    with pytest.raises(OptionError, match="trustworthy") as caught:
        parse_requirements(["trustworthy"])
    assert "trusted" in caught.value.hint

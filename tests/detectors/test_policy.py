from __future__ import annotations

import pytest

from detectors.policy import REQUIREMENTS, Policy
from detectors.result import Failure, ManifestFacts, Result, WatermarkFacts
from provenance.errors import OptionError
from tests.result_facts import file, manifest, mark, unread_mark


def result(**changes):
    fields = {
        "file": file(),
        "verdict": "ai_generated",
        "reasons": ("found",),
        "tampered": False,
        "watermark": mark(authenticated=True),
        "manifest": manifest(),
    }
    return Result(**(fields | changes))


NO_MARK = {"watermark": WatermarkFacts(detected=False)}
CASES = {
    "marked": ({}, NO_MARK),
    "present": ({"watermark": unread_mark()}, NO_MARK),
    "authenticated": ({}, {"watermark": mark()}),
    "signed": ({"manifest": manifest(state="valid")}, {"manifest": manifest(state="invalid")}),
    "trusted": ({}, {"manifest": manifest(state="valid")}),
    "untampered": ({}, {"tampered": None}),
    "ai_generated": ({}, {"verdict": "ai_edited"}),
    "ai_edited": ({"verdict": "ai_edited"}, {}),
    "ai": ({"verdict": "ai_edited"}, {"verdict": "no_evidence"}),
    "no_evidence": ({"verdict": "no_evidence"}, {"verdict": "conflicting"}),
    "readable": (
        NO_MARK,
        {"verdict": "unreadable", "error": Failure(code="x", message="y", hint="")},
    ),
}


def test_every_requirement_has_a_case():
    assert set(CASES) == set(REQUIREMENTS)


@pytest.mark.parametrize("name", CASES)
def test_a_requirement_is_met_or_says_what_is_missing(name):
    met, missed = CASES[name]
    policy = Policy.parse([name])
    assert policy.failures(result(**met)) == ()
    (failure,) = policy.failures(result(**missed))
    assert failure.startswith(f"{name}: ")


def test_a_mark_that_cannot_be_read_is_present_and_no_more():
    unread = result(watermark=unread_mark())
    assert [
        failure.split(":")[0]
        for failure in Policy.parse(["present,marked,authenticated"]).failures(unread)
    ] == ["marked", "authenticated"]


def test_all_of_several_must_hold():
    policy = Policy.parse(["marked, trusted", "untampered"])
    assert policy.names == ("marked", "trusted", "untampered")
    assert policy.failures(result()) == ()
    bare = result(manifest=ManifestFacts(present=False), tampered=True)
    assert [failure.split(":")[0] for failure in policy.failures(bare)] == ["trusted", "untampered"]


def test_an_unreadable_file_fulfils_nothing():
    error = Failure(code="x", message="y", hint="")
    unreadable = result(verdict="unreadable", error=error)
    assert Policy.parse(["marked"]).failures(unreadable) == (
        "readable: the file could not be read",
    )


def test_unknown_requirements_are_refused():
    with pytest.raises(OptionError, match="trustworthy") as caught:
        Policy.parse(["trustworthy"])
    assert "trusted" in caught.value.hint

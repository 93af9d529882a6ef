from __future__ import annotations

from itertools import product

import pytest

from detectors.verdict import Signals, decide

MARKS = ("none", "public", "private")
CREDENTIALS = ("none", "invalid", "valid", "trusted")
CLAIMS = ("unstated", "generated", "edited", "other")
AGREEMENTS = ("unknown", "agrees", "disagrees")
MARKED, SOUND, ANY = ("public", "private"), ("valid", "trusted"), None
AI = ("generated", "edited")

# (mark, credentials, claim, agreement) → verdict; every combination is in exactly one row.
TABLE = [
    # Nothing that counts.
    (("none",), ("none",), ANY, ANY, "no_evidence"),
    (("none",), ("invalid",), ("unstated", "other"), ANY, "no_evidence"),
    (("none",), ("invalid",), AI, ANY, "conflicting"),
    # Credentials alone.
    (("none",), SOUND, ("unstated", "other"), ANY, "no_evidence"),
    (("none",), SOUND, ("generated",), ANY, "ai_generated"),
    (("none",), SOUND, ("edited",), ANY, "ai_edited"),
    # The mark alone: credentials that do not verify say nothing.
    (MARKED, ("none", "invalid"), ANY, ANY, "ai_generated"),
    # Both.
    (MARKED, SOUND, ANY, ("disagrees",), "conflicting"),
    (MARKED, SOUND, ("generated", "unstated"), ("agrees", "unknown"), "ai_generated"),
    (MARKED, SOUND, ("edited",), ("agrees", "unknown"), "ai_edited"),
    (MARKED, SOUND, ("other",), ("agrees",), "no_evidence"),
    (MARKED, SOUND, ("other",), ("unknown",), "conflicting"),
]
COMBINATIONS = list(product(MARKS, CREDENTIALS, CLAIMS, AGREEMENTS))


def rows(combination):
    return [
        row[4]
        for row in TABLE
        if all(
            allowed is ANY or value in allowed
            for value, allowed in zip(combination, row[:4], strict=True)
        )
    ]


def signals(combination):
    mark, credentials, claim, agreement = combination
    return Signals(mark=mark, credentials=credentials, claim=claim, agreement=agreement)


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
def test_every_combination_has_its_verdict(combination):
    assert rows(combination) == [decide(signals(combination)).name]


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
def test_no_reason_calls_a_video_authentic(combination):
    verdict = decide(signals(combination))
    text = " ".join(verdict.reasons).lower()
    assert verdict.reasons
    assert "authentic" not in text
    assert "human" not in text
    if verdict.name == "no_evidence":
        assert "no evidence of ai is not evidence against it" in text


def test_unreadable_beats_everything():
    verdict = decide(Signals(readable=False, mark="private", credentials="trusted"))
    assert verdict.name == "unreadable"


def test_reasons_name_who_can_have_placed_the_mark():
    public, private = (decide(Signals(mark=mark)).reasons[0] for mark in MARKED)
    assert "anybody can place" in public
    assert "only its holders" in private

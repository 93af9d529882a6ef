from __future__ import annotations

from itertools import product

import pytest

from detectors.verdict import Signals, decide

MARKS = ("none", "unread", "public", "private")
CREDENTIALS = ("none", "invalid", "valid", "trusted")
CLAIMS = ("unstated", "generated", "edited", "other")
MARK_CLAIMS = ("generated", "edited", "other")
AGREEMENTS = ("unknown", "agrees", "disagrees")
SILENT = ("none", "unread")
MARKED, SOUND, ANY = ("public", "private"), ("valid", "trusted"), None
AI, NOT_AI = ("generated", "edited"), ("unstated", "other")
BROKEN, FITTING = ("none", "invalid"), ("agrees", "unknown")

# (mark, its claim, credentials, their claim, agreement) → verdict; every combination is in
# exactly one row.
TABLE = [
    # Nothing that counts.
    (SILENT, ANY, ("none",), ANY, ANY, "no_evidence"),
    (SILENT, ANY, ("invalid",), NOT_AI, ANY, "no_evidence"),
    (SILENT, ANY, ("invalid",), AI, ANY, "conflicting"),
    # Credentials alone.
    (SILENT, ANY, SOUND, NOT_AI, ANY, "no_evidence"),
    (SILENT, ANY, SOUND, ("generated",), ANY, "ai_generated"),
    (SILENT, ANY, SOUND, ("edited",), ANY, "ai_edited"),
    # The mark alone: credentials that do not verify say nothing.
    (MARKED, ("generated",), BROKEN, ANY, ANY, "ai_generated"),
    (MARKED, ("edited",), BROKEN, ANY, ANY, "ai_edited"),
    (MARKED, ("other",), ("none",), ANY, ANY, "no_evidence"),
    (MARKED, ("other",), ("invalid",), NOT_AI, ANY, "no_evidence"),
    (MARKED, ("other",), ("invalid",), AI, ANY, "conflicting"),
    # Both.
    (MARKED, ANY, SOUND, ANY, ("disagrees",), "conflicting"),
    (MARKED, ("generated",), SOUND, ("unstated",), FITTING, "ai_generated"),
    (MARKED, ("edited",), SOUND, ("unstated",), FITTING, "ai_edited"),
    (MARKED, ("other",), SOUND, NOT_AI, FITTING, "no_evidence"),
    (MARKED, AI, SOUND, ("other",), FITTING, "conflicting"),
    (MARKED, AI, SOUND, ("generated",), FITTING, "ai_generated"),
    (MARKED, AI, SOUND, ("edited",), FITTING, "ai_edited"),
    # Somebody else's credentials may tell of AI that came after the camera's mark.
    (MARKED, ("other",), SOUND, ("generated",), ("unknown",), "ai_generated"),
    (MARKED, ("other",), SOUND, ("edited",), ("unknown",), "ai_edited"),
    (MARKED, ("other",), SOUND, AI, ("agrees",), "conflicting"),
]
COMBINATIONS = list(product(MARKS, MARK_CLAIMS, CREDENTIALS, CLAIMS, AGREEMENTS))


def rows(combination):
    return [
        row[5]
        for row in TABLE
        if all(
            allowed is ANY or value in allowed
            for value, allowed in zip(combination, row[:5], strict=True)
        )
    ]


def signals(combination):
    mark, mark_claim, credentials, claim, agreement = combination
    return Signals(
        mark=mark,
        mark_claim=mark_claim,
        credentials=credentials,
        claim=claim,
        agreement=agreement,
    )


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
    assert "only the holders of a private key" in private


def test_a_mark_that_says_nothing_is_named_and_decides_nothing():
    unread, none = (decide(Signals(mark=mark)) for mark in ("unread", "none"))
    assert unread.name == none.name == "no_evidence"
    assert unread.reasons[0] == "a watermark is present but its message could not be read"
    assert unread.reasons[1:] == none.reasons[1:]

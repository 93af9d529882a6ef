from __future__ import annotations

import json

import jsonschema
import pytest

from detectors.report import percent, schema_text, to_json, to_text
from detectors.result import Check, Failure, FileFacts, ManifestFacts, Result, Tampering
from detectors.watermark import confidence, model_names
from tests.result_facts import (
    CONTENT_ID,
    DIGEST,
    clock,
    file,
    geometry,
    manifest,
    mark,
    segments,
    unread_mark,
)

SCHEMA = json.loads(schema_text())
NO_EVIDENCE = Result(
    file=file(),
    verdict="no_evidence",
    reasons=("no watermark was found",),
    checks=(Check(name="watermark", state="done", detail="searched"),),
)
MARKED = Result(
    file=file(),
    verdict="ai_generated",
    reasons=("a watermark was found",),
    tampered=False,
    watermark=mark(),
    manifest=manifest(),
    checks=(Check(name="picture_regions", state="skipped", detail="not looked for"),),
    timings_ms={"total": 12.5},
)
TAMPERED = Result(
    file=file(),
    verdict="ai_generated",
    reasons=("a watermark was found",),
    tampered=True,
    modified=("cropped",),
    tampering=(Tampering(kind="inserted", detail="no mark", start_s=2.0, end_s=3.0),),
    watermark=mark(segments=segments("mmumm"), geometry=geometry(shown=0.7)),
)
UNREADABLE = Result(
    file=FileFacts(name="gone.mp4", path="gone.mp4"),
    verdict="unreadable",
    reasons=("the file could not be read",),
    error=Failure(code="input.missing", message="gone.mp4 does not exist", hint="check the name"),
)
UNREAD = Result(
    file=file(),
    verdict="no_evidence",
    reasons=("a watermark is present but its message could not be read",),
    watermark=unread_mark(),
    checks=(Check(name="watermark", state="done", detail="searched"),),
)
RESULTS = {
    "none": NO_EVIDENCE,
    "unread": UNREAD,
    "marked": MARKED,
    "tampered": TAMPERED,
    "unreadable": UNREADABLE,
}


def validate(document):
    validator = jsonschema.Draft202012Validator(
        SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(document)


def test_a_mark_that_cannot_be_read_is_told_from_none_and_from_one_that_can():
    text = to_text(UNREAD)
    assert "Watermark detected: yes, message not readable" in text
    assert "by chance with p = 2.0e-08" in text
    assert "Content id" not in text
    document = json.loads(to_json(UNREAD))
    for broken in ({"presence_p": 1e-3}, {"presence_p": None}, {"key": None}, {"detected": False}):
        wrong = document | {"watermark": document["watermark"] | broken}
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong)


def test_the_clock_is_told():
    moved = with_changes(
        MARKED, watermark=mark(clock=clock((0.0, 5.0, 12.0), (5.0, 6.0, 3.0, 2.0)))
    )
    text = to_text(moved)
    assert "Clock: 0.0-5.0 s shows 12.0-17.0 s of the original\n" in text
    assert "Clock: 5.0-6.0 s shows 3.0-5.0 s of the original at 2.00 times the speed" in text


def with_changes(result, **changes):
    fields = {name: getattr(result, name) for name in result.__slots__}
    return Result(**(fields | changes))


def head(result):
    return to_text(result).splitlines()[:5]


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", RESULTS)
def test_json_fits_the_schema(name):
    text = to_json(RESULTS[name])
    assert "\n" not in text
    document = json.loads(text)
    assert next(iter(document)) == "schema"
    assert document["schema"] == "everyframe.verify/1"
    validate(document)


def test_a_file_name_that_is_no_utf8_is_json_all_the_same():
    odd = with_changes(MARKED, file=file(name="a\udcff.mp4", path="é\udcff.mp4"))
    text = to_json(odd)
    assert "é" in text
    assert json.loads(text.encode("utf-8"))["file"]["name"] == "a\udcff.mp4"


def test_the_schema_knows_every_field():
    def names(schema, document):
        assert set(document) == set(schema["properties"])
        return schema["properties"]

    document = json.loads(to_json(TAMPERED))
    fields = names(SCHEMA, document)
    names(fields["file"], document["file"])
    names(fields["manifest"], document["manifest"])
    names(fields["tampering"]["items"], document["tampering"][0])
    watermark = names(SCHEMA["$defs"]["watermark"], document["watermark"])
    names(watermark["geometry"]["oneOf"][1], document["watermark"]["geometry"])
    names(watermark["segments"]["items"], document["watermark"]["segments"][0])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(verdict="authentic"),
        lambda d: d.pop("tampered"),
        lambda d: d["watermark"].update(confidence=1.0),
        lambda d: d["watermark"].update(content_id=None),
        lambda d: d["watermark"].update(detected=False),
        lambda d: d.update(tampered=True),
        lambda d: d.update(verdict="unreadable"),
        lambda d: d.update(error={"message": "y"}),
        lambda d: d["file"].update(sha256="xyz"),
        lambda d: d["manifest"].update(state="fine"),
    ],
)
def test_the_schema_refuses_spoiled_results(spoil):
    document = json.loads(to_json(MARKED))
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        validate(document)


def test_text_opens_with_the_five_lines():
    assert head(MARKED) == [
        "Watermark detected: LTX Video 2.3",
        "Confidence: 99.99%",
        "Generation date: 2026-03-24 (approximate)",
        f"Prompt hash: {DIGEST}",
        "Tampered: No",
    ]


def test_text_without_a_mark():
    assert head(NO_EVIDENCE) == [
        "Watermark detected: none",
        "Confidence: none",
        "Generation date: unknown",
        "Prompt hash: unknown",
        "Tampered: not checked",
    ]
    assert "authentic" not in to_text(NO_EVIDENCE).lower()


def test_text_of_an_unreadable_file_says_why():
    text = to_text(UNREADABLE)
    assert text.startswith("Watermark detected: not checked\n")
    assert "Error: gone.mp4 does not exist [input.missing]\n  hint: check the name" in text


def test_without_credentials_the_prompt_line_is_the_marks_prefix_and_says_so():
    result = with_changes(MARKED, manifest=ManifestFacts(present=False))
    assert head(result)[3] == "Prompt hash: (hmac-)sha256:a1bc30… (prefix)"


def test_a_digest_that_does_not_verify_or_does_not_fit_the_mark_is_not_printed():
    for other in (
        manifest(state="invalid"),
        manifest(prompt_hash="sha256:ffffff" + "0" * 58),
    ):
        result = with_changes(MARKED, manifest=other)
        assert head(result)[3] == "Prompt hash: (hmac-)sha256:a1bc30… (prefix)"


def test_a_mark_without_a_prompt():
    result = with_changes(
        MARKED, watermark=mark(prompt_hash_prefix=None), manifest=ManifestFacts(present=False)
    )
    assert head(result)[3] == "Prompt hash: none"


def test_who_can_have_placed_the_mark_is_said():
    assert "anybody can place" in to_text(MARKED)
    private = with_changes(MARKED, watermark=mark(authenticated=True, key="carrier-1"))
    assert "Authenticated: yes (private key carrier-1)" in to_text(private)


def test_tampering_and_handling_are_told_apart():
    text = to_text(TAMPERED)
    assert "Tampered: Yes" in text
    assert "Modified: cropped (ordinary handling, not tampering)" in text
    assert "Tampering: inserted at 2.0-3.0 s: no mark" in text


def test_weak_parts_leave_the_line_open():
    weak = Check(name="time_coverage", state="failed", detail="too weak")
    result = with_changes(MARKED, tampered=None, checks=(weak,))
    assert head(result)[4] == "Tampered: not determined"


def test_recovered_credentials_are_called_so():
    result = with_changes(MARKED, manifest=manifest(source="recovered", state="valid"))
    assert "Credentials: recovered from the store (the file carries none); intact" in to_text(
        result
    )


def test_text_from_a_file_cannot_move_the_cursor_or_forge_a_line():
    evil = manifest(issuer="x\x1b[2J\nTampered: No\u202e")
    text = to_text(with_changes(MARKED, manifest=evil))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\nTampered: ") == 1


def test_several_files_are_told_apart():
    assert to_text(MARKED, titled=True).startswith("videos/clip.mp4\nWatermark detected: ")


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (0.0, 0.9999),
        (1e-30, 0.9999),
        (1e-9, 0.9999),
        (9.9e-5, 0.9999),
        (1.01e-4, 0.9998),
        (0.25, 0.75),
        (0.5, 0.5),
        (1.0, 0.0),
        (3.0, 0.0),
    ],
)
def test_confidence_is_rounded_down_and_never_certain(bound, expected):
    assert confidence(bound) == expected


def test_percent_adds_no_digit():
    assert [percent(x) for x in (0.9999, 0.99, 0.5, 0.0)] == ["99.99%", "99.00%", "50.00%", "0.00%"]


def test_unknown_models_have_a_name():
    assert model_names(1) == ("ltx-2.3", "LTX Video 2.3")
    assert model_names(201) == ("unknown-201", "unknown model 201")
    assert CONTENT_ID in to_text(with_changes(MARKED, watermark=mark(model_name="unknown model 9")))

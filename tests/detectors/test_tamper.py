from __future__ import annotations

import numpy as np
import pytest

from detectors.result import ManifestFacts, WatermarkFacts
from detectors.tamper import Evidence, Original, examine
from provenance.watermark.detection import AbsenceMap, MissingRegion
from tests.result_facts import clock, file, geometry, manifest, mark, segments, unread_mark

NO_MANIFEST = ManifestFacts(present=False)
NO_MARK = WatermarkFacts(detected=False)
ORIGINAL = Original(width=1280, height=720, duration_s=5.0)


def look(**changes):
    evidence = {
        "file": file(),
        "watermark": mark(),
        "manifest": NO_MANIFEST,
        "complete": True,
        "original": ORIGINAL,
    }
    return examine(Evidence(**(evidence | changes)))


def kinds(examination):
    return [sign.kind for sign in examination.tampering]


def check(examination, name):
    return next(check for check in examination.checks if check.name == name)


def test_an_untouched_file_is_untampered_and_unmodified():
    found = look(manifest=manifest())
    assert found.tampered is False
    assert found.modified == ()
    assert check(found, "binding").state == "done"
    # Byte for byte what was signed: then no part of the picture can have changed either.
    assert not [check for check in found.checks if check.name == "picture_regions"]


def test_a_mark_through_every_part_rules_tampering_out_and_says_what_it_does_not_cover():
    found = look()
    assert found.tampered is False
    assert {check.name for check in found.checks if check.state == "skipped"} >= {
        "binding",
        "picture_regions",
        "short_replacements",
        "transcoding",
    }


def test_a_file_changed_after_signing_is_tampered():
    broken = manifest(state="invalid", binding_ok=False, codes=("assertion.bmffHash.mismatch",))
    found = look(manifest=broken)
    assert found.tampered is True
    assert kinds(found) == ["binding_broken"]


def test_changed_credentials_are_tampering():
    found = look(manifest=manifest(state="invalid", codes=("claimSignature.mismatch",)))
    assert kinds(found) == ["credentials_changed"]


def test_an_ingredients_old_failure_is_not_this_files():
    found = look(manifest=manifest(codes=("assertion.dataHash.mismatch",)))
    assert found.tampered is False


def test_an_expired_signer_is_not_tampering():
    expired = manifest(state="invalid", codes=("signingCredential.expired",))
    found = look(watermark=NO_MARK, manifest=expired)
    assert found.tampered is None
    assert found.tampering == ()


def test_recovered_credentials_do_not_fit_the_bytes_and_need_not():
    found = look(manifest=manifest(source="recovered", binding_ok=False))
    assert found.tampered is False
    assert found.modified == ("credentials_removed",)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ("mmumm", [("inserted", 2.0, 3.0)]),
        ("ummmm", [("added_before", 0.0, 1.0)]),
        ("mmmmu", [("added_after", 4.0, 5.0)]),
        ("umumu", [("added_before", 0.0, 1.0), ("inserted", 2.0, 3.0), ("added_after", 4.0, 5.0)]),
        ("mmu?m", [("inserted", 2.0, 3.0)]),
    ],
)
def test_unmarked_parts_are_tampering_with_their_times(parts, expected):
    found = look(watermark=mark(segments=segments(parts)))
    assert found.tampered is True
    assert [(sign.kind, sign.start_s, sign.end_s) for sign in found.tampering] == expected


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(0, 5, 12)], []),
        # Frames dropped, or readings half a second off: nothing to see.
        ([(0, 2, 0), (2, 5, 2.9)], []),
        ([(0, 2, 0), (2, 5, 5)], [("cut", 2, 2)]),
        ([(0, 2, 0), (2, 5, 0)], [("repeated", 2, 2)]),
        ([(0, 2, 3), (2, 5, 0)], [("reordered", 2, 2)]),
        # What was moved is missing where it was: told once.
        ([(0, 1, 0), (1, 3, 6), (3, 5, 2)], [("reordered", 1, 3)]),
        # More than conversions of frame rates do.
        ([(0, 5, 0, 1.5)], [("speed_changed", 0, 5)]),
    ],
)
def test_the_clock_shows_cuts_and_another_order(runs, expected):
    found = look(watermark=mark(clock=clock(*runs)))
    assert [(sign.kind, sign.start_s, sign.end_s) for sign in found.tampering] == expected
    assert found.tampered is bool(expected)
    assert check(found, "order").state == "done"


@pytest.mark.parametrize("original_s", [2.0, 3.0])
def test_foreign_material_between_two_runs_is_one_sign_not_two(original_s):
    """Inserted, or put in the place of what was there: the clock agrees with both."""
    found = look(
        watermark=mark(segments=segments("mmumm"), clock=clock((0, 2, 0), (3, 5, original_s)))
    )
    assert kinds(found) == ["inserted"]


def test_a_cut_under_foreign_material_is_seen():
    runs = clock((0, 2, 0), (3, 5, 7))
    found = look(watermark=mark(segments=segments("mmumm"), clock=runs))
    assert kinds(found) == ["inserted", "cut"]


def test_another_speed_is_ordinary_handling():
    found = look(watermark=mark(clock=clock((0, 5, 0, 1.04))))
    assert found.modified == ("speed_changed",)
    assert found.tampered is False


@pytest.mark.parametrize("runs", [[], [(0, 2, 0)]])
def test_a_clock_that_cannot_be_read_throughout_is_said_to_be(runs):
    found = look(watermark=mark(clock=clock(*runs)))
    assert check(found, "order").state == "failed"
    assert found.tampered is False


def test_a_mark_that_cannot_be_read_rules_nothing_out():
    found = look(watermark=unread_mark())
    assert found.tampered is None
    assert found.modified == ()


def test_unclear_parts_leave_it_open():
    found = look(watermark=mark(segments=segments("mm?mm")))
    assert found.tampered is None
    assert "2.0-3.0 s" in check(found, "time_coverage").detail


@pytest.mark.parametrize(
    "changes",
    [
        {"watermark": NO_MARK},
        {"complete": False},
        {"watermark": mark(segments=())},
    ],
)
def test_what_was_not_looked_at_is_not_called_untampered(changes):
    assert look(**changes).tampered is None


@pytest.mark.parametrize(
    ("geometry_changes", "size", "expected"),
    [
        ({}, (1280, 720), ()),
        ({"scale": 1.0}, (854, 480), ("resized", "transcoded")),
        ({"shown": 0.7, "offset": (0.2, 0.3)}, (896, 504), ("cropped", "transcoded")),
        # Cut left and right only: the short side is all there, the original's size tells.
        ({}, (720, 720), ("cropped", "transcoded")),
        # Cropped to 0.7 a side and scaled back to the old size.
        (
            {"scale": 1.5 / 0.7, "shown": 0.7, "offset": (0.2, 0.3)},
            (1280, 720),
            ("cropped", "resized", "transcoded"),
        ),
        ({"flipped": True}, (1280, 720), ("mirrored", "transcoded")),
        ({"rotation_deg": 90.0}, (720, 1280), ("rotated",)),
        ({"shown": 1.3}, (1664, 936), ("padded", "transcoded")),
    ],
)
def test_handling_follows_from_the_geometry(geometry_changes, size, expected):
    found = look(
        file=file(width=size[0], height=size[1]),
        watermark=mark(geometry=geometry(**geometry_changes)),
    )
    assert found.modified == expected
    assert found.tampered is False


def test_a_small_original_is_not_taken_for_a_resized_one():
    found = look(
        file=file(width=426, height=240),
        watermark=mark(geometry=geometry(scale=1.0)),
        original=Original(width=426, height=240, duration_s=5.0),
    )
    assert found.modified == ()


def test_without_the_original_only_what_the_mark_shows_is_claimed():
    half = mark(geometry=geometry(scale=0.75))
    found = look(file=file(width=640, height=360), watermark=half, original=None)
    assert found.modified == ()
    assert check(found, "length").state == "skipped"


@pytest.mark.parametrize(
    ("duration_s", "modified", "expected"),
    [(5.0, (), []), (4.6, (), []), (3.0, ("trimmed",), []), (9.0, (), ["lengthened"])],
)
def test_length_against_the_original(duration_s, modified, expected):
    found = look(file=file(duration_s=duration_s))
    assert found.modified == modified
    assert kinds(found) == expected


def test_nothing_is_missing_from_bytes_that_somebody_trusted_signed():
    missing = MissingRegion(start_s=1, end_s=3, box=(0.2, 0.2, 0.3, 0.3), nats=90.0, still=False)
    absence = AbsenceMap(times_s=(0.0, 5.0), grid=np.zeros((1, 4, 4), np.float32))
    looks_changed = {
        "watermark": mark(clock=clock((0, 2, 0), (2, 5, 9)), segments=segments("mmumm")),
        "missing": (missing,),
        "absence": absence,
    }
    assert set(kinds(look(**looks_changed))) >= {"region_replaced", "inserted", "cut"}
    found = look(manifest=manifest(), **looks_changed)
    assert (found.tampered, found.tampering, found.as_signed) == (False, (), True)
    # Anybody may sign what he changed.
    assert kinds(look(manifest=manifest(state="valid"), **looks_changed))


@pytest.mark.parametrize(
    ("change", "size"),
    [({"shown": 1.3}, (1664, 936)), ({"rotation_deg": 1.5}, (1280, 720))],
    ids=["in another picture", "turned"],
)
def test_what_lies_around_a_filmed_picture_is_not_taken_for_a_part_of_it(change, size):
    missing = MissingRegion(start_s=0, end_s=5, box=(0.7, 0.8, 0.3, 0.2), nats=90.0, still=False)
    seen = {
        "missing": (missing,),
        "absence": AbsenceMap(times_s=(0.0, 5.0), grid=np.zeros((1, 4, 4), np.float32)),
    }
    plain = look(**seen)
    assert (plain.tampered, kinds(plain)) == (True, ["region_replaced"])
    filmed = look(
        file=file(width=size[0], height=size[1]),
        watermark=mark(geometry=geometry(**change)),
        **seen,
    )
    assert (filmed.tampered, kinds(filmed)) == (None, [])
    check = next(check for check in filmed.checks if check.name == "picture_regions")
    assert check.state == "failed"

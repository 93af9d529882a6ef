"""A mark too faint to be read is recognised by the store that knows it, sandboxed or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from detectors.confined import Look, verify_confined
from detectors.known import payloads
from detectors.report.text import to_text
from detectors.verification import verify
from provenance.keys import carrier_keys
from provenance.store import Mark
from provenance.trust import TrustSettings
from provenance.video import open_media
from tests.detectors.conftest import write_clip

DAY = date(2026, 3, 24)


@pytest.fixture(scope="module")
def faint(studio, tmp_path_factory, spec):
    path = tmp_path_factory.mktemp("faint") / "faint.mp4"
    with open_media(studio.unsigned) as media:
        return write_clip(path, media.pictures(), spec, crf=38)


@pytest.fixture(scope="module")
def recognised(faint, studio):
    return verify(faint, keys=studio.keys, store=studio.store)


def test_the_store_tells_which_mark_it_is_and_gives_its_credentials(recognised, studio):
    mark = recognised.watermark
    assert mark.content_id == studio.payload.content_id_hex
    assert mark.source == "generated"
    assert mark.recognised_among == 3  # one mark, three ways in which a video may be made
    assert mark.false_positive_bound <= 1e-9
    assert recognised.manifest.source == "recovered"
    assert recognised.verdict == "ai_generated"


def test_without_the_store_it_is_merely_there_or_nothing(faint, studio, tmp_path):
    alone = verify(faint, keys=studio.keys, store=tmp_path / "none.sqlite").watermark
    assert alone.content_id is None
    assert alone.recognised_among is None


def test_an_unmarked_file_is_not_taken_for_what_the_store_knows(studio):
    result = verify(studio.plain, keys=studio.keys, store=studio.store)
    assert not result.watermark.detected


def test_the_sandbox_gives_the_same(faint, recognised, studio):
    look = Look(keys=carrier_keys(studio.keys), trust=TrustSettings())
    there = verify_confined(faint, look, store=str(studio.store), mode="auto")
    assert there.watermark == recognised.watermark


def test_reports_say_so(recognised):
    said = "recognised as one of 3 messages that the store knows"
    assert said in to_text(recognised)
    clear = replace(recognised, watermark=replace(recognised.watermark, recognised_among=None))
    assert said not in to_text(clear)


def test_what_a_store_says_of_marks_becomes_payloads():
    known = Mark(content_id="0000000000abcd", model="ltx-2.3", day=DAY)
    found = payloads([known])
    assert {one.source for one in found} == {"generated", "edited", "captured"}
    assert {(one.model, one.content_id, one.day) for one in found} == {(1, 0xABCD, DAY)}
    assert payloads([replace(known, model="unknown-77")])[0].model == 77
    for spoiled in (
        replace(known, model="of nobody"),
        replace(known, content_id="not hexadecimal"),
        replace(known, content_id="ffffffffffffff"),
        replace(known, model="unknown-999"),
        replace(known, day=date(1999, 1, 1)),
    ):
        assert payloads([spoiled]) == []

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import detectors
from detectors.report import to_html
from detectors.report.style import STYLE
from detectors.report.words import CHECKS, MODIFIED, TAMPERING, clock, moment, odds, size, when
from detectors.result import (
    MODIFIED_KINDS,
    TAMPERING_KINDS,
    Check,
    Decision,
    IngredientFacts,
    Tampering,
    TamperMap,
)
from tests.detectors.report.reports import (
    ALL,
    CLEAN,
    NO_EVIDENCE,
    SOUND,
    TAMPERED,
    UNREADABLE,
    shots,
    tamper_map,
)
from tests.result_facts import manifest, mark

EMPTY = {"meta", "link", "img", "br", "hr", "input"}


class Page(html.parser.HTMLParser):
    """Elements with their attributes and texts; fails on tags that are not closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


def page(*results):
    return Page(to_html(results))


@pytest.mark.parametrize("result", ALL, ids=lambda result: result.file.name)
def test_every_kind_of_result_has_a_page(result):
    shown = page(result)
    assert result.file.name in shown.text
    assert [tag for tag, _ in shown.elements].count("h1") == 1
    assert "authentic" not in shown.text.lower()


def test_the_answer_comes_first():
    text = page(TAMPERED).text
    assert text.index("Made with AI") < text.index("Timeline")
    for fact in ("LTX Video 2.3", "99.99%", "2026-03-24", "hmac-sha256:a1bc300000…"):
        assert fact in text
    assert "3 signs, see below" in text
    assert "uploads 7, rule 1" in text


def test_no_evidence_is_not_called_proof():
    text = page(NO_EVIDENCE).text
    assert "That does not show that a camera took it" in text
    assert "which is not the same as no" in text


def test_an_unreadable_file_says_why_and_claims_nothing():
    text = page(UNREADABLE).text
    assert "gone.mp4 does not exist [input.missing]" in text
    assert "Confidence" not in text


def test_nothing_loads_and_nothing_runs():
    for results in ((TAMPERED,), ALL):
        text = to_html(results)
        shown = Page(text)
        assert not shown.all("script", "link", "iframe", "object", "embed", "form", "base")
        assert not any(name.startswith("on") for _, a in shown.elements for name in a)
        assert not any("style" in a for _, a in shown.elements)
        for attributes in shown.all("image", "img", "a", "use"):
            address = attributes.get("href") or attributes.get("src")
            assert address.startswith(("data:image/jpeg;base64,", "#"))
        assert "http" not in re.sub(r"http-equiv", "", text)


def test_the_pages_policy_allows_its_style_and_its_pictures_alone():
    shown = page(CLEAN)
    (policy,) = [a["content"] for a in shown.all("meta") if "http-equiv" in a]
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert (
        policy == f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'"
    )
    assert f"<style>{STYLE}</style>" in to_html([CLEAN])


HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[2J\u202e\n'&lt;"


def hostile_result():
    """Every text that comes from outside is an attack."""
    evil = HOSTILE
    return replace(
        TAMPERED,
        file=replace(TAMPERED.file, name=evil, path=evil, container=evil, sha256=evil),
        reasons=(evil,),
        modified=(evil,),
        tampering=(Tampering(kind=evil, detail=evil, start_s=1.0, end_s=2.0, region=(0, 0, 9, 9)),),
        watermark=mark(model_name=evil, key=evil, date=evil, content_id=evil),
        manifest=manifest(
            title=evil,
            issuer=evil,
            time=evil,
            claim_generator=evil,
            digital_source_type=evil,
            model_name=evil,
            actions=(evil,),
            codes=(evil,),
            state="invalid",
            ingredients=(
                IngredientFacts(
                    title=evil,
                    relationship=evil,
                    credentials=True,
                    issuer=evil,
                    claim_generator=evil,
                    codes=(evil,),
                ),
            ),
        ),
        checks=(Check(name=evil, state="done", detail=evil),),
        decision=Decision(action="review", reason=evil, policy_name=evil, policy_version=evil),
    )


def test_nothing_from_a_file_becomes_markup():
    tags = {tag for tag, _ in page(*ALL).elements}
    for results in ((hostile_result(),), (hostile_result(), CLEAN)):
        text = to_html(results)
        shown = Page(text)
        assert {tag for tag, _ in shown.elements} <= tags
        assert not any(name.startswith("on") for _, a in shown.elements for name in a)
        assert "<script" not in text
        for control in ("\x00", "\x1b", "\u202e"):
            assert control not in text
        assert "alert(1)" in shown.text


def test_a_notebook_gets_the_page_in_a_frame():
    shown = Page(hostile_result()._repr_html_())
    ((tag, attributes),) = shown.elements
    assert (tag, attributes["sandbox"]) == ("iframe", "")
    assert Page(attributes["srcdoc"]).all("h1")


def test_everything_that_is_drawn_is_said_too():
    shown = page(TAMPERED)
    for attributes in shown.all("svg"):
        drawn = attributes.get("role") == "img" and attributes.get("aria-label")
        inside = set(attributes) <= {"y", "height"}
        assert drawn or attributes.get("aria-hidden") == "true" or inside
    labels = [a["aria-label"] for a in shown.all("svg") if "aria-label" in a]
    assert any("0:02 to 0:03: no mark" in label for label in labels)
    assert any("coloured where the mark is missing" in label for label in labels)
    assert "Timeline as a table" in shown.text


def test_tables_and_headings_are_in_order():
    for results in ((TAMPERED,), ALL):
        shown = page(*results)
        assert all(a.get("scope") in {"row", "col"} for a in shown.all("th"))
        levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert all(b <= a + 1 for a, b in pairwise(levels))
        ids = [a["id"] for _, a in shown.elements if "id" in a]
        assert len(ids) == len(set(ids))


def blocks(text):
    return len(re.findall(r'<rect [^>]*fill="#ff2f6d"', text))


def test_the_heat_map_shows_what_is_missing_and_when():
    text = to_html([TAMPERED])
    assert blocks(text) == 4 * 5
    assert re.search(r'<rect x="720" y="240" width="400" height="320"', text)
    # At another time the mark is there.
    elsewhere = replace(TAMPERED.tampering[1], start_s=0.1, end_s=0.9)
    assert blocks(to_html([replace(TAMPERED, tampering=(elsewhere,))])) == 0
    # Without a region there is one map over all of the time.
    always = replace(tamper_map(), grid=np.repeat(tamper_map().grid[2:3], 5, axis=0))
    whole = replace(TAMPERED, tampering=(), tamper_map=always)
    assert blocks(to_html([whole])) == 4 * 5
    assert blocks(to_html([replace(whole, tamper_map=None)])) == 0
    nowhere = replace(tamper_map(), grid=np.zeros((5, 9, 16), np.float32))
    assert "the mark missing nowhere" in to_html([replace(whole, tamper_map=nowhere)])


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ((0, 0, 9, 9), "at the upper left"),
        ((600, 0, 9, 9), "at the top"),
        ((600, 350, 9, 9), "in the middle"),
        ((1270, 350, 9, 9), "at the right"),
        ((1270, 710, 99, 99), "at the lower right"),
    ],
)
def test_where_a_sign_is_stands_in_words(region, words):
    sign = replace(TAMPERED.tampering[1], region=region)
    assert f"the sign framed, {words}." in to_html([replace(TAMPERED, tampering=(sign,))])


def test_a_huge_or_empty_map_breaks_nothing():
    for shape in ((1, 400, 400), (0, 2, 2)):
        grid = np.ones(shape, np.float32)
        huge = TamperMap(times_s=(0.0, 5.0), grid=grid, width=1280, height=720)
        assert blocks(to_html([replace(TAMPERED, tamper_map=huge)])) == 0


def test_lanes_stay_inside_of_their_time():
    late = replace(TAMPERED, file=replace(TAMPERED.file, duration_s=1.0))
    for value in re.findall(r'(?:x|cx)="([\d.]+)%"', to_html([late])):
        assert 0 <= float(value) <= 100


def test_signs_that_overlap_in_time_are_both_seen():
    rows = re.findall(r'<svg y="(\d+)" height="22">', to_html([TAMPERED]))
    assert len(set(rows)) == 2


def test_the_credentials_are_a_tree():
    text = to_html([TAMPERED])
    draft, music, first = (text.index(one) for one in ("draft.mp4", "music.wav", "first.mp4"))
    assert draft < first < music
    assert "assertion.bmffHash.mismatch" in text


def test_a_deep_or_endless_tree_of_ingredients_ends():
    chain = tuple(
        IngredientFacts(title=f"n{n}", relationship="parentOf", parent=n - 1 if n else None)
        for n in range(300)
    )
    text = to_html([replace(TAMPERED, manifest=manifest(ingredients=chain))])
    assert "and what went into that" in text
    selfish = (IngredientFacts(title="x", relationship="parentOf", parent=0),)
    assert to_html([replace(TAMPERED, manifest=manifest(ingredients=selfish))])


def test_many_files_have_an_overview_that_leads_to_each():
    shown = page(*ALL)
    links = [a["href"] for a in shown.all("a") if a["href"].startswith("#file")]
    ids = [a["id"] for a in shown.all("article")]
    assert links == [f"#{one}" for one in ids]
    assert "7 files" in shown.text


def test_many_pictures_do_not_make_a_page_that_never_opens():
    many = to_html([replace(CLEAN, storyboard=shots(2))] * 103)
    assert many.count("out of the video, evenly spaced") == 100


def test_the_page_says_when_it_was_made():
    assert "2026-11-25 17:00 UTC" in to_html([CLEAN], now=datetime(2026, 11, 25, 17, tzinfo=UTC))


def test_sound_alone_has_a_timeline_and_no_pictures():
    shown = page(SOUND)
    assert "Mark in the sound" in shown.text
    assert "In the pictures" not in shown.text


def test_every_sign_and_check_has_words():
    sources = [path.read_text() for path in Path(detectors.__file__).parent.glob("*.py")]
    for pattern, words in ((r'\bkind="(\w+)"', TAMPERING), (r'Check\(\s*name="(\w+)"', CHECKS)):
        found = {name for text in sources for name in re.findall(pattern, text)}
        assert found
        assert found - set(words) == set()
    assert set(TAMPERING) == set(TAMPERING_KINDS)
    assert set(MODIFIED) == set(MODIFIED_KINDS)


def test_words_for_numbers():
    assert [odds(x) for x in (None, 0.0, 1e-9, 3.6e-15, 2e-3, 0.7)] == [
        None,
        "less than 1 in 10^30",
        "1 in 1 billion",
        "1 in 278 trillion",
        "1 in 500",
        "not bounded",
    ]
    assert [clock(x) for x in (0, 6.2, 59.96, 61.5, 3661)] == [
        "0:00",
        "0:06.2",
        "1:00",
        "1:01.5",
        "1:01:01",
    ]
    assert [when(None, None), when(1.0, None), when(1.0, 2.0)] == [
        "whole file",
        "at 0:01",
        "0:01 to 0:02",
    ]
    assert moment("2026-03-24T12:11:12+02:00") == "2026-03-24 10:11 UTC"
    assert moment("2026-03-24T10:11:12") == "2026-03-24 10:11"
    assert moment("yesterday") == "yesterday"
    assert [size(x) for x in (None, 12, 8_412_332)] == [None, "12 bytes", "8.4 MB"]

"""Results come back from JSON as they were, and what no result says does not come back at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from detectors.report import to_html, to_json
from detectors.report.page import to_article
from detectors.report.parsing import from_record
from tests.detectors.report.reports import ALL, TAMPERED
from tests.detectors.report.test_page import hostile_result


@pytest.mark.parametrize("result", [*ALL, hostile_result()], ids=lambda one: one.file.name)
def test_what_was_written_is_read(result):
    back = from_record(json.loads(to_json(result)))
    assert back == result
    # Without its pictures, which JSON leaves out, it is shown as before.
    assert to_html([back]) == to_html([replace(result, tamper_map=None, storyboard=())])


def spoil(record, path, value):
    *way, last = path
    for step in way:
        record = record[step]
    record[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["verdict"], "authentic"),
        (["tampered"], "yes"),
        (["file", "bytes"], 1.5),
        (["file", "bytes"], True),
        (["file", "width"], "<b>"),
        (["file", "more"], 1),
        (["reasons"], "text"),
        (["reasons", 0], {"a": 1}),
        (["tampering", 1, "region"], [1, 2, 3]),
        (["tampering", 1, "start_s"], "0"),
        (["timings_ms"], []),
        (["watermark"], []),
        (["watermark", "segments", 0, "state"], "marked'"),
        (["checks", 0], None),
        (["tampering", 1, "start_s"], float("nan")),
        (["tampering", 1, "start_s"], float("-inf")),
        (["tampering", 1, "start_s"], 10**400),
        (["timings_ms", "all"], float("inf")),
    ],
)
def test_what_is_no_result_is_refused_and_said(path, value):
    record = json.loads(to_json(TAMPERED))
    spoil(record, path, value)
    with pytest.raises(ValueError, match=str(path[0])):
        from_record(record)


def test_lacking_fields_are_said():
    record = json.loads(to_json(TAMPERED))
    del record["verdict"]
    with pytest.raises(ValueError, match="lacks fields: verdict"):
        from_record(record)
    with pytest.raises(ValueError, match="not an object"):
        from_record([])


def test_an_article_has_no_page_around_it():
    article = to_article(TAMPERED)
    assert "<html" not in article
    assert "<h1" not in article
    assert '<article id="file"' in article

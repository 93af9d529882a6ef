"""Results that survive what ends a run, whatever byte it was at."""

from __future__ import annotations

import json

import pytest

from detectors.journal import Journal, forget
from provenance.errors import OutputForbidden

CONTENT = {"a.mp4": "1", "b.mp4": "2", "gone.mp4": ""}


def journal(path, *, run="r", asked=("a.mp4", "b.mp4", "gone.mp4"), content=CONTENT):
    return Journal(path, run=run, asked=set(asked), digest_of=content.__getitem__)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "results.jsonl"
    with journal(path) as opened:
        for number, (name, digest) in enumerate(CONTENT.items()):
            opened.add(json.dumps({"of": name}), path=name, digest=digest, exit_code=number)
    return path


def names(path):
    return [json.loads(line)["of"] for line in path.read_text().splitlines()]


def test_what_is_done_is_known_with_its_code(path):
    with journal(path) as opened:
        assert opened.done == {"a.mp4": 0, "b.mp4": 1, "gone.mp4": 2}
    assert names(path) == ["a.mp4", "b.mp4", "gone.mp4"]
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, f"{path.name}.journal"]


def test_a_kill_at_any_byte_loses_no_more_than_the_last_result(path):
    results, entries = path.read_bytes(), path.with_name(f"{path.name}.journal").read_bytes()
    beside = path.with_name(f"{path.name}.journal")
    whole = results.rindex(b"\n", 0, -1) + 1
    cuts = [
        (results[:at], entries[: entries.rindex(b"\n", 0, -1) + 1])
        for at in range(whole, len(results) + 1)
    ]
    cuts += [(results, entries[:at]) for at in range(len(entries) - 40, len(entries))]
    for left, known in cuts:
        path.write_bytes(left)
        beside.write_bytes(known)
        with journal(path) as opened:
            assert opened.done == {"a.mp4": 0, "b.mp4": 1}
            opened.add('{"of": "gone.mp4"}', path="gone.mp4", digest="", exit_code=3)
        assert names(path) == ["a.mp4", "b.mp4", "gone.mp4"]


def test_other_content_and_other_settings_are_done_again(path):
    with journal(path, content={**CONTENT, "a.mp4": "changed"}) as opened:
        assert opened.done == {"b.mp4": 1, "gone.mp4": 2}
    assert names(path) == ["b.mp4", "gone.mp4"]
    with journal(path, run="other", asked=["b.mp4"]) as opened:
        assert opened.done == {}
    # Of what was not asked for the result stays.
    assert names(path) == ["gone.mp4"]


def test_failures_of_the_machine_are_tried_again(tmp_path):
    path = tmp_path / "r.jsonl"
    with journal(path) as opened:
        opened.add("{}", path="a.mp4", digest="1", exit_code=4)
    with journal(path) as opened:
        assert opened.done == {}
    assert path.read_text() == ""


def test_two_runs_do_not_write_the_same_file(path):
    with journal(path), pytest.raises(OutputForbidden, match="another run"), journal(path):
        pass
    with journal(path) as opened:
        assert len(opened.done) == 3


def test_results_without_a_journal_are_left_alone(path):
    before = path.read_text()
    forget(path)
    with pytest.raises(OutputForbidden, match="cannot be resumed"), journal(path):
        pass
    assert path.read_text() == before

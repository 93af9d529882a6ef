from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from provenance.store import open_store
from provenance.store_cli import main
from tests.stored import ID, record


@pytest.fixture
def run(tmp_path):
    with open_store(tmp_path / "store") as store:
        store.put(record())
        store.reserve("0" * 14)

    def ask(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["--store", str(tmp_path / "store"), *arguments])
        assert result.exit_code == code, result.output
        return result.output

    return ask


def facts(run) -> dict:
    return json.loads(run("info", "--format", "json"))


def test_rules_are_set_shown_and_taken_back(run):
    assert "no rule" in run("info")
    run("rule", "ltx-2.3-full", "--days", "30")
    run("rule", "*", "--days", "400")
    assert facts(run)["rules"] == {"*": 400, "ltx-2.3": 30}
    assert "ltx-2.3 for 30 days" in run("info")
    run("rule", "*", "--drop")
    assert facts(run)["rules"] == {"ltx-2.3": 30}
    run("rule", "*", "--drop", code=2)
    run("rule", "*", code=2)
    run("rule", "no-such-model", "--days", "3", code=2)


def test_what_is_over_is_purged(run):
    assert (facts(run)["manifests"], facts(run)["reserved"]) == (1, 1)
    assert run("purge") == ""
    run("keep", ID.upper(), "--until", "2026-04-01")
    assert run("purge", "--dry-run") == f"{ID}\n"
    assert facts(run)["manifests"] == 1
    assert run("purge") == f"{ID}\n"
    assert (facts(run)["manifests"], facts(run)["retired"]) == (0, 1)
    assert "kept under" in run("keep", ID, "--until", "2030-01-01", code=2)


def test_a_date_of_its_own_is_taken_back(run):
    run("rule", "*", "--days", "36500")
    run("keep", ID, "--until", "2026-04-01")
    run("keep", ID, "--as-ruled")
    assert datetime.now(UTC).year < 2100
    assert run("purge") == ""


def test_no_store_is_made_to_be_looked_at(tmp_path):
    result = CliRunner().invoke(main, ["--store", str(tmp_path / "none"), "info"])
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []

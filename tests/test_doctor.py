from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from benchmarks.postgres import running_postgres
from provenance.doctor import LEAST_FREE_BYTES, Places, examine, main
from provenance.keys import create_development_identity
from provenance.store import open_store


@pytest.fixture
def places(tmp_path):
    return Places(keys=tmp_path / "keys", store=tmp_path / "store.sqlite", work=tmp_path)


def findings(places):
    return {finding.name: finding for finding in examine(places)}


def test_a_fresh_machine_is_well(places):
    found = findings(places)
    assert [finding for finding in found.values() if finding.state == "wrong"] == []
    assert found["identity"].state == "note"
    assert found["store"].state == "note"
    assert "libx264" in found["encoders"].detail
    assert "libavcodec" in found["ffmpeg"].detail
    assert sum(name.startswith("credentials: ") for name in found) >= 3
    assert found["compute"].detail
    assert "time and memory bounded" in found["sandbox"].detail


def test_what_the_service_stands_on_is_looked_at(places, tmp_path, monkeypatch):
    found = findings(replace(places, service_data=tmp_path / "not" / "yet"))
    assert found["service: sqlite"].state == "ok"
    assert found["service: many machines"].state == "ok"
    assert found["service: data"].state == "ok"
    assert "service: database" not in found
    nobody = "postgresql://ltx:secret@127.0.0.1:1/service"
    found = findings(replace(places, service_database=nobody))
    assert found["service: database"].state == "wrong"
    assert "secret" not in found["service: database"].detail
    assert "LTX_SERVICE_DATABASE" in found["service: database"].hint
    monkeypatch.setattr("provenance.doctor.OLDEST_SQLITE", (99, 0, 0))
    monkeypatch.setattr("provenance.doctor.SCALE", ("no_such_package",))
    found = findings(places)
    assert found["service: sqlite"].state == "wrong"
    assert found["service: many machines"].detail == "without no_such_package"


def test_a_postgres_that_answers_is_told(places, tmp_path_factory):
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        found = findings(replace(places, service_database=server.new_database()))
    assert found["service: database"].detail.startswith("Postgres ")
    assert found["service: database"].state == "ok"


def test_looking_makes_nothing(places, tmp_path):
    findings(places)
    assert list(tmp_path.iterdir()) == []


def test_an_identity_and_a_store_are_seen(places):
    create_development_identity(places.keys, now=datetime.now(UTC))
    with open_store(places.store):
        pass
    found = findings(places)
    assert "development" in found["identity"].detail
    assert found["store"].state == "ok"


def test_keys_that_others_can_read_are_wrong(places):
    create_development_identity(places.keys, now=datetime.now(UTC))
    (places.keys / "identity" / "private.pem").chmod(0o644)
    found = findings(places)
    assert found["identity"].state == "wrong"
    assert found["identity"].hint


@pytest.mark.parametrize("content", [b"not a database" * 100, b""], ids=["text", "empty"])
def test_a_damaged_store_is_wrong(places, content):
    places.store.write_bytes(content)
    assert findings(places)["store"].state == "wrong"


def test_another_programs_database_is_wrong(places):
    connection = sqlite3.connect(places.store)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()
    assert findings(places)["store"].state == "wrong"


def test_the_command_tells_by_its_exit_code(places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places.store.write_bytes(b"not a database" * 100)
    arguments = ["--keys", str(places.keys), "--store", str(places.store), "--format", "json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ok"] is False
    assert [f["name"] for f in document["findings"] if f["state"] == "wrong"] == ["store"]
    places.store.unlink()
    assert CliRunner().invoke(main, arguments).exit_code == 0
    text = CliRunner().invoke(main, arguments[:-2])
    assert text.stdout.startswith("   ok  python: ")


def test_little_room_is_wrong(places, monkeypatch):
    usage = type("usage", (), {"free": LEAST_FREE_BYTES - 1})
    monkeypatch.setattr("provenance.doctor.shutil.disk_usage", lambda folder: usage)
    assert findings(places)["disk"].state == "wrong"

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from provenance.errors import OptionError, StoreError
from provenance.store import default_store_path, open_store
from provenance.store.schema import MIGRATIONS
from tests.stored import ID, manifest_store, record


def test_reading_a_store_that_does_not_exist_makes_none(tmp_path: Path):
    with open_store(tmp_path / "none" / "s", create=False) as store:
        assert store.get(ID) is None
        assert not store.contains(ID)
        with pytest.raises(StoreError):
            store.put(record())
        with pytest.raises(StoreError):
            store.reserve(ID)
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_can_read_the_store(tmp_path: Path):
    with open_store(tmp_path / "s") as store:
        store.put(record())
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_urls(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_store(f"sqlite:///{tmp_path}/absolute%20name").close()
    open_store("sqlite:///relative").close()
    assert {path.name for path in tmp_path.iterdir()} == {"absolute name", "relative"}
    for wrong in ("mysql://host/db", "sqlite://host/db", "sqlite://", "sqlite:///x?mode=ro"):
        with pytest.raises(OptionError):
            open_store(wrong)


def test_what_is_no_store_is_named_and_left_alone(tmp_path: Path):
    text = tmp_path / "text"
    text.write_bytes(b"these are notes, not a database" * 100)
    other = tmp_path / "other"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    before = other.read_bytes()
    for path in (text, other):
        with pytest.raises(StoreError) as caught:
            open_store(path)
        assert str(path) in caught.value.message
        assert caught.value.hint
    assert other.read_bytes() == before
    assert text.read_bytes().startswith(b"these are notes")


def test_a_damaged_store_is_an_error_with_advice(tmp_path: Path):
    path = tmp_path / "s"
    with open_store(path) as store:
        for number in range(200):
            store.put(record(f"{number:014x}", bytes(500)))
    raw = bytearray(path.read_bytes())
    for page in range(4096, len(raw), 4096):
        raw[page : page + 64] = b"\xff" * 64
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="damaged"), open_store(path) as store:
        store.get(f"{7:014x}")


def test_a_damaged_record_does_not_hide_the_other_marks(tmp_path: Path):
    with open_store(tmp_path / "s") as store:
        store.put(record(), record("000000000000cd"), record("000000000000ef"))
    with sqlite3.connect(tmp_path / "s") as connection:
        connection.execute("UPDATE manifests SET day = 'soon' WHERE content_id = ?", (ID,))
        connection.execute("UPDATE manifests SET day = NULL WHERE content_id LIKE '%ef'")
    with open_store(tmp_path / "s", create=False) as store:
        assert [mark.content_id for mark in store.marks(limit=9)] == ["000000000000cd"]


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path):
    open_store(tmp_path / "s").close()
    connection = sqlite3.connect(tmp_path / "s")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        open_store(tmp_path / "s")


def test_a_locked_store_is_an_error_with_advice(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("provenance.store.sqlite._BUSY_MS", 50)
    with open_store(tmp_path / "s") as store:
        other = sqlite3.connect(tmp_path / "s", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            store.put(record())
        other.execute("ROLLBACK")
        other.close()
        store.put(record())


def test_a_folder_is_no_store(tmp_path: Path):
    with pytest.raises(StoreError):
        open_store(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_in_a_folder_that_cannot_be_written_is_read(tmp_path: Path):
    with open_store(tmp_path / "s") as store:
        store.put(record())
    tmp_path.chmod(0o500)
    with open_store(tmp_path / "s", create=False) as store:
        assert store.get(ID) == record()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        open_store(tmp_path / "sub" / "s")


def test_the_default_path_follows_the_environment():
    assert default_store_path({"LTX_STORE": "sqlite:////srv/s"}) == Path("/srv/s")
    assert default_store_path({"XDG_DATA_HOME": "/d"}) == Path("/d/everyframe/manifests.sqlite")
    assert default_store_path({"HOME": "/h"}) == Path("/h/.local/share/everyframe/manifests.sqlite")
    postgres = "postgresql://db.example/ltx"
    assert default_store_path({"LTX_STORE": postgres}) == postgres


def old_store(path: Path) -> Path:
    """A store as version 1 left it, with a manifest and a reservation."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in MIGRATIONS[1]:
        connection.execute(
            statement.format(bytes="BLOB", real="REAL", options=" WITHOUT ROWID, STRICT")
        )
    connection.execute(f"PRAGMA application_id = {0x45464D53}")
    connection.execute("PRAGMA user_version = 1")
    values = (
        ID,
        manifest_store("urn:c2pa:old"),
        "video/mp4",
        "ltx-2.3",
        "2026-03-24",
        "hmac-sha256:00",
        "2026-03-24T12:00:00+00:00",
        1920,
        1080,
        4.5,
    )
    connection.execute(f"INSERT INTO manifests VALUES ({', '.join('?' * 10)})", values)
    connection.execute("INSERT INTO manifests (content_id) VALUES (?)", ("0" * 14,))
    connection.close()
    return path


@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_an_older_version_is_brought_up_to_date(tmp_path: Path, create):
    with open_store(old_store(tmp_path / "s"), create=create) as store:
        assert store.get(ID) == record(manifest=manifest_store("urn:c2pa:old"))
        assert store.manifest_id(ID) == "urn:c2pa:old"
        assert store.contains("0" * 14)

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from provenance.errors import OptionError, StoreError
from provenance.store import StoredManifest, default_store_path, open_store

ID = "000000000000ab"


def record(content_id: str = ID, manifest: bytes = b"signed") -> StoredManifest:
    return StoredManifest(
        content_id=content_id,
        manifest=manifest,
        mime="video/mp4",
        model="ltx-2.3",
        day=date(2026, 3, 24),
        prompt_hash="hmac-sha256:00",
        created=datetime(2026, 3, 24, 12, tzinfo=UTC),
        width=1920,
        height=1080,
        duration_s=4.5,
    )


def test_what_is_put_is_found_again_after_reopening(tmp_path: Path):
    with open_store(tmp_path / "new" / "store.sqlite") as store:
        store.put(record())
        assert store.get("00000000000000") is None
    with open_store(tmp_path / "new" / "store.sqlite", create=False) as store:
        assert store.get(ID) == record()
        assert store.contains(ID)


def test_an_id_is_reserved_once_and_then_filled(tmp_path: Path):
    with open_store(tmp_path / "s") as first, open_store(tmp_path / "s") as second:
        assert first.reserve(ID)
        assert not second.reserve(ID)
        assert second.contains(ID)
        assert second.get(ID) is None
        first.put(record())
        assert second.get(ID) == record()
        assert not second.reserve(ID)


def test_a_released_reservation_is_free_and_a_manifest_is_not_released(tmp_path: Path):
    with open_store(tmp_path / "s") as store:
        store.reserve(ID)
        store.release(ID)
        assert not store.contains(ID)
        store.put(record())
        store.release(ID)
        assert store.get(ID) == record()


def test_another_manifest_under_the_same_id_is_refused_and_the_same_is_no_matter(tmp_path: Path):
    with open_store(tmp_path / "s") as store:
        store.put(record())
        store.put(record())
        with pytest.raises(StoreError, match="another manifest"):
            store.put(record(manifest=b"other"))
        assert store.get(ID) == record()


def _reserve_all(path: Path, answers) -> None:
    with open_store(path) as store:
        answers.put([store.reserve(f"{number:014x}") for number in range(40)])


def test_processes_that_open_a_new_store_at_once_never_share_an_id(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [
        context.Process(target=_reserve_all, args=(tmp_path / "s", answers)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    taken = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert [sum(column) for column in zip(*taken, strict=True)] == [1] * 40


def test_reading_a_store_that_does_not_exist_makes_none(tmp_path: Path):
    with open_store(tmp_path / "none" / "s", create=False) as store:
        assert store.get(ID) is None
        assert not store.contains(ID)
        with pytest.raises(StoreError):
            store.put(record())
        with pytest.raises(StoreError):
            store.reserve(ID)
    assert list(tmp_path.iterdir()) == []


def test_a_store_opened_for_reading_is_not_written(tmp_path: Path):
    open_store(tmp_path / "s").close()
    with open_store(tmp_path / "s", create=False) as store, pytest.raises(StoreError):
        store.put(record())


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
    for wrong in ("postgresql://host/db", "sqlite://host/db", "sqlite://", "sqlite:///x?mode=ro"):
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


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path):
    open_store(tmp_path / "s").close()
    connection = sqlite3.connect(tmp_path / "s")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        open_store(tmp_path / "s")


def test_a_locked_store_is_an_error_with_advice(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("provenance.store._BUSY_MS", 50)
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

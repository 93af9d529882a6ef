"""What every store does, over SQLite and over Postgres."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.drawn_sound import voice
from provenance.errors import StoreError
from provenance.store import RetentionRule, open_store
from provenance.store.subprints import sound_queries, video_queries
from tests.stored import ID, heard, manifest_store, record, scene, seen

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OTHER = "000000000000cd"


def test_what_is_put_is_found_again_after_reopening(address):
    kept = record(video_fingerprint=seen(scene(1)).to_bytes(), keep_until=NOW, prompt_hash=None)
    with open_store(address) as store:
        store.put(kept)
        assert store.get("00000000000000") is None
    with open_store(address, create=False) as store:
        assert store.get(ID) == kept
        assert store.contains(ID)


def test_marks_are_listed_the_newest_first(store):
    for number in range(3):
        content_id = f"{number:014x}"
        store.put(record(content_id, created=NOW + timedelta(days=number)))
    store.reserve(OTHER)  # no mark yet
    marks = store.marks(limit=2)
    assert [mark.content_id for mark in marks] == [f"{number:014x}" for number in (2, 1)]
    kept = record(f"{2:014x}")
    assert (marks[0].model, marks[0].day) == (kept.model, kept.day)


def test_an_id_is_reserved_once_and_then_filled(address):
    with open_store(address) as first, open_store(address) as second:
        assert first.reserve(ID)
        assert not second.reserve(ID)
        assert second.contains(ID)
        assert second.get(ID) is None
        first.put(record())
        assert second.get(ID) == record()
        assert not second.reserve(ID)


def test_a_released_reservation_is_free_and_a_manifest_is_not_released(store):
    store.reserve(ID)
    store.release(ID)
    assert not store.contains(ID)
    store.put(record())
    store.release(ID)
    assert store.get(ID) == record()


def test_another_manifest_under_the_same_id_is_refused_and_the_same_is_no_matter(store):
    store.put(record())
    store.put(record())
    with pytest.raises(StoreError, match="another manifest"):
        store.put(record(OTHER), record(manifest=b"other"))
    assert store.get(ID) == record()
    assert not store.contains(OTHER), "all or none"


def _reserve_all(address, answers) -> None:
    with open_store(address) as store:
        answers.put([store.reserve(f"{number:014x}") for number in range(40)])


def test_processes_that_open_a_new_store_at_once_never_share_an_id(address):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [context.Process(target=_reserve_all, args=(address, answers)) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert [sum(column) for column in zip(*taken, strict=True)] == [1] * 40


def test_a_store_opened_for_reading_is_not_written(address):
    open_store(address).close()
    with open_store(address, create=False) as store:
        for write in (lambda: store.put(record()), lambda: store.reserve(ID)):
            with pytest.raises(StoreError, match="reading"):
                write()


def test_a_manifest_is_found_by_the_label_of_its_active_one(store):
    kept = record(manifest=manifest_store("urn:c2pa:parent", "urn:c2pa:active"))
    store.put(kept, record(OTHER))
    assert store.get_manifest("urn:c2pa:active") == kept
    assert store.get_manifest("urn:c2pa:parent") is None
    assert store.manifest_id(ID) == "urn:c2pa:active"
    assert store.manifest_id(OTHER).startswith("urn:sha256:")
    assert store.manifest_id("0" * 14) is None


def test_bindings_lead_to_manifests_that_are_here(store):
    store.put(record(manifest=manifest_store("urn:c2pa:a")))
    assert store.bind("urn:c2pa:a", "com.example.mark", b"\0\1")
    assert store.bind("urn:c2pa:a", "com.example.mark", b"\0\1")
    assert not store.bind("urn:c2pa:b", "com.example.mark", b"\0\1")
    assert store.bound("com.example.mark", b"\0\1", limit=5) == ["urn:c2pa:a"]
    assert store.bound("com.example.other", b"\0\1", limit=5) == []


def test_edits_stand_beside_the_manifest_of_the_file_that_was_marked(store):
    print_of = {seed: seen(scene(seed)).to_bytes() for seed in (1, 2)}
    edits = [
        record(
            manifest=manifest_store(f"urn:c2pa:edit{seed}"),
            keeps_mark=True,
            video_fingerprint=print_of[seed],
            created=NOW + timedelta(days=seed),
        )
        for seed in (1, 2)
    ]
    store.put(*edits)
    store.put(edits[0])
    # They answer for a mark that was made elsewhere, until its own manifest comes.
    assert store.get(ID) == edits[0]
    assert store.contains(ID)
    assert not store.reserve(ID)
    own = record(manifest=manifest_store("urn:c2pa:own"))
    store.put(own)
    assert store.get(ID) == own
    labels = ["urn:c2pa:own", "urn:c2pa:edit1", "urn:c2pa:edit2"]
    assert store.manifest_ids(ID, limit=9) == labels
    assert store.manifest_ids(ID, limit=2) == labels[:2]
    assert [store.get_manifest(label) for label in labels] == [own, *edits]
    for seed in (1, 2):
        (found,) = store.similar(video_queries(seen(scene(seed))), limit=1)
        assert (found.content_id, found.manifest_id) == (ID, f"urn:c2pa:edit{seed}")
    assert store.bind("urn:c2pa:edit1", "com.example.mark", b"1")
    assert store.facts().manifests == 1
    assert store.facts().editions == 2


def test_a_label_names_one_manifest(store):
    edit = record(manifest=manifest_store("urn:c2pa:edit"), keeps_mark=True)
    store.put(edit)
    longer = manifest_store("urn:c2pa:edit") + b"more"
    own = record(OTHER, manifest=manifest_store("urn:c2pa:own"))
    with pytest.raises(StoreError, match="called urn:c2pa:edit"):
        store.put(own, record(manifest=longer, keeps_mark=True))
    assert store.get_manifest("urn:c2pa:edit") == edit
    assert not store.contains(OTHER), "all or none"


def test_edits_are_purged_by_their_own_time(store):
    early = record(
        manifest=manifest_store("urn:c2pa:early"),
        keeps_mark=True,
        video_fingerprint=seen(scene(1)).to_bytes(),
    )
    late = record(manifest=manifest_store("urn:c2pa:late"), keeps_mark=True, created=NOW)
    store.put(early, late)
    store.bind("urn:c2pa:early", "com.example.mark", b"1")
    store.set_rule(RetentionRule(model="ltx-2.3", days=1_000_000_000))
    assert store.purge(NOW) == []
    store.set_rule(RetentionRule(model="ltx-2.3", days=10))
    assert store.purge(NOW, dry_run=True) == ["urn:c2pa:early"]
    assert store.purge(NOW) == ["urn:c2pa:early"]
    assert store.get_manifest("urn:c2pa:early") is None
    assert store.bound("com.example.mark", b"1", limit=1) == []
    assert store.similar(video_queries(seen(scene(1))), limit=3) == []
    assert store.get(ID) == late
    assert store.keep(ID, NOW + timedelta(days=99))
    assert store.purge(NOW + timedelta(days=50)) == []
    # A purged manifest of a marked file is not stood in for.
    store.put(record(keep_until=NOW))
    assert store.purge(NOW) == [ID]
    assert store.get(ID) is None
    assert store.manifest_ids(ID, limit=5) == []
    assert store.get_manifest("urn:c2pa:late") is not None


def test_a_fingerprint_finds_its_content_among_others(store):
    films = {f"{number:014x}": scene(number) for number in range(6)}
    voices = {f"{100 + number:014x}": voice(4, 16_000, seed=number) for number in range(5)}
    store.put(
        *(record(i, video_fingerprint=seen(film).to_bytes()) for i, film in films.items()),
        *(record(i, audio_fingerprint=heard(v, 16_000).to_bytes()) for i, v in voices.items()),
    )
    rng = np.random.default_rng(0)
    for content_id, film in films.items():
        noisy = (film[5:, ::-1][:, ::-1] + rng.normal(0, 6, film[5:].shape)).clip(0, 255)
        found = store.similar(video_queries(seen(noisy.astype(np.uint8))), limit=3)
        assert found[0].content_id == content_id
        barred = np.pad(film, ((0, 0), (15, 15), (0, 0)), constant_values=16)
        assert store.similar(video_queries(seen(barred)), limit=3)[0].content_id == content_id
    for content_id, sound in voices.items():
        noisy = sound + rng.normal(0, 0.02, sound.shape)
        keys = sound_queries(heard(noisy[7_777:].astype(np.float32), 16_000))
        assert store.similar(keys, limit=3)[0].content_id == content_id
    strange = store.similar(video_queries(seen(scene(99))), limit=3)
    assert not strange or strange[0].hits < 4


def test_a_fingerprint_that_is_none_is_refused(store):
    with pytest.raises(StoreError, match="fingerprint"):
        store.put(record(video_fingerprint=b"not one"))
    assert not store.contains(ID)


def test_rules_and_dates_say_what_is_purged(store):
    old, own_date, other_model, young = (f"{number:014x}" for number in range(1, 5))
    store.put(
        record(old, video_fingerprint=seen(scene(1)).to_bytes()),
        record(own_date, keep_until=NOW + timedelta(days=1)),
        record(other_model, model="helios-1.0"),
        record(young, created=NOW - timedelta(days=2)),
    )
    assert store.purge(NOW) == []
    store.set_rule(RetentionRule(model="*", days=400))
    store.set_rule(RetentionRule(model="ltx-2.3", days=90))
    store.set_rule(RetentionRule(model="ltx-2.3", days=30))
    assert store.rules() == [
        RetentionRule(model="*", days=400),
        RetentionRule(model="ltx-2.3", days=30),
    ]
    assert store.purge(NOW, dry_run=True) == [old]
    assert store.get(old) is not None
    assert store.purge(NOW) == [old]
    assert store.get(old) is None
    assert store.similar(video_queries(seen(scene(1))), limit=3) == []
    assert store.purge(NOW + timedelta(days=1)) == [own_date]
    assert store.keep(young, NOW + timedelta(days=2))
    assert not store.keep(old, None)
    assert store.drop_rule("ltx-2.3")
    assert not store.drop_rule("ltx-2.3")
    assert store.purge(NOW + timedelta(days=2)) == [young]
    facts = store.facts()
    assert (facts.manifests, facts.retired, facts.keys) == (1, 3, 0)


def test_an_id_whose_manifest_was_purged_is_not_given_again(store):
    store.put(record(keep_until=NOW))
    store.purge(NOW)
    store.release(ID)
    assert not store.reserve(ID)
    with pytest.raises(StoreError):
        store.put(record(manifest=b"another"))


def test_reservations_that_were_left_are_purged(store):
    store.reserve(ID)
    assert store.purge(datetime.now(UTC)) == []
    assert store.purge(datetime.now(UTC) + timedelta(days=2)) == [ID]
    assert store.reserve(ID)

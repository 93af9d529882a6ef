"""Scans by a real worker, in the real sandbox: what comes out, and that nothing stays."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from detectors.receipt import read_receipt
from detectors.report import schema_text
from provenance.clip import VideoSpec
from provenance.errors import OutputError
from provenance.keys import DEFAULT_CARRIER_KEY, create_development_identity
from provenance.payload import Payload
from provenance.sandbox import SandboxLimits
from provenance.store import open_store
from provenance.trust import TrustSettings
from provenance.video import open_media
from service.accounts import Quota
from service.documents import scan_document
from service.scanning import Scanner
from service.scans import NewScan
from service.worker import Worker
from tests import confined
from tests.bad_inputs import SOUND, STILLS, UNREADABLE, make_bad
from tests.detectors.conftest import HEIGHT, RATE, WIDTH, drawn_pictures, marked, write_clip
from tests.stored import record

CONTENT = 0x4711


@pytest.fixture(scope="module")
def marked_clip(tmp_path_factory):
    spec = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
    payload = Payload(model=1, day=date(2026, 3, 24), content_id=CONTENT)
    pictures = marked(drawn_pictures(spec, seconds=3), payload, DEFAULT_CARRIER_KEY)
    return write_clip(tmp_path_factory.mktemp("marked") / "marked.mp4", pictures, spec)


@pytest.fixture
def worker(services, settings):
    return Worker(services, Scanner(settings.scan))


def submit(services, tenant, data, *, depth="early"):
    scan = services.scans.new_id()
    part = services.settings.incoming / f"{scan}.part"
    part.write_bytes(data)
    services.storage.keep(part, scan)
    new = NewScan(id=scan, tenant=tenant.id, source="upload", depth=depth, bytes=len(data))
    services.scans.submit(new, actor="test", quota=Quota())
    return scan


def finished(services, worker, scan):
    assert worker.work_once()
    found = services.scans.get(scan)
    assert found.state == "done"
    assert services.queue.waiting() == 0
    assert list((services.settings.data / "uploads").iterdir()) == []
    return found


def test_a_plain_clip_is_no_evidence_and_allowed(services, tenant, worker, clip):
    scan = finished(services, worker, submit(services, tenant, clip))
    assert (scan.verdict, scan.action, scan.progress) == ("no_evidence", "allow", 1)
    assert scan.answer["decision"]["policy_name"] == "everyframe"
    assert worker.work_once() is False


def test_a_marked_clip_is_labelled_and_says_by_what(services, tenant, worker, marked_clip):
    data = marked_clip.read_bytes()
    scan = finished(services, worker, submit(services, tenant, data))
    assert (scan.verdict, scan.action) == ("ai_generated", "label")
    (signal,) = [one for one in scan.answer["signals"] if one["kind"] == "watermark"]
    assert signal["model"] == "ltx-2.3"
    assert signal["content_id"] == f"{CONTENT:014x}"
    assert scan.answer["decision"]["reason"] == "made or edited with AI"
    # It stopped at the first signal: what comes after was not looked for, and it says so.
    assert scan.answer["result"]["tampered"] is None
    document = scan_document(scan)
    assert document["sha256"] == scan.answer["result"]["file"]["sha256"]


def test_a_mark_too_faint_to_be_read_is_recognised_by_the_store(
    services, tenant, settings, marked_clip, tmp_path
):
    spec = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
    with open_media(marked_clip) as media:
        faint = write_clip(tmp_path / "faint.mp4", media.pictures(), spec, crf=38)
    store = tmp_path / "store.sqlite"
    with open_store(store) as opened:
        opened.put(record(f"{CONTENT:014x}"))
    scan_settings = replace(settings.scan, store=str(store))
    worker = Worker(services, Scanner(scan_settings))
    scan = finished(services, worker, submit(services, tenant, faint.read_bytes(), depth="full"))
    mark = scan.answer["result"]["watermark"]
    assert mark["content_id"] == f"{CONTENT:014x}"
    assert mark["recognised_among"] == 3
    assert scan.verdict == "ai_generated"


def test_a_result_has_a_receipt_that_holds_and_is_for_its_bytes(
    services, tenant, settings, clip, client
):
    identity = create_development_identity(Path(settings.scan.keys), now=datetime.now(UTC))
    worker = Worker(services, Scanner(settings.scan))
    scan = finished(services, worker, submit(services, tenant, clip))
    answer = client.ask("GET", f"/v1/scans/{scan.id}/receipt")
    assert answer.status_code == 200
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    sha256 = hashlib.sha256(clip).hexdigest()
    receipt = read_receipt(answer.text.strip(), trust, file_sha256=sha256)
    assert receipt.problems == ()
    assert receipt.result["decision"]["action"] == "allow"
    assert not read_receipt(answer.text.strip(), trust, file_sha256="0" * 64).holds


def test_without_an_identity_there_is_no_receipt(services, tenant, worker, clip, client):
    scan = submit(services, tenant, clip)
    path = f"/v1/scans/{scan}/receipt"
    assert client.ask("GET", path).json()["code"] == "scan.unfinished"
    finished(services, worker, scan)
    assert client.ask("GET", path).json()["code"] == "scan.no_receipt"


def test_a_result_for_other_bytes_is_none(services, tenant, worker, clip, monkeypatch):
    monkeypatch.setattr("service.worker._PAUSES_S", (0.0,))
    monkeypatch.setattr("service.scanning._sha256", lambda _: "0" * 64)
    scan = submit(services, tenant, clip)
    for _ in range(2):
        assert worker.work_once()
    assert finished(services, worker, scan).answer["error"]["code"] == "sandbox.crashed"


def test_the_result_fits_its_schema_and_holds_nothing_of_the_sender(
    services, tenant, worker, clip, settings
):
    import json

    import jsonschema

    scan = finished(services, worker, submit(services, tenant, clip))
    jsonschema.validate(scan.answer["result"], json.loads(schema_text()))
    text = json.dumps(scan_document(scan))
    assert scan.answer["result"]["file"]["name"] == "upload"
    for secret in (tenant.id, tenant.name, str(settings.data), "/proc"):
        assert secret not in text


@pytest.mark.parametrize(
    "kind", sorted(set(UNREADABLE) - {"missing", "folder", "empty", *STILLS, *SOUND})
)
def test_bad_files_are_for_people_to_look_at(kind, services, tenant, worker, tmp_path, clip):
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    data = make_bad(kind, tmp_path, path).read_bytes()
    scan = finished(services, worker, submit(services, tenant, data))
    assert (scan.verdict, scan.action) == ("unreadable", "review")
    assert scan.answer["error"]["code"] == UNREADABLE[kind]


def test_a_scan_that_takes_too_long_is_for_review(services, tenant, worker, clip):
    worker._scanner._limits = SandboxLimits(wall_s=0.01)
    scan = finished(services, worker, submit(services, tenant, clip))
    assert (scan.verdict, scan.action) == ("unreadable", "review")
    assert scan.answer["error"]["code"] == "sandbox.timeout"


def test_a_scan_that_needs_too_much_memory_is_tried_again_and_then_for_review(
    services, tenant, worker, clip, monkeypatch
):
    monkeypatch.setattr("service.worker._PAUSES_S", (0.0,))
    monkeypatch.setattr("service.scanning.scan_confined", confined.devour)
    worker._scanner._limits = SandboxLimits(memory_bytes=192 << 20)
    scan = submit(services, tenant, clip)
    for attempt in (1, 2):
        assert worker.work_once()
        assert services.scans.get(scan).attempts == attempt
        assert services.scans.get(scan).state == "running"
    found = finished(services, worker, scan)
    assert (found.action, found.attempts) == ("review", 3)
    assert found.answer["error"]["attempts"] == 3


def test_a_poisonous_file_ends_after_its_tries(services, tenant, worker, clip):
    scan = submit(services, tenant, clip)
    for _ in range(services.settings.scan.attempts):
        # A worker that was taken down: its lease runs out, and nobody says anything.
        services.queue.claim(0)
    found = finished(services, worker, scan)
    assert (found.verdict, found.action) == ("unreadable", "review")
    assert found.answer["error"] == {
        "code": "sandbox.crashed",
        "message": "the scan was begun 3 times and never ended",
        "attempts": 3,
    }


def test_an_upload_that_is_gone_is_for_review(services, tenant, worker, clip):
    scan = submit(services, tenant, clip)
    services.storage.remove(scan)
    assert finished(services, worker, scan).answer["error"]["code"] == "input.missing"


def test_a_broken_store_never_lets_a_file_pass(services, tenant, worker, clip, monkeypatch):
    monkeypatch.setattr("service.worker._PAUSES_S", (0.0,))
    store = worker._scanner._store
    Path(store).write_bytes(b"not a database" * 100)
    scan = submit(services, tenant, clip)
    assert worker.work_once()
    assert worker.work_once()
    found = finished(services, worker, scan)
    assert (found.action, found.answer["error"]["code"]) == ("review", "store.unavailable")


def test_what_nobody_foresaw_is_for_review_too(services, tenant, worker, clip, monkeypatch):
    monkeypatch.setattr("service.worker._PAUSES_S", (0.0,))

    class Broken:
        def open(self, name):
            raise KeyError("password=hunter2")

        def remove(self, name):
            services.storage.remove(name)

    scan = submit(services, tenant, clip)
    broken = Worker(replace(services, storage=Broken()), worker._scanner)
    for _ in range(3):
        assert broken.work_once()
    found = services.scans.get(scan)
    assert found.action == "review"
    assert found.answer["error"]["message"] == "internal error: KeyError"


def test_a_result_that_cannot_be_stored_is_not_lost(services, tenant, worker, clip, monkeypatch):
    scan = submit(services, tenant, clip)
    with monkeypatch.context() as patch:
        patch.setattr(services.scans, "finish", _full)
        with pytest.raises(OutputError):
            worker.work_once()
    assert services.scans.get(scan).state == "running"
    assert list((services.settings.data / "uploads").iterdir()) != []
    with services.database.writing() as transaction:
        transaction.run("UPDATE jobs SET due = 0")
    assert finished(services, worker, scan).action == "allow"


def _full(*_args, **_more):
    raise OutputError("no room")


def test_a_deleted_scan_is_not_scanned(services, tenant, worker, clip):
    scan = submit(services, tenant, clip)
    services.scans.delete(scan, tenant=tenant.id, actor="test")
    assert worker.work_once()
    assert services.scans.get(scan) is None
    assert services.queue.waiting() == 0
    assert list((services.settings.data / "uploads").iterdir()) == []


def test_a_tenant_has_its_own_policy(services, worker, clip, tmp_path):
    path = tmp_path / "strict.toml"
    path.write_text('version = "7"\ndefault = "block"\n')
    strict = services.accounts.create_tenant("strict", quota=Quota(), policy=str(path))
    scan = finished(services, worker, submit(services, strict, clip))
    assert scan.action == "block"
    assert scan.answer["decision"]["policy_version"] == "7"


def test_no_upload_reads_another(services, tenant, worker, tmp_path, marked_clip):
    other = submit(services, tenant, marked_clip.read_bytes())
    uploads = services.settings.data / "uploads"
    text = f"ffconcat version 1.0\nfile {other}\nfile {uploads / other}\n"
    scan = submit(services, tenant, text.encode())
    assert worker.work_once()
    assert worker.work_once()
    assert services.scans.get(other).verdict == "ai_generated"
    assert services.scans.get(scan).verdict == "unreadable"


def test_objects_are_fetched_and_bounded(services, tenant, settings, clip, tmp_path):
    (tmp_path / "a b.mp4").write_bytes(clip)
    worker = Worker(services, Scanner(settings.scan))
    small = replace(services, settings=replace(settings, bounds=replace(
        settings.bounds, upload_bytes=100)))  # fmt: skip
    cases = (
        (worker, "a%20b.mp4", "no_evidence", None),
        (worker, "none.mp4", "unreadable", "input.missing"),
        (Worker(small, worker._scanner), "a%20b.mp4", "unreadable", "media.too_large"),
    )
    for one, name, verdict, code in cases:
        address = f"file://{tmp_path}/{name}"
        new = NewScan(
            id=services.scans.new_id(), tenant=tenant.id, source="object", object=address,
            depth="early",
        )  # fmt: skip
        services.scans.submit(new, actor="test", quota=Quota())
        assert one.work_once()
        scan = services.scans.get(new.id)
        assert scan.verdict == verdict
        assert (scan.answer["error"] or {}).get("code") == code
    assert list(settings.incoming.iterdir()) == []

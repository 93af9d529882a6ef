"""Files in object stores, here in obstore's local one."""

from __future__ import annotations

import sys

import pytest

from detectors.batch import Settings, verify_one
from detectors.files import expand
from detectors.objects import fetched, is_address, object_digest
from provenance.errors import InputForbidden, InputMissing, MediaTooLarge, PackageMissing
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.trust import TrustSettings


@pytest.fixture
def bucket(tmp_path):
    for name in ("b.mp4", "a.MOV", "notes.txt", "sub/c d%20.webm", "sub/deep/odd[1].mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return f"file://{tmp_path}"


def test_what_is_an_address():
    assert all(map(is_address, ("s3://b/k", "gs://b/", "az://c/x.mp4", "file:///x")))
    assert not any(map(is_address, ("clip.mp4", "s3:/b", "http://x/y.mp4", "postgresql://x", "")))


def test_a_prefix_stands_for_the_media_under_it(bucket):
    names = ["a.MOV", "b.mp4", "sub/c d%20.webm", "sub/deep/odd[1].mp4"]
    assert expand([f"{bucket}/"]) == tuple(f"{bucket}/{name}" for name in names)


def test_patterns(bucket):
    assert expand([f"{bucket}/*.mp4"]) == (f"{bucket}/b.mp4",)
    assert expand([f"{bucket}/**/*.mp4"]) == (f"{bucket}/b.mp4", f"{bucket}/sub/deep/odd[1].mp4")
    assert expand([f"{bucket}/n*.txt"]) == (f"{bucket}/notes.txt",)
    for kept in (f"{bucket}/*.xyz", f"{bucket}/gone.mp4", "file:///no/such/folder/"):
        assert expand([kept]) == (kept,)


def test_an_object_is_fetched_under_its_name_and_removed(bucket):
    address = f"{bucket}/sub/c d%20.webm"
    with fetched(address) as copy:
        assert (copy.path.name, copy.path.read_text()) == ("c d%20.webm", "sub/c d%20.webm")
        assert copy.digest == object_digest(address) != ""
    assert not copy.path.exists()


def test_the_digest_follows_the_content(bucket, tmp_path):
    before = object_digest(f"{bucket}/b.mp4")
    (tmp_path / "b.mp4").write_text("something else")
    assert object_digest(f"{bucket}/b.mp4") not in {before, ""}
    assert object_digest(f"{bucket}/gone.mp4") == ""


@pytest.mark.parametrize(
    ("name", "error"),
    [("gone.mp4", InputMissing), ("a/../b", InputForbidden), ("sub", InputMissing)],
)
def test_what_cannot_be_fetched_says_so(bucket, name, error):
    with pytest.raises(error, match=name), fetched(f"{bucket}/{name}"):
        pass


def test_size_is_bounded(bucket):
    with pytest.raises(MediaTooLarge), fetched(f"{bucket}/b.mp4", most_bytes=3):
        pass


def test_a_missing_package_is_named(bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(PackageMissing) as caught:
        expand([f"{bucket}/"])
    assert "everyframe[scale]" in caught.value.hint


def test_results_name_the_object(studio, bucket):
    settings = Settings(keys=(DEFAULT_CARRIER_KEY,), store=None, trust=TrustSettings(), fast=True)
    good = verify_one(f"file://{studio.unsigned}", settings)
    assert good.result.verdict == "ai_generated"
    assert good.result.file.path == f"file://{studio.unsigned}"
    bad = verify_one(f"{bucket}/b.mp4", settings)
    assert bad.result.verdict == "unreadable"
    assert f"{bucket}/b.mp4" in bad.result.error.message
    gone = verify_one(f"{bucket}/gone.mp4", settings)
    assert (gone.result.error.code, gone.exit_code, gone.digest) == ("input.missing", 0, "")

from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detectors.verification import verify
from provenance.clip import VideoSpec
from provenance.errors import IdentityError, StoreError
from provenance.keys import DEFAULT_CARRIER_KEY, CarrierKey
from provenance.payload import Payload
from provenance.store import EmptyStore
from provenance.trust import TrustSettings
from tests.detectors.conftest import DAY, HEIGHT, WIDTH, drawn_pictures, marked, write_clip
from tests.drawn import as_nobody

PRIVATE = CarrierKey(name="carrier-test", secret=b"p" * 32)


def check(result, name):
    return next(check for check in result.checks if check.name == name)


@pytest.fixture(scope="session")
def untouched(studio):
    return verify(studio.signed, keys=studio.keys, store=studio.store)


def test_a_signed_clip_says_who_made_it_and_when(untouched, studio):
    assert untouched.verdict == "ai_generated"
    mark, manifest = untouched.watermark, untouched.manifest
    assert (mark.model, mark.model_name, mark.date) == ("ltx-2.3", "LTX Video 2.3", "2026-03-24")
    assert mark.content_id == studio.payload.content_id_hex == manifest.content_id
    assert mark.confidence == 0.9999
    assert (manifest.source, manifest.state, manifest.binding_ok) == ("embedded", "trusted", True)
    assert manifest.prompt_hash == studio.prompt_hash
    assert untouched.tampered is False
    assert untouched.modified == ()


def test_the_file_is_described(untouched, studio):
    file = untouched.file
    assert file.name == "signed.mp4"
    assert file.path == str(studio.signed)
    assert file.sha256 == hashlib.sha256(studio.signed.read_bytes()).hexdigest()
    assert file.bytes == studio.signed.stat().st_size
    assert (file.container, file.width, file.height, file.fps) == ("mp4", WIDTH, HEIGHT, 10.0)
    assert file.duration_s == pytest.approx(4.0, abs=0.05)
    assert file.has_audio is False
    steps = {"open", "hash", "watermark", "audio_watermark", "credentials", "content", "total"}
    assert set(untouched.timings_ms) == steps


def test_the_published_key_authenticates_nothing(untouched):
    assert untouched.watermark.authenticated is False
    assert "anybody can place" in untouched.reasons[0]


def test_an_unmarked_clip_is_no_evidence_and_progress_rises_to_the_end(studio):
    told = []
    result = verify(studio.plain, progress=told.append)
    assert told == sorted(told)
    assert 0.9 <= told[-1] <= 1.0
    assert result.verdict == "no_evidence"
    assert result.tampered is None
    assert result.watermark.detected is False
    assert result.watermark.confidence is None


def test_lost_credentials_are_recovered_from_the_store(studio):
    result = verify(studio.unsigned, keys=studio.keys, store=studio.store)
    assert result.verdict == "ai_generated"
    assert (result.manifest.source, result.manifest.state) == ("recovered", "trusted")
    assert result.manifest.prompt_hash == studio.prompt_hash
    assert "credentials_removed" in result.modified


def test_without_a_store_the_mark_still_speaks(studio):
    result = verify(studio.unsigned)
    assert result.verdict == "ai_generated"
    assert result.tampered is False
    assert check(result, "time_coverage").state == "done"
    assert result.manifest.present is False
    assert check(result, "manifest_store").state == "skipped"
    assert result.watermark.prompt_hash_prefix == studio.prompt_hash.partition(":")[2][:6]


def test_an_unknown_signer_is_valid_and_not_trusted(studio):
    result = verify(studio.signed, trust=TrustSettings())
    assert result.manifest.state == "valid"
    assert result.tampered is False


def test_the_wrong_key_finds_nothing(studio):
    assert verify(studio.unsigned, keys=[PRIVATE]).watermark.detected is False


def test_a_private_key_authenticates(tmp_path, spec):
    payload = Payload(model=2, day=DAY, content_id=1)
    clip = write_clip(tmp_path / "p.mp4", marked(drawn_pictures(spec), payload, PRIVATE), spec)
    result = verify(clip, keys=[PRIVATE, DEFAULT_CARRIER_KEY])
    assert result.watermark.authenticated is True
    assert result.watermark.key == "carrier-test"
    assert result.watermark.model_name == "Helios 1.0"
    assert result.watermark.prompt_hash_prefix is None


def test_a_model_of_the_future_has_a_number(tmp_path, spec):
    payload = Payload(model=201, day=DAY, content_id=1)
    pictures = marked(drawn_pictures(spec), payload, DEFAULT_CARRIER_KEY)
    result = verify(write_clip(tmp_path / "f.mp4", pictures, spec))
    assert (result.watermark.model, result.verdict) == ("unknown-201", "ai_generated")


def test_fast_does_not_speak_of_tampering(studio):
    result = verify(studio.unsigned, fast=True)
    assert result.watermark.detected
    assert result.tampered is None
    assert check(result, "time_coverage").state == "skipped"


def test_a_changed_byte_of_a_signed_file_is_tampering(studio, tmp_path, untouched):
    data = bytearray(studio.signed.read_bytes())
    # The last byte of the pictures' data: they still decode.
    end = data.index(b"mdat") - 4 + int.from_bytes(data[data.index(b"mdat") - 4 :][:4], "big")
    data[end - 1] ^= 1
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(data)
    result = verify(changed, keys=studio.keys)
    assert result.manifest.state == "invalid"
    assert result.manifest.binding_ok is False
    assert result.tampered is True
    assert [sign.kind for sign in result.tampering] == ["binding_broken"]


def test_credentials_of_another_video_conflict_with_the_mark(studio, tmp_path, spec, identity):
    from datetime import UTC, datetime

    from provenance.manifest import ManifestRequest, sign_file
    from provenance.payload import model_by_key

    request = ManifestRequest(
        model=model_by_key("ltx-2.3"),
        title="other.mp4",
        created=datetime.now(UTC),
        payload=replace(studio.payload, content_id=studio.payload.content_id ^ 1),
        carrier=DEFAULT_CARRIER_KEY.name,
        width=WIDTH,
        height=HEIGHT,
        duration_s=4.0,
        tool_version="test",
    )
    sign_file(studio.unsigned, tmp_path / "other.mp4", request, identity)
    result = verify(tmp_path / "other.mp4", keys=studio.keys)
    assert result.verdict == "conflicting"


def cropped(pictures, share):
    top, left = (round(side * (1 - share) / 4) * 2 for side in (HEIGHT, WIDTH))
    height, width = (round(side * share / 2) * 2 for side in (HEIGHT, WIDTH))
    spec = VideoSpec(width=width, height=height, rate=10)
    return [
        rebuilt(p, p.luma[top : top + height, left : left + width], spec) for p in pictures
    ], spec


def rebuilt(picture, luma, spec):
    from provenance.video import picture_from_rgb

    grey = picture_from_rgb(
        np.full((spec.height, spec.width, 3), 128, np.uint8), time=picture.time, spec=spec
    )
    return grey.with_luma(np.ascontiguousarray(luma))


def test_a_crop_is_seen_as_handling(studio, tmp_path):
    from provenance.video import open_media

    with open_media(studio.unsigned) as media:
        pictures, spec = cropped(list(media.pictures()), 0.7)
    clip = write_clip(tmp_path / "crop.mp4", pictures, spec)
    result = verify(clip, keys=studio.keys, store=studio.store)
    assert result.watermark.content_id == studio.payload.content_id_hex
    assert result.verdict == "ai_generated"
    assert "cropped" in result.modified
    assert "resized" not in result.modified
    assert not result.tampering


def test_a_smaller_copy_is_seen_as_resized(studio, tmp_path):
    from provenance.video import open_media

    spec = VideoSpec(width=480, height=360, rate=10)
    with open_media(studio.unsigned) as media:
        pictures = [
            rebuilt(
                p, cv2.resize(np.asarray(p.luma), (480, 360), interpolation=cv2.INTER_AREA), spec
            )
            for p in media.pictures()
        ]
    result = verify(write_clip(tmp_path / "small.mp4", pictures, spec), store=studio.store)
    assert result.watermark.content_id == studio.payload.content_id_hex
    assert "resized" in result.modified
    assert "cropped" not in result.modified


def test_a_mirrored_copy_is_seen_as_mirrored(studio, edit):
    clip = edit(studio.unsigned, lambda ps: [p.with_luma(p.luma[:, ::-1]) for p in ps])
    result = verify(clip, store=studio.store)
    assert result.watermark.detected
    assert "mirrored" in result.modified


def test_a_shorter_copy_is_trimmed_and_not_tampered(studio, edit):
    result = verify(edit(studio.unsigned, lambda ps: ps[:30]), store=studio.store)
    assert "trimmed" in result.modified
    assert not result.tampering


def test_foreign_footage_inside_is_found_with_its_time(tmp_path, spec):
    payload = Payload(model=1, day=DAY, content_id=1)
    own = marked(drawn_pictures(spec, seconds=8), payload, DEFAULT_CARRIER_KEY)
    foreign = drawn_pictures(spec, seconds=8, seed=99)
    mixed = [
        theirs if 2 <= ours.time < 6 else ours for ours, theirs in zip(own, foreign, strict=True)
    ]
    result = verify(write_clip(tmp_path / "mixed.mp4", mixed, spec))
    assert result.watermark.detected
    assert result.tampered is True
    assert {sign.kind for sign in result.tampering} == {"inserted"}
    # Time is looked at in steps of about a second, and a step may stay unclear.
    assert all(1.0 <= sign.start_s < sign.end_s <= 7.0 for sign in result.tampering)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "input.missing"),
        (b"", "input.empty"),
        (b"just some text\n" * 50, "media.unsupported"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "media.unsupported"),
        (b"#EXTM3U\n#EXTINF:1\nother.mp4\n", "media.unsupported"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(500), "media.unreadable"),
    ],
)
def test_what_is_no_video_is_unreadable_with_its_reason(tmp_path, content, code):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    result = verify(path)
    assert result.verdict == "unreadable"
    assert result.error.code == code
    assert "bad.mp4" in result.error.message
    assert result.error.hint
    assert result.tampered is None


def test_a_file_that_may_not_be_read_is_unreadable(studio, tmp_path):
    path = tmp_path / "closed.mp4"
    path.write_bytes(studio.plain.read_bytes())
    path.chmod(0)
    with as_nobody():
        result = verify(path, keys=[DEFAULT_CARRIER_KEY], store=EmptyStore())
    assert result.error.code == "input.forbidden"


def test_a_file_too_small_for_a_mark_says_so(tmp_path):
    spec = VideoSpec(width=64, height=64, rate=10)
    clip = write_clip(tmp_path / "tiny.mp4", drawn_pictures(spec, seconds=1), spec)
    result = verify(clip)
    assert result.verdict == "no_evidence"
    assert check(result, "watermark").state == "skipped"
    assert "64x64" in check(result, "watermark").detail


def test_a_cut_off_file_keeps_its_evidence_and_names_the_damage(studio, tmp_path):
    cut = tmp_path / "cut.mp4"
    data = studio.unsigned.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    result = verify(cut)
    assert result.verdict == "ai_generated"
    assert result.watermark.detected
    assert result.error.code == "media.unreadable"
    assert result.tampered is None


def test_a_cut_off_file_without_a_mark_is_unreadable_and_not_clean(spec, tmp_path):
    cut = tmp_path / "cut.mp4"
    data = write_clip(tmp_path / "whole.mp4", drawn_pictures(spec, seconds=1), spec).read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    result = verify(cut)
    assert result.verdict == "unreadable"
    assert result.error.code == "media.unreadable"


def test_a_damaged_store_stops_before_a_result_is_made(studio, tmp_path):
    store = tmp_path / "store.sqlite"
    store.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError):
        verify(studio.unsigned, store=store)


def test_damaged_keys_stop_before_a_result_is_made(studio, tmp_path):
    (tmp_path / "carriers.json").write_text("{")
    (tmp_path / "carriers.json").chmod(0o600)
    with pytest.raises(IdentityError):
        verify(studio.unsigned, keys=tmp_path)


def test_a_folder_without_media_is_called_so(tmp_path):
    (tmp_path / "empty").mkdir()
    result = verify(tmp_path / "empty")
    assert result.error.code == "media.unsupported"
    assert "a folder without videos" in result.error.message
    (tmp_path / "notes.txt").write_text("no media")
    assert "is a folder" not in verify(tmp_path / "notes.txt").error.message

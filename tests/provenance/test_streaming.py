"""Streams: marked from the first frame, announced before the first byte, signed at the end."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest

from provenance import ProvenanceWriter
from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import OptionError, OutputError, StoreError
from provenance.keys import create_development_identity
from provenance.manifest import read_manifest, read_recovered_manifest
from provenance.store import open_store
from provenance.trust import TrustSettings
from provenance.video import open_media
from provenance.watermark import ClipDetector
from tests.drawn import moving_frames, tone
from tests.provenance.rubric import crjson, problems

WIDTH, HEIGHT, RATE, FRAMES = 256, 192, Fraction(24), 60
SPEC = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)


class Viewer:
    """Who is sent the stream: notes what was in the store when the first byte came."""

    def __init__(self, content_id, store) -> None:
        self.bytes, self.after_frame, self.known = bytearray(), [], None
        self.frame, self.leaves_after = 0, None
        self._content_id, self._store = content_id, store

    def write(self, data: bytes) -> int:
        if self.known is None:
            self.known = self._store.get(self._content_id())
        if self.leaves_after is not None and len(self.bytes) > self.leaves_after:
            raise BrokenPipeError("the viewer left")
        self.bytes += data
        self.after_frame.append(self.frame)
        return len(data)


class Studio:
    def __init__(self, folder) -> None:
        self.folder = folder
        self.identity = create_development_identity(folder / "keys", now=datetime.now(UTC))
        self.store = open_store(folder / "store.sqlite")
        self.trust = TrustSettings(anchors_pem=(self.identity.trust_anchor,))

    def send(self, name: str, *, leaves_after: int | None = None):
        writer = ProvenanceWriter(
            self.folder / name,
            SPEC,
            self.identity,
            model="helios-1.0",
            prompt="a red disc",
            store=self.store,
            audio=AudioSpec(sample_rate=48_000, channels=2),
            stream=(viewer := Viewer(lambda: self.content_id, self.store)),
        )
        viewer.leaves_after = leaves_after
        sound = tone(float(FRAMES / RATE))
        with writer:
            self.content_id = writer._line.sealing.payload.content_id_hex
            self.viewer = viewer
            for index, frame in enumerate(moving_frames(FRAMES, HEIGHT, WIDTH)):
                viewer.frame = index
                writer.write(frame[None], audio=sound[index * 2000 : (index + 1) * 2000])
        return writer.result


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def sent(studio):
    return studio.send("whole.mp4"), studio.viewer


def read_mark(path, identity):
    with open_media(path) as media:
        detector = ClipDetector(
            keys=[identity.carrier_key], width=WIDTH, height=HEIGHT, fast=True, reach="straight"
        )
        for picture in media.pictures():
            at = float(picture.time - media.info.start)
            detector.add(picture.luma, time_s=at, bits=picture.bits)
        return detector.finish().payload


def test_bytes_arrive_while_frames_are_still_made(sent):
    _, viewer = sent
    assert viewer.after_frame[0] < FRAMES // 2
    assert len({frame for frame in viewer.after_frame if frame < FRAMES - 1}) > 2


def test_the_credentials_are_in_the_store_before_the_first_byte(studio, sent):
    result, viewer = sent
    assert viewer.known is not None
    assert viewer.known.duration_s == 0
    # In their place stand those of the whole file now.
    stored = studio.store.get(result.sealed.payload.content_id_hex)
    assert stored.manifest != viewer.known.manifest
    assert stored.duration_s == pytest.approx(2.5)


def test_what_was_sent_is_marked_and_is_the_video(studio, sent, tmp_path):
    result, viewer = sent
    (tmp_path / "sent.mp4").write_bytes(viewer.bytes)
    assert b"moof" in viewer.bytes
    assert read_mark(tmp_path / "sent.mp4", studio.identity) == result.sealed.payload
    with open_media(tmp_path / "sent.mp4") as live, open_media(result.sealed.path) as whole:
        for one, other in zip(live.pictures(), whole.pictures(), strict=True):
            assert one.time == other.time
            assert np.array_equal(one.luma, other.luma)
        sound = [np.concatenate(list(media.sound())) for media in (live, whole)]
        assert np.array_equal(*sound)


def test_the_file_is_signed_and_in_one_piece(studio, sent):
    result, _ = sent
    report = read_manifest(result.sealed.path, studio.trust)
    assert (report.state, report.binding_ok) == ("trusted", True)
    assert report.actions == ("c2pa.created", "c2pa.watermarked.unbound")
    assert b"moof" not in result.sealed.path.read_bytes()
    assert problems(crjson(result.sealed.path, studio.identity)) == {}


def test_a_stream_that_breaks_off_still_resolves(studio, tmp_path):
    with pytest.raises(OutputError):
        studio.send("broken.mp4", leaves_after=40_000)
    assert not (studio.folder / "broken.mp4").exists()
    assert [path.name for path in studio.folder.iterdir() if path.name.startswith(".")] == []
    (tmp_path / "part.mp4").write_bytes(studio.viewer.bytes)
    mark = read_mark(tmp_path / "part.mp4", studio.identity)
    assert mark is not None
    stored = studio.store.get(mark.content_id_hex)
    assert stored is not None
    report = read_recovered_manifest(tmp_path / "part.mp4", stored.manifest, studio.trust)
    assert (report.state, report.ai_generated) == ("trusted", True)
    assert report.content_id == mark.content_id_hex
    assert report.prompt_hash is not None


def test_only_the_announced_manifest_is_replaced(studio, sent):
    result, viewer = sent
    stored = studio.store.get(result.sealed.payload.content_id_hex)
    with pytest.raises(StoreError):
        studio.store.replace(viewer.known, announced=viewer.known.manifest)
    assert studio.store.get(stored.content_id) == stored


def test_other_containers_are_refused_at_once(studio):
    with pytest.raises(OptionError):
        ProvenanceWriter(
            studio.folder / "x.mkv",
            SPEC,
            studio.identity,
            model="helios-1.0",
            store=studio.store,
            stream=io.BytesIO(),
        )

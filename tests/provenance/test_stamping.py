"""``stamp`` from Python."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from provenance import stamp
from provenance.errors import (
    AlreadyMarked,
    EveryframeError,
    IdentityError,
    StoreError,
    UnreadableMedia,
)
from provenance.keys.directory import locked
from provenance.store import open_store
from provenance.store.sql import SqlStore
from provenance.store.sqlite import SqliteDatabase
from provenance.video import EncodeSettings, open_media
from tests.desk import FRAMES, QUICK, names, small_clip
from tests.drawn import moving_luma, write_raw, yuv_frame

NOW = datetime(2026, 3, 24, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return small_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def options(tmp_path_factory, development_identity):
    with open_store(tmp_path_factory.mktemp("store") / "store.sqlite") as store:
        yield {
            "model": "ltx-2.3",
            "identity": development_identity,
            "store": store,
            "settings": QUICK,
            "now": lambda: NOW,
        }


@pytest.mark.parametrize("what", ["in.mp4", "in.wav", "out"])
def test_a_zero_byte_is_in_no_file_name(tmp_path, clip, options, what):
    source, output = clip, tmp_path / "out.mp4"
    if what == "out":
        output = tmp_path / "o\0ut.mp4"
    else:
        source = tmp_path / f"a\0{what}"
    with pytest.raises(EveryframeError, match=r"not? a? ?file name") as raised:
        stamp(source, output, **options)
    assert raised.value.code == ("output.forbidden" if what == "out" else "input.missing")
    assert raised.value.hint
    assert names(tmp_path) == set()


def test_a_zero_byte_is_in_no_name_of_a_folder_or_store():
    with pytest.raises(IdentityError), locked(Path("a\0b"), create=True):
        pass
    with pytest.raises(StoreError, match="no file name"), open_store("a\0b"):
        pass


def test_samples_beside_pictures_that_are_no_sound_are_told_and_silent(tmp_path, clip, options):
    source = tmp_path / "in.mov"
    samples = np.zeros((1, 2 * 48_000), np.float32)
    with av.open(str(clip)) as given, av.open(str(source), "w") as output:
        pictures = output.add_stream_from_template(given.streams.video[0])
        sound = output.add_stream("pcm_f32le", rate=48_000)
        sound.layout = "mono"
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                packet.stream = pictures
                output.mux(packet)
        samples[0, 1000] = np.nan
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        output.mux([*sound.encode(frame), *sound.encode(None)])
    stamped = stamp(source, tmp_path / "out.mov", **options)
    assert stamped.carried.sound_damaged.startswith("1 samples of its sound are no numbers")
    with open_media(tmp_path / "out.mov") as media:
        heard = np.concatenate(list(media.sound()))
        assert (media.damaged, len(heard)) == (None, samples.size)


def times_of(path):
    with open_media(path) as media:
        return [picture.time for picture in media.pictures()]


def test_what_is_given_is_what_is_stated(tmp_path, clip, options):
    told = []
    stamped = stamp(
        clip, tmp_path / "out.mp4", **options, draw_bits=lambda _: 7, progress=told.append
    )
    assert stamped.sealed.payload.day == date(2026, 3, 24)
    assert stamped.sealed.payload.content_id == 7
    stored = options["store"].get(stamped.sealed.payload.content_id_hex)
    assert (stored.created, stored.prompt_hash) == (NOW, None)
    assert (stamped.kept, stamped.readable, stamped.carried.frames) == (False, True, FRAMES)
    assert told == sorted(told)
    assert told.count(told[-1]) + sum(0 < share < 1 for share in told) >= FRAMES - 1
    assert 0.9 < told[-1] <= 1
    with pytest.raises(AlreadyMarked):
        stamp(tmp_path / "out.mp4", tmp_path / "two.mp4", **options, if_marked="refuse")
    assert names(tmp_path) == {"out.mp4"}


def test_without_identity_and_store_the_users_own_are_used(tmp_path, clip, monkeypatch):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    stamped = stamp(str(clip), str(tmp_path / "out.mp4"), model="helios", settings=QUICK)
    with open_store(tmp_path / "store.sqlite", create=False) as store:
        assert store.get(stamped.sealed.payload.content_id_hex).model == "helios-1.0"
    assert {"keys", "out.mp4", "store.sqlite"} == names(tmp_path)


def test_uneven_times_and_ten_bits_are_kept(tmp_path, options):
    times = [Fraction(n, 12) + Fraction(n % 5, 60) for n in range(12)]
    frames = [yuv_frame(p, "yuv420p10le") for p in moving_luma(12, 144, 162, bits=10)]
    clip = write_raw(tmp_path / "uneven.mp4", frames, times=times)
    stamp(clip, tmp_path / "out.mp4", **options)
    assert times_of(tmp_path / "out.mp4") == times_of(clip)
    with open_media(tmp_path / "out.mp4") as media:
        assert (media.info.video.width, media.info.video.bits) == (162, 10)


class FailingStore(SqlStore):
    def put(self, *records):
        raise StoreError("the disk is gone", hint="")


def test_without_its_manifest_in_the_store_no_file_appears(tmp_path, clip, options):
    with (
        FailingStore(SqliteDatabase(options["store"]._database._path, writable=True)) as failing,
        pytest.raises(StoreError, match="the disk is gone"),
    ):
        stamp(clip, tmp_path / "out.mp4", **(options | {"store": failing}))
    assert names(tmp_path) == set()


def test_a_failure_gives_the_content_id_back(tmp_path, clip, options):
    cut = tmp_path / "cut.mp4"
    data = clip.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(UnreadableMedia):
        stamp(cut, tmp_path / "out.mp4", **options, draw_bits=lambda _: 9)
    assert names(tmp_path) == {"cut.mp4"}
    assert options["store"].contains(f"{9:014x}") is False


def test_progress_that_raises_ends_the_work(tmp_path, clip, options):
    """As the command does with a Ctrl-C that FFmpeg has swallowed."""

    def interrupt(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stamp(clip, tmp_path / "out.mp4", **options, progress=interrupt)
    assert names(tmp_path) == set()


def test_the_encoder_is_told(tmp_path, clip, options):
    settings = EncodeSettings(codec="hevc", preset="ultrafast", crf=30, threads=1)
    stamp(clip, tmp_path / "out.mp4", **(options | {"settings": settings}))
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.drawn_sound import voice
from detectors import to_text, verify
from detectors.result import Check
from detectors.sound import HeardSound, compare
from provenance.clip import AudioSpec, VideoSpec
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.payload import Payload
from provenance.stamping import stamp
from provenance.store import open_store
from provenance.video import (
    EncodeSettings,
    MediaWriter,
    SoundWriter,
    open_media,
    open_sound,
    picture_from_rgb,
)
from provenance.writer import ProvenanceWriter
from tests.desk import packets_of
from tests.drawn import moving_frames
from tests.drawn_sound import RATE, marked
from tests.result_facts import clock, mark, segments, unread_mark

FPS = Fraction(8)
SECONDS = 8
SPEC = VideoSpec(width=256, height=192, rate=FPS)
MONO = AudioSpec(sample_rate=RATE, channels=1)
QUICK = EncodeSettings(preset="ultrafast", crf=18, threads=1)
DONE = Check(name="audio_watermark", state="done", detail="")


def heard(**changes):
    facts = mark(geometry=None, frames_used=0, **changes)
    return HeardSound(check=DONE, facts=facts, complete=True)


def kinds(comparison):
    return [sign.kind for sign in comparison.tampering]


class TestCompare:
    def test_one_content_at_one_time_is_well(self):
        beside = compare(mark(), heard(clock=clock((0.0, 5.0, 0.02))))
        assert (kinds(beside), beside.offset_ms) == ([], -20)
        assert beside.checks[0].state == "done"

    def test_another_content_id_is_another_sound(self):
        beside = compare(mark(), heard(content_id="00000000000001"))
        assert kinds(beside) == ["audio_replaced"]
        assert beside.offset_ms is None

    def test_two_marks_of_which_one_is_that_of_the_pictures_are_well(self):
        both = replace(heard(content_id="00000000000001"), pictures_too=True)
        assert kinds(compare(mark(), both)) == []
        assert "and another one" in compare(mark(), both).checks[0].detail

    def test_sound_that_comes_late_is_told(self):
        late = compare(mark(), heard(clock=clock((0.0, 5.0, -0.5))))
        assert (kinds(late), late.offset_ms) == (["audio_shifted"], 500)
        # Where the pictures were cut, their clock is good to half a second only.
        trimmed = mark(clock=clock((0.0, 5.0, 20.0)))
        assert kinds(compare(trimmed, heard(clock=clock((0.0, 5.0, 19.5))))) == []
        assert kinds(compare(trimmed, heard(clock=clock((0.0, 5.0, 22.0))))) == ["audio_shifted"]

    def test_a_part_without_the_mark_was_exchanged(self):
        beside = compare(mark(), heard(segments=segments("mmumm")))
        assert kinds(beside) == ["audio_replaced"]
        assert (beside.tampering[0].start_s, beside.tampering[0].end_s) == (2.0, 3.0)
        part = replace(heard(segments=segments("mmumm")), complete=False)
        assert kinds(compare(mark(), part)) == []

    def test_what_cannot_be_compared_is_said(self):
        unread = HeardSound(check=DONE, facts=unread_mark(), complete=True)
        assert compare(mark(), unread).checks[0].state == "skipped"
        assert compare(mark(), HeardSound(check=DONE)).checks == ()


def frames():
    return list(moving_frames(int(SECONDS * FPS), SPEC.height, SPEC.width, seed=2))


@pytest.fixture(scope="module")
def spoken():
    return voice(SECONDS, RATE, seed=3)


@pytest.fixture(scope="module")
def stamped(tmp_path_factory, identity, spoken):
    """A stamped clip with sound, its store, and the clip before it was stamped."""
    folder = tmp_path_factory.mktemp("sound")
    plain, out, store = folder / "plain.mp4", folder / "out.mp4", folder / "store.sqlite"
    with MediaWriter(plain, video=SPEC, settings=QUICK, audio=MONO) as media:
        for index, frame in enumerate(frames()):
            media.write(picture_from_rgb(frame, time=index / FPS, spec=SPEC))
        media.write_audio(spoken)
    with open_store(str(store)) as kept:
        stamp(plain, out, model="ltx-2.3", identity=identity, store=kept, settings=QUICK)
    return out, store, plain


def sound_of(path):
    with open_media(path) as media:
        return np.concatenate(list(media.sound()))


def with_sound(source, target, samples):
    """The pictures of ``source`` and other sound."""
    with (
        open_media(source) as media,
        MediaWriter(target, video=media.info.video, settings=QUICK, audio=MONO) as writer,
    ):
        for picture in media.pictures():
            writer.write(picture)
        writer.write_audio(np.ascontiguousarray(samples))
    return target


def test_a_stamped_clip_says_the_same_in_picture_and_sound(stamped):
    result = verify(stamped[0], store=stamped[1])
    sound = result.audio_watermark
    assert sound.content_id == result.watermark.content_id
    assert (result.verdict, result.tampered) == ("ai_generated", False)
    assert result.audio_offset_ms == pytest.approx(0, abs=60)
    assert "Sound: watermark" in to_text(result)
    stated = {check.name: check.state for check in result.checks}
    assert stated["audio_watermark"] == stated["same_sound"] == "done"
    fast = verify(stamped[0], store=stamped[1], fast=True)
    assert fast.audio_watermark is None


def test_sound_alone_leads_to_the_credentials(tmp_path, stamped):
    path = tmp_path / "sound.mp3"
    with open_sound(stamped[0]) as media, SoundWriter(path, media.info.audio) as writer:
        for block in media.blocks():
            writer.write(block)
    result = verify(path, store=stamped[1])
    assert (result.verdict, result.file.container) == ("ai_generated", "mp3")
    assert (result.file.width, result.file.has_audio) == (None, True)
    assert result.manifest.source == "recovered"
    assert result.watermark.detected is False
    assert result.audio_watermark.content_id == result.manifest.content_id
    assert to_text(result).startswith("Watermark detected: LTX Video 2.3\nConfidence: 99.99%\n")
    assert "it is the sound that carries it" in result.reasons


def test_foreign_and_shifted_sound_is_tampering(tmp_path, stamped, spoken):
    other = Payload(model=1, day=date(2026, 3, 24), content_id=99)
    foreign = with_sound(stamped[0], tmp_path / "a.mp4", marked(spoken, payload=other))
    result = verify(foreign, store=stamped[1])
    assert result.tampered is True
    assert [sign.kind for sign in result.tampering] == ["audio_replaced"]
    late = np.concatenate([np.zeros((RATE, 1), np.float32), sound_of(stamped[0])])[: SECONDS * RATE]
    result = verify(with_sound(stamped[0], tmp_path / "b.mp4", late), store=stamped[1])
    assert "audio_shifted" in [sign.kind for sign in result.tampering]
    assert result.audio_offset_ms == pytest.approx(1000, abs=60)


def test_marked_sound_under_unmarked_pictures_is_an_edit(tmp_path, stamped):
    mixed = with_sound(stamped[2], tmp_path / "mixed.mp4", sound_of(stamped[0]))
    result = verify(mixed)
    assert (result.verdict, result.watermark.detected) == ("ai_edited", False)
    assert any("only the sound" in reason for reason in result.reasons)


def test_generated_sound_is_marked_from_the_first_picture_on(tmp_path, identity, spoken):
    path = tmp_path / "out.mkv"
    with (
        open_store(str(tmp_path / "store.sqlite")) as store,
        ProvenanceWriter(
            path, SPEC, identity, model="ltx-2.3", audio=MONO, store=store, settings=QUICK
        ) as writer,
    ):
        step = int(RATE / FPS)
        for index, frame in enumerate(frames()):
            writer.write(frame[None], audio=spoken[index * step : (index + 1) * step])
    heard_s = len(sound_of(path)) / RATE
    assert heard_s == pytest.approx(SECONDS, abs=0.1)
    result = verify(path, keys=[DEFAULT_CARRIER_KEY])
    assert result.audio_watermark.content_id == writer.result.sealed.payload.content_id_hex
    assert result.audio_watermark.clock[0].original_start_s == pytest.approx(0, abs=0.1)


def test_sound_without_a_mark_gets_that_of_the_pictures_that_are_kept(tmp_path, identity, stamped):
    silent, kept = tmp_path / "silent.mp4", tmp_path / "kept.mp4"
    with open_store(str(tmp_path / "store.sqlite")) as store:
        options = {"model": "ltx-2.3", "identity": identity, "store": store}
        first = stamp(stamped[2], silent, settings=QUICK, audio_mark=False, **options)
        done = stamp(silent, kept, **options)
        again = stamp(kept, tmp_path / "again.mp4", **options)
        result = verify(kept, store=store)
    assert (first.sound_marked, done.sound_marked, again.sound_marked) == (0, 1, 0)
    assert done.kept
    assert done.sealed.payload == first.sealed.payload
    assert packets_of(kept, "video") == packets_of(silent, "video")
    assert result.audio_watermark.content_id == result.watermark.content_id
    assert (result.verdict, result.tampered) == ("ai_generated", False)
    assert result.audio_offset_ms == pytest.approx(0, abs=60)

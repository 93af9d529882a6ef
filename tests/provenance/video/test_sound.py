"""Sound stays with the pictures: where it was, within a frame, however the file came about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import FrameError, OptionError, UnreadableMedia, UnsupportedMedia
from provenance.video import EncodeSettings, MediaWriter, open_media, picture_from_rgb
from provenance.video.sound import Resampler
from tests.drawn import (
    SOUND_RATE,
    draw_clip,
    moving_frames,
    one_picture,
    tone,
    write_raw,
    yuv_frame,
)

if TYPE_CHECKING:
    from pathlib import Path

FAST = EncodeSettings(preset="ultrafast")
RATE = Fraction(25)
FLASH = 30  # the picture that flashes
COUNT = 75


def flashing(count: int = COUNT, flash: int = FLASH) -> list[av.VideoFrame]:
    """Dark pictures, of which one is bright."""
    return [
        yuv_frame(np.full((48, 64), 200 if index == flash else 40, np.uint8))
        for index in range(count)
    ]


def clicking(seconds: float, at: float, channels: int = 2) -> np.ndarray:
    """Silence with a burst of 20 ms that starts ``at`` seconds."""
    samples = np.zeros((round(seconds * SOUND_RATE), channels), np.float32)
    start = round(at * SOUND_RATE)
    samples[start : start + 960] = tone(0.02, channels=channels, hertz=1000)[:960] * 2
    return samples


def delay(path: Path) -> float:
    """Seconds from the flash to the click in a file, negative where the click comes first."""
    with open_media(path) as reader:
        flash = next(p.time for p in reader.pictures() if p.luma.mean() > 120) - reader.info.start
        heard = np.concatenate(list(reader.sound()))
        loud = np.abs(heard).max(axis=1) > 0.2
        return float(np.argmax(loud) / reader.info.audio.sample_rate - flash)


def carry(source: Path, target: Path, codec: str = "h264") -> Path:
    settings = EncodeSettings(codec=codec, preset="ultrafast", crf=20)
    with (
        open_media(source) as reader,
        MediaWriter(
            target, video=reader.info.video, settings=settings, copy_audio_from=source
        ) as writer,
    ):
        for picture in reader.pictures():
            writer.write(picture.with_luma(picture.luma))
        assert writer.sound_damaged is None
    return target


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams.audio]


@pytest.mark.parametrize(
    ("suffix", "sound_codec"),
    [
        (".mp4", "aac"),
        (".mp4", "libopus"),
        (".mov", "pcm_s16le"),
        (".mkv", "flac"),
        (".mkv", "libopus"),
        (".avi", "pcm_s16le"),
        (".avi", "libmp3lame"),
        (".ts", "aac"),
    ],
)
@pytest.mark.parametrize("target", [".mp4", ".mov", ".mkv"])
def test_carried_sound_stays_in_place(
    tmp_path: Path, suffix: str, sound_codec: str, target: str
) -> None:
    at = FLASH / float(RATE)
    source = write_raw(
        tmp_path / f"source{suffix}",
        flashing(),
        rate=RATE,
        # AVI cannot say that reordered pictures start later than the sound.
        options={"preset": "medium", "crf": "20", "bf": "0" if suffix == ".avi" else "3"},
        sound=clicking(3, at),
        sound_codec=sound_codec,
    )
    before = delay(source)
    after = delay(carry(source, tmp_path / f"copy{target}"))
    assert abs(after - before) < 1 / float(RATE) / 2
    # What FFmpeg makes is in step to begin with, up to the delay of MP3 in AVI.
    assert abs(before) < 0.06


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize(
    ("pictures_from", "sound_from"), [(0.0, 0.4), (0.4, 0.0), (2.0, 2.0), (2.0, 1.7)]
)
def test_offsets_are_kept(
    tmp_path: Path, suffix: str, pictures_from: float, sound_from: float
) -> None:
    first, start = Fraction(pictures_from), Fraction(sound_from)
    click = FLASH / RATE + first - start
    source = write_raw(
        tmp_path / f"source{suffix}",
        flashing(),
        rate=RATE,
        times=[first + index / RATE for index in range(COUNT)],
        sound=clicking(3.5, float(click)),
        sound_start=start,
    )
    before = delay(source)
    path = carry(source, tmp_path / "copy.mp4")
    assert abs(delay(path) - before) < 0.02
    assert abs(before) < 0.04
    with open_media(path) as reader:
        # The earliest of both becomes 0, the other keeps its distance.
        expected = max(0.0, pictures_from - sound_from)
        assert abs(float(reader.info.start) - expected) < 0.03
        assert sum(1 for _ in reader.pictures()) == COUNT


def test_packets_are_copied_where_the_container_holds_their_codec(tmp_path: Path) -> None:
    source = draw_clip(tmp_path / "source.mp4")
    path = carry(source, tmp_path / "copy.mp4")

    def packets(name: Path) -> list[bytes]:
        with av.open(str(name)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(path) == packets(source)


@pytest.mark.parametrize(
    ("sound_codec", "source", "target", "becomes"),
    [
        ("pcm_s16le", ".mov", ".mp4", "aac"),
        ("pcm_s16le", ".mov", ".mov", "pcm_s16le"),
        ("libopus", ".mkv", ".mp4", "opus"),
        ("libopus", ".mkv", ".mov", "aac"),
        ("flac", ".mkv", ".mov", "aac"),
        ("aac", ".mp4", ".webm", "opus"),
        ("aac", ".ts", ".mp4", "aac"),
    ],
)
def test_other_sound_is_encoded_again(
    tmp_path: Path, sound_codec: str, source: str, target: str, becomes: str
) -> None:
    path = write_raw(
        tmp_path / f"source{source}", flashing(), sound=tone(3.0), sound_codec=sound_codec
    )
    codec = "av1" if target == ".webm" else "h264"
    copied = carry(path, tmp_path / f"copy{target}", codec)
    assert codecs(copied) == [becomes]
    with open_media(copied) as reader:
        heard = np.concatenate(list(reader.sound()))
    assert abs(len(heard) / 48_000 - 3.0) < 0.05
    middle = heard[SOUND_RATE : 2 * SOUND_RATE, 0]
    loudest = np.argmax(np.abs(np.fft.rfft(middle)))
    assert abs(loudest - 440) <= 1
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_sound_of_a_rate_that_aac_lacks(tmp_path: Path) -> None:
    path = write_raw(
        tmp_path / "source.mov",
        flashing(),
        sound=tone(3.0, rate=10_000, channels=1),
        sound_rate=10_000,
        sound_codec="pcm_s16le",
    )
    with open_media(carry(path, tmp_path / "copy.mp4")) as reader:
        assert reader.info.audio == AudioSpec(sample_rate=48_000, channels=1)
        assert abs(sum(map(len, reader.sound())) / 48_000 - 3.0) < 0.05


def test_all_tracks_are_carried(tmp_path: Path) -> None:
    source = write_raw(tmp_path / "source.mp4", flashing(), sound=tone(3.0), sound_tracks=3)
    path = carry(source, tmp_path / "copy.mp4")
    with open_media(path) as reader:
        assert reader.info.audio_tracks == 3
    assert codecs(path) == ["aac"] * 3


def test_a_silent_source_gives_a_silent_copy(tmp_path: Path) -> None:
    path = carry(write_raw(tmp_path / "source.mp4", flashing()), tmp_path / "copy.mp4")
    with open_media(path) as reader:
        assert reader.info.audio is None
        assert list(reader.sound()) == []


def test_sound_is_interleaved_with_the_pictures(tmp_path: Path) -> None:
    """A player that reads from front to back must never wait long for one of the two."""
    frames = flashing(250)
    source = write_raw(tmp_path / "source.mp4", frames, sound=tone(10.0))
    path = carry(source, tmp_path / "copy.mkv")
    last = {"video": 0.0, "audio": 0.0}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.dts is not None:
                last[packet.stream.type] = float(packet.dts * packet.time_base)
                assert abs(last["video"] - last["audio"]) < 1.0


def test_sound_goes_on_after_the_last_picture(tmp_path: Path) -> None:
    source = write_raw(tmp_path / "source.mp4", flashing(25, 5), sound=tone(4.0))
    with open_media(carry(source, tmp_path / "copy.mp4")) as reader:
        assert abs(sum(map(len, reader.sound())) / SOUND_RATE - 4.0) < 0.05


def test_damaged_sound_is_noted(tmp_path: Path) -> None:
    source = write_raw(tmp_path / "source.mkv", flashing(), sound=tone(3.0), sound_codec="flac")
    with av.open(str(source)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    data = source.read_bytes()
    for packet in packets[len(packets) // 2 :]:
        data = data.replace(packet, bytes(len(packet)))
    source.write_bytes(data)
    path = tmp_path / "copy.mov"
    with (
        open_media(source) as reader,
        MediaWriter(path, video=reader.info.video, settings=FAST, copy_audio_from=reader) as writer,
    ):
        for picture in reader.pictures():
            writer.write(picture)
    with open_media(path) as reader:
        seconds = sum(map(len, reader.sound())) / SOUND_RATE
    assert writer.sound_damaged is not None
    assert 1.0 < seconds < 2.5


def test_a_damaged_time_is_not_filled_with_days_of_silence() -> None:
    resampler = Resampler(48_000, "stereo", "flt", first_sample=0)
    for seconds, is_good in ((0, True), (30, True), (100_000, False)):
        frame = av.AudioFrame.from_ndarray(tone(1.0).reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = seconds * SOUND_RATE
        if is_good:
            assert sum(ready.samples for ready in resampler.push(frame)) > 0
        else:
            with pytest.raises(UnreadableMedia, match="jumps"):
                list(resampler.push(frame))


@pytest.mark.parametrize("channels", range(1, 9))
def test_generated_sound(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "clip.mp4"
    samples = tone(1.0, channels=channels)
    video = VideoSpec(width=64, height=48, rate=Fraction(24))
    audio = AudioSpec(sample_rate=SOUND_RATE, channels=channels)
    with MediaWriter(path, video=video, settings=FAST, audio=audio) as writer:
        for index, frame in enumerate(moving_frames(24, 48, 64)):
            # Sound first: the track must wait for the first picture.
            writer.write_audio(samples[index * 2000 : (index + 1) * 2000])
            writer.write(picture_from_rgb(frame, time=Fraction(index, 24), spec=video))
    with open_media(path) as reader:
        assert reader.info.audio == audio
        assert reader.info.audio_codec == "aac"
        heard = np.concatenate(list(reader.sound()))
    assert abs(len(heard) - SOUND_RATE) <= 1024
    inner = slice(4096, 40_000)
    if channels <= 2:
        error = heard[inner] - samples[inner]
        assert np.sqrt((error**2).mean()) < 0.02
    # The low-frequency channel of 5.1 and 7.1 drops a tone as high as this.
    audible = [
        channel for channel in range(channels) if (channels, channel) not in ((6, 3), (8, 3))
    ]
    assert np.abs(heard[inner][:, audible]).max(axis=0).min() > 0.05


def test_generated_sound_is_in_step(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    video = VideoSpec(width=64, height=48, rate=RATE)
    audio = AudioSpec(sample_rate=SOUND_RATE, channels=2)
    with MediaWriter(path, video=video, settings=FAST, audio=audio) as writer:
        for index in range(COUNT):
            frame = np.full((48, 64, 3), 230 if index == FLASH else 30, np.uint8)
            writer.write(picture_from_rgb(frame, time=index / RATE, spec=video))
        writer.write_audio(clicking(3, FLASH / float(RATE)))
    assert abs(delay(path)) < 0.005


def test_sound_that_does_not_fit(tmp_path: Path) -> None:
    video = VideoSpec(width=64, height=48, rate=RATE)
    audio = AudioSpec(sample_rate=SOUND_RATE, channels=2)
    good = tone(0.1)
    bad = (
        good[:, :1],
        good[:, 0],
        good.astype(np.float64),
        np.full_like(good, np.nan),
        tone(31),
    )
    for samples in bad:
        with (
            pytest.raises(FrameError),
            MediaWriter(tmp_path / "clip.mp4", video=video, settings=FAST, audio=audio) as writer,
        ):
            writer.write_audio(samples)
        assert not list(tmp_path.iterdir())
    with (
        pytest.raises(FrameError, match="without sound"),
        MediaWriter(tmp_path / "clip.mp4", video=video, settings=FAST) as writer,
    ):
        writer.write_audio(good)


def test_sound_is_encoded_beside_the_pictures(tmp_path: Path) -> None:
    """By another thread, which gives the file that one thread writes."""
    video = VideoSpec(width=128, height=96, rate=Fraction(24))
    audio = AudioSpec(sample_rate=48_000, channels=2)
    samples, made = tone(2), []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.mp4"
        with (
            ThreadPoolExecutor(1) as pool,
            MediaWriter(path, video=video, settings=FAST, audio=audio) as writer,
        ):
            for first in range(0, 48, 8):
                part = samples[first * 2000 : (first + 8) * 2000]
                writer.write(one_picture(first, video))
                coming = pool.submit(writer.encode_audio, part) if name == "two" else None
                for index in range(first + 1, first + 8):
                    writer.write(one_picture(index, video))
                if coming is None:
                    writer.write_audio(part)
                else:
                    coming.result()()
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_sound_is_written_or_copied_not_both(tmp_path: Path) -> None:
    source = draw_clip(tmp_path / "source.mp4", frames=3)
    video = VideoSpec(width=128, height=96, rate=Fraction(24))
    with pytest.raises(OptionError):
        MediaWriter(
            tmp_path / "clip.mp4",
            video=video,
            audio=AudioSpec(sample_rate=48_000, channels=2),
            copy_audio_from=source,
        )
    assert not (tmp_path / "clip.mp4").exists()


def test_a_bad_source_of_sound_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "notes.txt"
    source.write_text("no sound here")
    video = VideoSpec(width=128, height=96, rate=Fraction(24))
    with pytest.raises(UnsupportedMedia):
        MediaWriter(tmp_path / "clip.mp4", video=video, copy_audio_from=source)
    assert not (tmp_path / "clip.mp4").exists()

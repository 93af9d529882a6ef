"""What is written is what was given."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from provenance.clip import VideoSpec
from provenance.errors import (
    FrameError,
    OptionError,
)
from provenance.video import (
    EncodeSettings,
    MediaWriter,
    describe_ffmpeg,
    open_media,
    picture_from_rgb,
    rgb_from_picture,
)
from provenance.video.source import Cursor
from tests.drawn import (
    draw_clip,
    moving_frames,
    moving_luma,
    one_picture,
    pictures_of,
    plane_of,
    tone,
    write_raw,
    yuv_frame,
)

if TYPE_CHECKING:
    from pathlib import Path

FAST = EncodeSettings(preset="ultrafast", crf=18)
EXACT = EncodeSettings(preset="ultrafast", crf=0)
SPEC = VideoSpec(width=64, height=48, rate=Fraction(25))


def copy(source: Path, target: Path, settings: EncodeSettings = EXACT) -> Path:
    with (
        open_media(source) as reader,
        MediaWriter(target, video=reader.info.video, settings=settings) as writer,
    ):
        for picture in reader.pictures():
            writer.write(picture.with_luma(picture.luma))
    return target


def info_of(path: Path):
    with open_media(path) as reader:
        return reader.info


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mp4"),
        ("h264", ".mov"),
        ("h264", ".mkv"),
        ("hevc", ".mp4"),
        ("hevc", ".mov"),
        ("av1", ".mp4"),
        ("av1", ".webm"),
    ],
)
def test_codecs_and_containers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], codec: str, suffix: str, bits: int
) -> None:
    settings = EncodeSettings(codec=codec, preset="ultrafast", crf=16, threads=2)
    path = draw_clip(tmp_path / f"clip{suffix}", bits=bits, frames=12, settings=settings)
    info = info_of(path)
    assert (info.container, info.codec) == (suffix[1:], codec)
    assert info.video == VideoSpec(width=128, height=96, rate=Fraction(24), bits=bits)
    assert info.audio_codec == ("opus" if suffix == ".webm" else "aac")
    pictures = pictures_of(path)
    assert [round(picture.time * 24) for picture in pictures] == list(range(12))
    for picture, drawn in zip(pictures, moving_frames(12, 96, 128), strict=True):
        assert np.abs(rgb_from_picture(picture).astype(int) - drawn).mean() < 8
    # Encoders that write to the terminal by themselves are told not to.
    assert capfd.readouterr() == ("", "")


def test_h264_is_what_every_player_plays(tmp_path: Path) -> None:
    path = draw_clip(tmp_path / "clip.mp4", settings=EncodeSettings())
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.profile, stream.pix_fmt, stream.codec_tag) == ("High", "yuv420p", "avc1")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_hevc_has_the_tag_of_apple_players(tmp_path: Path) -> None:
    settings = EncodeSettings(codec="hevc", preset="ultrafast")
    path = draw_clip(tmp_path / "clip.mp4", frames=3, settings=settings)
    assert b"hvc1" in path.read_bytes()


@pytest.mark.parametrize(("width", "height"), [(641, 359), (640, 359), (641, 360)])
@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_odd_sizes_are_kept(tmp_path: Path, codec: str, width: int, height: int) -> None:
    settings = EncodeSettings(codec=codec, preset="ultrafast", crf=12)
    source = write_raw(
        tmp_path / "source.mkv",
        [yuv_frame(luma // 8 + 100) for luma in moving_luma(3, height, width)],
        codec="ffv1",
    )
    path = copy(source, tmp_path / "odd.mp4", settings)
    video = info_of(path).video
    assert (video.width, video.height) == (width, height)
    for new, old in zip(pictures_of(path), pictures_of(source), strict=True):
        assert np.abs(new.luma.astype(int) - old.luma).mean() < 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p"])
def test_chroma_is_kept_and_luma_is_exact(tmp_path: Path, pix_fmt: str) -> None:
    frames = [yuv_frame(luma, pix_fmt) for luma in moving_luma(5, 48, 64)]
    path = copy(write_raw(tmp_path / "source.mp4", frames), tmp_path / "copy.mp4")
    for picture, frame in zip(pictures_of(path), frames, strict=True):
        assert picture.frame.format.name == pix_fmt
        for index in range(3):
            np.testing.assert_array_equal(plane_of(picture.frame, index), plane_of(frame, index))


def test_pictures_may_be_written_as_they_were_read(tmp_path: Path) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(20, 48, 64)]
    source = write_raw(tmp_path / "source.mp4", frames, options={"g": "1", "qp": "0"})
    path = tmp_path / "copy.mp4"
    with (
        open_media(source) as reader,
        MediaWriter(path, video=reader.info.video, settings=EXACT) as writer,
    ):
        for picture in reader.pictures():
            writer.write(picture)
    for picture, frame in zip(pictures_of(path), frames, strict=True):
        np.testing.assert_array_equal(picture.luma, plane_of(frame, 0))
    with av.open(str(path)) as container:
        keys = sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    # The source has key frames only; the encoder decides for itself.
    assert keys == 1


def test_full_range_survives(tmp_path: Path) -> None:
    frames = [yuv_frame(luma, "yuvj420p") for luma in moving_luma(3, 48, 64)]
    source = write_raw(tmp_path / "source.mp4", frames, properties={"color_range": 2})
    path = copy(source, tmp_path / "copy.mp4")
    assert info_of(path).video.full_range
    for picture, frame in zip(pictures_of(path), frames, strict=True):
        np.testing.assert_array_equal(picture.luma, plane_of(frame, 0))


def test_colour_aspect_and_bits_survive(tmp_path: Path) -> None:
    properties = {
        "color_range": 1,
        "color_primaries": 9,
        "color_trc": 16,
        "colorspace": 9,
        "sample_aspect_ratio": Fraction(64, 45),
    }
    frames = [yuv_frame(luma, "yuv420p10le") for luma in moving_luma(3, 48, 64, bits=10)]
    source = write_raw(tmp_path / "source.mp4", frames, properties=properties)
    for codec in ("h264", "hevc", "av1"):
        settings = EncodeSettings(codec=codec, crf=4, preset="ultrafast")
        path = copy(source, tmp_path / f"{codec}.mp4", settings)
        assert info_of(path).video == info_of(source).video
        for new, old in zip(pictures_of(path), frames, strict=True):
            assert new.luma.dtype == np.uint16
            assert np.abs(new.luma.astype(int) - plane_of(old, 0)).mean() < 16


def test_more_bits_than_the_encoder_has_are_rounded(tmp_path: Path) -> None:
    lumas = [np.full((48, 64), value, np.uint16) for value in (402, 2049, 3001)]
    frames = [yuv_frame(luma, "yuv420p12le") for luma in lumas]
    source = write_raw(tmp_path / "source.mkv", frames, codec="ffv1")
    path = copy(source, tmp_path / "copy.mp4", EncodeSettings(crf=0))
    for picture, value in zip(pictures_of(path), (101, 512, 750), strict=True):
        assert picture.bits == 10
        assert abs(picture.luma.mean() - value) < 1


def test_webm_with_av1_says_that_it_cannot_keep_the_aspect(tmp_path: Path) -> None:
    video = VideoSpec(width=64, height=48, rate=Fraction(25), pixel_aspect=Fraction(4, 3))
    with pytest.raises(OptionError, match="4/3"):
        MediaWriter(tmp_path / "a.webm", video=video, settings=EncodeSettings(codec="av1"))


def test_times_of_a_variable_rate_are_kept(tmp_path: Path) -> None:
    times = [Fraction(n, 600) for n in (0, 20, 47, 60, 140, 141, 300, 330, 500)]
    frames = [yuv_frame(luma) for luma in moving_luma(len(times), 48, 64)]
    source = write_raw(tmp_path / "vfr.mp4", frames, times=times)
    path = copy(source, tmp_path / "copy.mp4", EncodeSettings())
    written = [picture.time for picture in pictures_of(path)]
    for time, before in zip(written, times, strict=True):
        assert abs(time - before) <= Fraction(1, 1000)
    assert info_of(path).variable_rate


def test_millisecond_stamps_become_an_exact_rate(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    source = draw_clip(tmp_path / "clip.mkv", frames=50, rate=rate, channels=None)
    path = copy(source, tmp_path / "copy.mp4", FAST)
    assert [picture.time for picture in pictures_of(path)] == [n / rate for n in range(50)]
    assert info_of(path).video.rate == rate


def test_a_late_start_becomes_zero(tmp_path: Path) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(10, 48, 64)]
    times = [Fraction(9, 5) + Fraction(n, 25) for n in range(10)]
    source = write_raw(tmp_path / "late.ts", frames, times=times)
    assert info_of(source).start == times[0]
    path = copy(source, tmp_path / "copy.mp4", EncodeSettings(crf=0))
    assert [picture.time for picture in pictures_of(path)] == [Fraction(n, 25) for n in range(10)]


def test_metadata(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with MediaWriter(path, video=SPEC, settings=FAST, metadata={"title": "A köla"}) as writer:
        writer.write(one_picture(0, SPEC))
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "A köla"


def test_rgb_goes_out_by_bt709_in_limited_range() -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    for colour, luma in (
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 62.6),
        ((0, 255, 0), 172.6),
        ((0, 0, 255), 31.8),
        ((128, 128, 128), 125.9),
    ):
        frame[:] = colour
        picture = picture_from_rgb(frame, time=Fraction(0), spec=SPEC)
        assert abs(picture.luma.astype(float).mean() - luma) < 0.7
        assert (picture.bits, picture.full_range) == (8, False)
        assert np.abs(rgb_from_picture(picture).astype(int) - colour).max() <= 3


def test_rgb_of_ten_bits() -> None:
    spec = VideoSpec(width=64, height=48, rate=Fraction(25), bits=10)
    white = np.full((48, 64, 3), 255, np.uint8)
    picture = picture_from_rgb(white, time=Fraction(0), spec=spec)
    assert picture.luma.dtype == np.uint16
    assert abs(picture.luma.astype(float).mean() - 940) < 2


def test_rgb_of_another_shape_or_type() -> None:
    frame = next(moving_frames(1, 48, 64))
    for wrong in (frame[1:], frame[..., 0], frame.astype(np.float32)):
        with pytest.raises(FrameError):
            picture_from_rgb(wrong, time=Fraction(0), spec=SPEC)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 pictures with a minute of sound."""
    some = [yuv_frame(luma) for luma in moving_luma(10, 128, 128)]
    return write_raw(
        tmp_path_factory.mktemp("long") / "long.mp4",
        [some[index % 10] for index in range(3000)],
        rate=Fraction(50),
        options={"preset": "ultrafast", "qp": "20"},
        sound=tone(60),
    )


def test_memory_stays_flat(tmp_path: Path, long: Path) -> None:
    """Reading and writing 3,000 pictures holds no more than reading and writing 300."""
    script = """
        import resource, sys
        from pathlib import Path
        from provenance.video import EncodeSettings, MediaWriter, open_media

        def run(count):
            path = Path(f"{count}.mp4")
            settings = EncodeSettings(preset="ultrafast", threads=1)
            with open_media(Path(sys.argv[1])) as reader:
                video = reader.info.video
                with MediaWriter(
                    path, video=video, settings=settings, copy_audio_from=reader
                ) as writer:
                    for index, picture in enumerate(reader.pictures()):
                        if index == count:
                            break
                        writer.write(picture.with_luma(picture.luma))
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        run(300)
        print(run(300), run(3000))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(long)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    few, many = map(int, done.stdout.split())
    # 2,700 pictures of 24 KiB would be 65 MB.
    assert (many - few) / 1024 < 12
    assert len(pictures_of(tmp_path / "3000.mp4")) == 3000


def test_pictures_are_decoded_as_they_are_asked_for(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = 0
    read = Cursor.read

    def watched(self: Cursor, count: int) -> bytes:
        nonlocal total
        data = read(self, count)
        total += len(data)
        return data

    with open_media(long) as reader:
        monkeypatch.setattr(Cursor, "read", watched)
        pictures = reader.pictures()
        for _ in range(200):
            next(pictures)
        # A fifteenth of the pictures needs a fifteenth of the file, the index and some ahead.
        assert total < reader.info.bytes / 3
        for _ in pictures:
            pass
        assert total > reader.info.bytes / 2


def test_description_for_the_doctor() -> None:
    found = describe_ffmpeg()
    assert found["pyav"] == av.__version__
    assert found["encoders"]["libx264"] is True
    assert found["decoders"]["h264"] is True

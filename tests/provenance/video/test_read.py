"""Pictures come out as they went in, at their own times, and damage is noted."""

from __future__ import annotations

import gc
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from provenance.errors import FrameError, UnreadableMedia
from provenance.video import open_media, rgb_from_picture
from tests.drawn import (
    draw_clip,
    moving_frames,
    moving_luma,
    plane_of,
    tone,
    write_raw,
    yuv_frame,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_times_of_a_variable_rate_are_kept(tmp_path: Path) -> None:
    times = [Fraction(n, 600) for n in (0, 20, 47, 60, 140, 141, 300, 330, 500)]
    frames = [yuv_frame(luma) for luma in moving_luma(len(times), 48, 64)]
    path = write_raw(tmp_path / "vfr.mp4", frames, times=times)
    with open_media(path) as reader:
        assert [picture.time for picture in reader.pictures()] == times
        assert reader.info.variable_rate


def test_rate_and_aspect(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    path = draw_clip(tmp_path / "ntsc.mp4", rate=rate, frames=40)
    with open_media(path) as reader:
        info = reader.info
        times = [picture.time for picture in reader.pictures()]
    assert info.video.rate == rate
    assert not info.variable_rate
    assert times == [index / rate for index in range(40)]
    assert (info.frames, info.codec, info.mime) == (40, "h264", "video/mp4")
    assert info.duration_s == pytest.approx(40 / rate)
    assert info.bytes == path.stat().st_size
    assert info.audio is not None
    assert (info.audio.sample_rate, info.audio.channels, info.audio_tracks) == (48_000, 2, 1)


@pytest.mark.parametrize(
    ("suffix", "container"),
    [
        (".mp4", "mp4"),
        (".mov", "mov"),
        (".mkv", "mkv"),
        (".avi", "avi"),
        (".ts", "mpegts"),
    ],
)
def test_containers(tmp_path: Path, suffix: str, container: str) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(30, 48, 64)]
    path = write_raw(tmp_path / f"clip{suffix}", frames)
    with open_media(path) as reader:
        assert reader.info.container == container
        assert reader.info.video.rate == 25
        assert not reader.info.variable_rate
        pictures = list(reader.pictures())
        assert reader.damaged is None
    # AVI has no presentation times and the transport stream starts late: the steps are what counts.
    steps = {round((b.time - a.time) * 1000) for a, b in pairwise(pictures)}
    assert steps == {40}
    for picture, frame in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(picture.luma, plane_of(frame, 0))


def test_reordered_pictures_without_times_come_evenly(tmp_path: Path) -> None:
    """AVI has no presentation times: they follow from the packets."""
    frames = [yuv_frame(luma) for luma in moving_luma(30, 48, 64)]
    options = {"bf": "3", "qp": "0", "b_strategy": "0"}
    path = write_raw(tmp_path / "clip.avi", frames, options=options)
    with open_media(path) as reader:
        pictures = list(reader.pictures())
    assert {b.time - a.time for a, b in pairwise(pictures)} == {Fraction(1, 25)}
    for picture, frame in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(picture.luma, plane_of(frame, 0))


def test_webm_is_told_from_matroska(tmp_path: Path) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(3, 48, 64)]
    path = write_raw(tmp_path / "clip.webm", frames, codec="libvpx-vp9")
    with open_media(path) as reader:
        assert (reader.info.container, reader.info.mime) == ("webm", "video/webm")
        assert reader.info.codec == "vp9"


def test_colour_description(tmp_path: Path) -> None:
    colour = {"color_range": 2, "color_primaries": 9, "color_trc": 16, "colorspace": 9}
    frames = [yuv_frame(luma, "yuv420p10le") for luma in moving_luma(3, 48, 64, bits=10)]
    path = write_raw(tmp_path / "hdr.mp4", frames, properties=colour)
    with open_media(path) as reader:
        video = reader.info.video
        assert next(reader.pictures()).full_range
    assert (video.full_range, video.primaries, video.transfer, video.matrix) == (True, 9, 16, 9)


def test_luma_outlives_picture_and_reader_and_is_read_only(tmp_path: Path) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(20, 48, 64)]
    path = write_raw(tmp_path / "clip.mp4", frames)
    with open_media(path) as reader:
        lumas = [picture.luma for picture in reader.pictures()]
    gc.collect()
    for luma, frame in zip(lumas, frames, strict=True):
        np.testing.assert_array_equal(luma, plane_of(frame, 0))
    with pytest.raises(ValueError, match="read-only"):
        lumas[0][0, 0] = 1


def test_luma_is_no_copy(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "clip.mp4", [yuv_frame(moving_luma(1, 48, 64)[0])])
    with open_media(path) as reader:
        (picture,) = reader.pictures()
    address = picture.luma.__array_interface__["data"][0]
    assert address == picture.frame.planes[0].buffer_ptr


def test_new_luma_leaves_the_source_alone(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "clip.mp4", [yuv_frame(luma) for luma in moving_luma(5, 48, 64)])
    with open_media(path) as reader:
        for picture in reader.pictures():
            before = picture.luma.copy()
            changed = picture.with_luma(255 - picture.luma)
            np.testing.assert_array_equal(changed.luma, 255 - before)
            np.testing.assert_array_equal(picture.luma, before)
            np.testing.assert_array_equal(plane_of(changed.frame, 1), plane_of(picture.frame, 1))
            assert changed.time == picture.time
            for wrong in (before[1:], before.astype(np.uint16), before.astype(np.float32)):
                with pytest.raises(FrameError):
                    picture.with_luma(wrong)


def test_new_planes_leave_the_source_alone(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "clip.mp4", [yuv_frame(luma) for luma in moving_luma(2, 48, 64)])
    with open_media(path) as reader:
        for picture in reader.pictures():
            assert [plane.shape for plane in picture.planes] == [(48, 64), (24, 32), (24, 32)]
            assert not any(plane.flags.writeable for plane in picture.planes)
            before = [plane.copy() for plane in picture.planes]
            changed = picture.with_planes([255 - plane for plane in before])
            for old, same, new in zip(before, picture.planes, changed.planes, strict=True):
                np.testing.assert_array_equal(same, old)
                np.testing.assert_array_equal(new, 255 - old)
            assert changed.time == picture.time
            luma, blue, red = before
            for wrong in ((luma, blue), (luma, blue, luma), (luma, blue.astype(np.int16), red)):
                with pytest.raises(FrameError):
                    picture.with_planes(wrong)


def test_pictures_are_freed_without_the_garbage_collector(tmp_path: Path) -> None:
    """A picture in a cycle of references would stay until a collection: 4K fills memory fast."""
    path = draw_clip(tmp_path / "clip.mp4", frames=20)
    with open_media(path) as reader:
        list(reader.pictures())
        gc.collect()
        gc.disable()
        try:
            for picture in reader.pictures():
                picture.with_luma(picture.luma)
            del picture
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            assert not [item for item in gc.garbage if isinstance(item, av.VideoFrame)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


def test_every_pass_starts_anew(tmp_path: Path) -> None:
    path = draw_clip(tmp_path / "clip.mp4", frames=10)
    with open_media(path) as reader:
        first, second = reader.pictures(), reader.pictures()
        times = [(next(first).time, next(second).time) for _ in range(10)]
    assert times == [(Fraction(n, 24), Fraction(n, 24)) for n in range(10)]


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path = tmp_path / "cover.mp4"
    with av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg", rate=1, width=32, height=32, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        stream = output.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p")
        output.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        for luma in moving_luma(3, 48, 64):
            output.mux(stream.encode(yuv_frame(luma)))
        output.mux(stream.encode(None))
    with open_media(path) as reader:
        assert (reader.info.codec, reader.info.video.width) == ("h264", 64)
        assert len(list(reader.pictures())) == 3


def test_a_change_of_size_on_the_way_is_refused(tmp_path: Path) -> None:
    """Two transport streams in one file, as broadcasters send them."""
    small = write_raw(
        tmp_path / "a.ts", [yuv_frame(luma) for luma in moving_luma(10, 48, 64)]
    ).read_bytes()
    large = write_raw(
        tmp_path / "b.ts", [yuv_frame(luma) for luma in moving_luma(10, 96, 64)]
    ).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(small + large)
    with (
        open_media(path) as reader,
        pytest.raises(UnreadableMedia, match=r"64x48.*64x96"),
    ):
        list(reader.pictures())


def test_damage_after_good_pictures_ends_the_pass_with_a_note(tmp_path: Path) -> None:
    path = draw_clip(tmp_path / "clip.mp4", frames=60, channels=None)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with open_media(path) as reader:
        count = sum(1 for _ in reader.pictures())
        assert 10 < count < 60
        assert reader.damaged is not None
        assert "bytes" in reader.damaged or "ended after" in reader.damaged


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_cut_files_of_other_kinds_are_noted(tmp_path: Path, suffix: str) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(60, 48, 64)]
    path = write_raw(tmp_path / f"clip{suffix}", frames)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with open_media(path) as reader:
        assert 10 < sum(1 for _ in reader.pictures()) < 60
        assert reader.damaged is not None


def test_a_recording_that_starts_between_key_frames_is_read(tmp_path: Path) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(60, 48, 64)]
    path = write_raw(
        tmp_path / "clip.ts", frames, options={"preset": "ultrafast", "g": "20", "crf": "10"}
    )
    data = path.read_bytes()
    start = (len(data) // 6) // 188 * 188
    # The tables that say what the stream is come first: keep them.
    path.write_bytes(data[: 3 * 188] + data[start:])
    with open_media(path) as reader:
        assert sum(1 for _ in reader.pictures()) >= 40


def test_sound_is_read_from_the_first_picture_on(tmp_path: Path) -> None:
    samples = tone(1.0)
    frames = [yuv_frame(luma) for luma in moving_luma(25, 48, 64)]
    path = write_raw(tmp_path / "clip.mov", frames, sound=samples, sound_codec="pcm_s16le")
    with open_media(path) as reader:
        blocks = list(reader.sound())
    heard = np.concatenate(blocks)
    assert heard.dtype == np.float32
    assert heard.shape == samples.shape
    assert np.abs(heard - samples).max() < 1e-4


def test_rgb_of_a_picture(tmp_path: Path) -> None:
    path = draw_clip(tmp_path / "clip.mp4", frames=3)
    with open_media(path) as reader:
        pictures = list(reader.pictures())
    for picture, drawn in zip(pictures, moving_frames(3, 96, 128), strict=True):
        rgb = rgb_from_picture(picture)
        assert (rgb.shape, rgb.dtype) == (drawn.shape, np.uint8)
        # Chroma has half the resolution, so edges of colour differ; the mean does not.
        difference = rgb.astype(int) - drawn
        assert np.abs(difference).mean() < 6
        assert np.abs(difference.mean(axis=(0, 1))).max() < 1.5

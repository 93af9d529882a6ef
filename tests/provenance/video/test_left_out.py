"""What a marked copy of a file will not hold, and what of a file is not looked at: it is said."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from provenance.errors import UnreadableMedia
from provenance.stamped import check_complete
from provenance.video import open_media
from tests.drawn import moving_frames, moving_luma, write_raw, yuv_frame

LUMA = moving_luma(6, 144, 192)


def write_tracks(path, tracks, frames=30):
    """A file with so many video tracks of the same moving pictures."""
    with av.open(str(path), "w") as output:
        streams = [
            output.add_stream("libx264", rate=12, width=256, height=192, pix_fmt="yuv420p")
            for _ in range(tracks)
        ]
        for index, pixels in enumerate(moving_frames(frames, 192, 256)):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 12)
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return path


def left_out(path):
    with open_media(path) as media:
        return media.info.left_out


def test_nothing_is_left_out_of_a_plain_file(tmp_path):
    frames = [yuv_frame(luma) for luma in LUMA]
    assert left_out(write_raw(tmp_path / "plain.mp4", frames)) == ()


@pytest.mark.parametrize(
    ("name", "layout", "codec", "options"),
    [
        ("a.mov", "yuva444p10le", "prores_ks", {"profile": "4"}),
        ("a.webm", "yuva420p", "libvpx-vp9", {"auto-alt-ref": "0", "cpu-used": "8"}),
    ],
)
def test_transparency_is_told(tmp_path, name, layout, codec, options):
    lumas = moving_luma(3, 144, 192, bits=10 if "10" in layout else 8)
    frames = [yuv_frame(luma, layout) for luma in lumas]
    path = write_raw(tmp_path / name, frames, codec=codec, options=options)
    assert left_out(path) == ("transparency",)


def test_fields_are_told(tmp_path):
    frames = [yuv_frame(luma) for luma in LUMA]
    options = {"qp": "0", "preset": "ultrafast", "x264-params": "tff=1"}
    (told,) = left_out(write_raw(tmp_path / "fields.mp4", frames, options=options))
    assert told.startswith("fields")


def test_of_several_video_tracks_it_is_told_that_one_was_taken(tmp_path, desk):
    path = write_tracks(tmp_path / "two.mp4", 2)
    assert left_out(write_tracks(tmp_path / "three.mkv", 3, frames=2)) == ("2 other video tracks",)
    facts = desk.stamped(source=path)
    assert any("not in the copy: another video track" in said for said in facts["warnings"])
    for file, told in ((path, 1), (desk.folder / "out.mp4", 0)):
        checks = desk.verified(file)["checks"]
        found = [check for check in checks if check["name"] == "video_tracks"]
        assert [check["state"] for check in found] == ["skipped"] * told


def test_a_transport_stream_cut_within_a_packet_is_not_whole(tmp_path):
    frames = [yuv_frame(luma) for luma in LUMA]
    path = write_raw(tmp_path / "clip.ts", frames)
    with open_media(path) as media:
        check_complete(media.source)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 // 188 * 188 + 50])
    with open_media(path) as media, pytest.raises(UnreadableMedia, match="lacks 138 bytes"):
        check_complete(media.source)

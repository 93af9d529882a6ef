"""A remux keeps pictures and sound bit by bit, and nothing else."""

from __future__ import annotations

import av
import pytest

from provenance.errors import (
    InputMissing,
    NoVideo,
    OptionError,
    OutputError,
    OutputIsInput,
    UnreadableMedia,
)
from provenance.manifest import has_manifest, sign_file
from provenance.video import open_media, remux
from tests.bad_inputs import make_bad
from tests.desk import names, packets_of
from tests.drawn import moving_luma, tone, write_raw, yuv_frame


def times_of(path):
    with open_media(path) as media:
        return [picture.time for picture in media.pictures()]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_pictures_sound_and_times_stay(tmp_path, plain_mp4, suffix):
    out = tmp_path / f"out.{suffix}"
    remux(plain_mp4, out)
    for kind in ("video", "audio"):
        assert packets_of(out, kind) == packets_of(plain_mp4, kind)
    assert times_of(out) == pytest.approx(times_of(plain_mp4), abs=0.002)
    assert names(tmp_path) == {out.name}


def test_from_webm(tmp_path, plain_webm):
    remux(plain_webm, tmp_path / "out.mkv")
    assert packets_of(tmp_path / "out.mkv", "video") == packets_of(plain_webm, "video")


def test_manifest_and_titles_stay_behind(tmp_path, plain_mp4, request_for, development_identity):
    signed, out = tmp_path / "signed.mp4", tmp_path / "out.mp4"
    sign_file(plain_mp4, signed, request_for(development_identity), development_identity)
    assert has_manifest(signed)
    remux(signed, out)
    assert not has_manifest(out)
    assert b"signed.mp4" not in out.read_bytes()
    assert packets_of(out, "video") == packets_of(plain_mp4, "video")


def test_a_turned_picture_stays_turned(tmp_path):
    frames = [yuv_frame(plane) for plane in moving_luma(5, 48, 64)]
    turned = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]
    clip = write_raw(tmp_path / "turned.mp4", frames, matrix=turned)
    remux(clip, tmp_path / "out.mp4")
    with open_media(clip) as before, open_media(tmp_path / "out.mp4") as after:
        assert after.info.rotation == before.info.rotation != 0
        assert (after.info.video.width, after.info.video.height) == (48, 64)


def test_only_the_first_sound_is_kept(tmp_path):
    frames = [yuv_frame(plane) for plane in moving_luma(24, 48, 64)]
    clip = write_raw(tmp_path / "two.mp4", frames, sound=tone(1.0), sound_tracks=2)
    remux(clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as media:
        assert len(media.streams.audio) == 1


def test_the_input_is_never_written_to(tmp_path, plain_mp4):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(plain_mp4.read_bytes())
    (tmp_path / "link.mp4").symlink_to(clip)
    for target in ("clip.mp4", "link.mp4"):
        with pytest.raises(OutputIsInput):
            remux(clip, tmp_path / target)
    assert clip.read_bytes() == plain_mp4.read_bytes()


def test_what_cannot_be_done_leaves_nothing(tmp_path, plain_mp4):
    (tmp_path / "in").mkdir()
    broken, sound = (make_bad(kind, tmp_path / "in", plain_mp4) for kind in ("no_index", "m4a"))
    out_folder = tmp_path / "out"
    out_folder.mkdir()
    for source, name, error in (
        (tmp_path / "gone.mp4", "out.mp4", InputMissing),
        (broken, "out.mp4", UnreadableMedia),
        (plain_mp4, "out.txt", OptionError),
        (plain_mp4, "out.webm", OutputError),
        (plain_mp4, "none/out.mp4", OutputError),
        (sound, "out.mp4", NoVideo),
    ):
        with pytest.raises(error):
            remux(source, out_folder / name)
        assert names(out_folder) == set()

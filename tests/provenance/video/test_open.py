"""What must not be opened is refused, quickly, with an error that says what it is."""

from __future__ import annotations

import os
import random
import socket
import threading
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from provenance.errors import (
    EveryframeError,
    InputEmpty,
    InputError,
    InputForbidden,
    InputMissing,
    MediaTooLarge,
    NoVideo,
    UnreadableMedia,
    UnsupportedMedia,
)
from provenance.video import Limits, open_media
from tests.drawn import as_nobody, draw_clip, moving_luma, tone, write_raw, yuv_frame

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=30)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        open_media(tmp_path / "none.mp4")


def test_a_file_is_no_folder(clip: Path) -> None:
    with pytest.raises(InputMissing):
        open_media(clip / "below.mp4")


def test_zero_byte_in_the_name(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        open_media(tmp_path / "a\0b.mp4")


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(InputEmpty):
        open_media(path)


def test_forbidden(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(clip.read_bytes())
    path.chmod(0)
    with as_nobody(), pytest.raises(InputForbidden):
        open_media(path)


def test_a_loop_of_links_is_forbidden(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "b.mp4")
    (tmp_path / "b.mp4").symlink_to(tmp_path / "a.mp4")
    with pytest.raises(InputForbidden):
        open_media(tmp_path / "a.mp4")


def test_a_link_to_a_clip_is_fine(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(clip)
    with open_media(tmp_path / "link.mp4") as reader:
        assert reader.info.container == "mp4"


def test_folders_and_pipes_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path, tmp_path / "pipe.mp4"):
        with pytest.raises(UnsupportedMedia, match="regular file"):
            open_media(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear diary, today I shot no film.\n" * 9, "text"),
        (b"ffconcat version 1.0\nfile clip.mp4\n", "ffconcat"),
        (b"#EXTM3U\n#EXTINF:1,\nclip.mp4\n", "HLS"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(60), "JPEG"),
        (b"\0\0\0\x1cftypavif" + bytes(60), "image"),
        (b"RIFF\x10\0\0\0WAVEfmt " + bytes(60), "audio"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(60), "WebP"),
        (b"ID3\x04" + bytes(60), "audio"),
        (bytes(400), "unknown"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(UnsupportedMedia, match=words) as caught:
        open_media(path)
    assert caught.value.hint


def test_lists_never_open_what_they_name(tmp_path: Path, clip: Path) -> None:
    """FFmpeg, left to itself, decodes the neighbour; behind a valid start it is damage."""
    (tmp_path / "victim.mp4").write_bytes(clip.read_bytes())
    texts = (
        b"ffconcat version 1.0\nfile victim.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nvictim.mp4\n#EXT-X-ENDLIST\n",
    )
    starts = (
        b"",
        b"\xef\xbb\xbf",
        b"\n",
        b"\0\0\0\x08free",
        b"\x1a\x45\xdf\xa3",
        b"RIFF\0\0\0\0AVI ",
    )
    for text in texts:
        for start in starts:
            path = tmp_path / "upload.mp4"
            path.write_bytes(start + text)
            with pytest.raises(InputError):
                open_media(path)


def test_playlists_make_no_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        hits: list[object] = []

        def listen() -> None:
            try:
                hits.append(server.accept())
            except TimeoutError:
                return

        listener = threading.Thread(target=listen)
        listener.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path = tmp_path / "upload.mp4"
        for start in ("", "\n"):
            path.write_text(f"{start}#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{address}\n")
            with pytest.raises(InputError):
                open_media(path)
        listener.join()
    assert not hits


def test_a_path_that_is_swapped_after_opening_changes_nothing(tmp_path: Path, clip: Path) -> None:
    path, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    path.write_bytes(clip.read_bytes())
    draw_clip(other, frames=5, width=64, height=64)
    with open_media(path) as reader:
        other.replace(path)
        pictures = list(reader.pictures())
    assert (len(pictures), pictures[0].width) == (30, 128)


def test_a_closed_reader_reads_no_other_file(clip: Path) -> None:
    """The number of a closed descriptor is given to the next file that is opened."""
    reader = open_media(clip)
    pictures = reader.pictures()
    next(pictures)
    reader.close()
    with clip.open("rb"), pytest.raises(EveryframeError):
        list(reader.pictures())
    pictures.close()


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        track = output.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(tone(0.5).reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = 48_000
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    with pytest.raises(NoVideo):
        open_media(path)


def test_a_track_without_pictures_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "none.mp4"
    with av.open(str(path), "w") as output:
        output.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p")
        output.start_encoding()
    with pytest.raises(NoVideo):
        open_media(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_bomb_is_refused_before_decoding(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"bomb{suffix}"
    luma = np.full((8192, 8192), 90, np.uint8)
    write_raw(path, [yuv_frame(luma)], options={"preset": "ultrafast", "crf": "51"})
    assert path.stat().st_size < 1_500_000
    monkeypatch.setattr("provenance.video.info.decode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(MediaTooLarge, match="8192x8192"):
        open_media(path)


def test_limits(tmp_path: Path, clip: Path) -> None:
    tight = (
        Limits(max_pixels=128 * 95),
        Limits(max_duration_s=1.0),
        Limits(max_frames=29),
        Limits(max_rate=23.0),
        Limits(max_streams=1),
        Limits(max_bytes=clip.stat().st_size - 1),
    )
    for limits in tight:
        with pytest.raises(MediaTooLarge):
            open_media(clip, limits=limits)


def test_limits_hold_while_decoding_what_declares_nothing(tmp_path: Path) -> None:
    frames = [yuv_frame(luma) for luma in moving_luma(30, 64, 64)]
    path = write_raw(tmp_path / "clip.ts", frames)
    with (
        open_media(path, limits=Limits(max_frames=10)) as reader,
        pytest.raises(MediaTooLarge),
    ):
        list(reader.pictures())


def test_packets_without_a_picture_are_limited(tmp_path: Path) -> None:
    """A recording whose key frames were all cut out never gives a picture."""
    import av

    source = draw_clip(tmp_path / "source.mp4", frames=60, channels=None)
    path = tmp_path / "cut.mp4"
    with av.open(str(source)) as opened, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(opened.streams.video[0])
        for packet in opened.demux(video=0):
            if packet.dts is not None and not packet.is_keyframe:
                packet.stream = stream
                output.mux(packet)
    with pytest.raises((UnreadableMedia, NoVideo)):
        open_media(path)
    with pytest.raises(UnreadableMedia, match="6 packets"):
        open_media(path, limits=Limits(max_packets_without_frame=5))


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_files_cut_before_the_first_picture(tmp_path: Path, clip: Path, share: float) -> None:
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError):
        open_media(path)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_files_cut_later(tmp_path: Path, clip: Path, share: float) -> None:
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: int(len(data) * share)])
    with open_media(path) as reader:
        assert 0 < sum(1 for _ in reader.pictures()) < 30
        assert reader.damaged is not None


def test_mutated_files_raise_only_our_errors(tmp_path: Path, clip: Path) -> None:
    rng = random.Random(7)
    data = clip.read_bytes()
    path = tmp_path / "mutated.mp4"
    outcomes = set()
    for _ in range(60):
        mutated = bytearray(data)
        # Half of the hits go to the index, which is at the front.
        for _ in range(rng.randrange(1, 40)):
            limit = len(data) if rng.random() < 0.5 else 2500
            mutated[rng.randrange(8, limit)] = rng.randrange(256)
        path.write_bytes(mutated)
        try:
            with open_media(path) as reader:
                for picture in reader.pictures():
                    picture.luma.sum()
                for _block in reader.sound():
                    pass
                outcomes.add("damaged" if reader.damaged else "whole")
        except InputError as error:
            outcomes.add(error.code)
    assert {"whole", "media.unreadable"} <= outcomes


def test_titles_in_old_encodings_are_no_obstacle(tmp_path: Path, clip: Path) -> None:
    import av

    path = tmp_path / "title.mkv"
    frame = yuv_frame(moving_luma(1, 64, 64)[0])
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "TITLE-XX"
        stream = output.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p")
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"TITLE-XX", b"TITLE-\xe9\xff"))
    with open_media(path) as reader:
        assert reader.info.video.rate == Fraction(25)

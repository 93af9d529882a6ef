"""Single pictures: the mark in one frame, and files that only look like pictures."""

from __future__ import annotations

import struct
import zlib
from itertools import islice

import cv2
import numpy as np
import pytest

from detectors.report import to_html
from detectors.verification import verify
from provenance.errors import MediaTooLarge, UnreadableMedia, UnsupportedMedia
from provenance.video import open_media, open_still, rgb_from_picture
from tests.detectors.conftest import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def frame(studio):
    """(H, W, 3) uint8 BGR: a picture out of the marked clip."""
    with open_media(studio.unsigned) as media:
        picture = next(islice(media.pictures(), 12, None))
    return rgb_from_picture(picture)[:, :, ::-1]


def write(path, picture, *options):
    assert cv2.imwrite(str(path), picture, [*options])
    return path


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", ()),
        (".jpg", (cv2.IMWRITE_JPEG_QUALITY, 92)),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101)),
    ],
)
def test_the_mark_is_read_from_one_picture(frame, studio, tmp_path, suffix, options):
    result = verify(write(tmp_path / f"still{suffix}", frame, *options), store=studio.store)
    assert result.watermark.content_id == studio.payload.content_id_hex
    assert result.verdict == "ai_generated"
    assert result.manifest.source == "recovered"
    assert (result.file.width, result.file.height, result.file.fps) == (WIDTH, HEIGHT, None)
    # There is no time to follow it through, so nothing is said of tampering.
    assert result.tampered is None
    assert result.watermark.segments == ()


def test_a_picture_has_a_report_without_a_timeline(frame, tmp_path):
    result = verify(write(tmp_path / "still.png", frame), storyboard=True, quality=True)
    page = to_html([result])
    assert "Timeline" not in page
    assert "PNG · 640 × 480" in page
    assert len(result.storyboard) == 1
    assert result.quality.findings == ()


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_grey_clear_and_deep_pictures_are_opened(tmp_path, channels, depth):
    top = np.iinfo(depth).max
    picture = np.random.default_rng(0).integers(0, top, (120, 160, channels)).astype(depth)
    result = verify(write(tmp_path / "odd.png", picture))
    assert (result.verdict, result.error) == ("no_evidence", None)


def png(*, width, height, data=b"", end=True):
    """A PNG by its parts, with whatever size it claims."""

    def chunk(kind, content):
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", data) + (chunk(b"IEND", b"") if end else b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


HOSTILE = {
    # A few bytes that claim gigabytes.
    "bomb.png": png(width=60_000, height=60_000, data=zlib.compress(b"\0" * 1000)),
    "overflow.png": png(width=2**31 - 1, height=2**31 - 1, data=b""),
    "nothing.png": png(width=640, height=480, data=b""),
    "cut.png": png(width=640, height=480, data=b"x", end=False)[:50],
    "head.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
    "noise.jpg": b"\xff\xd8\xff" + np.random.default_rng(0).bytes(5000),
    "noise.webp": b"RIFF\xff\xff\xff\x7fWEBPVP8 " + np.random.default_rng(1).bytes(5000),
    "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
    "list.png": b"#EXTM3U\n#EXTINF:3,\nfile:///etc/passwd\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_are_answered(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    result = verify(path)
    assert result.verdict == "unreadable"
    assert result.error.code in {"media.unreadable", "media.unsupported", "media.too_large"}
    with pytest.raises((UnreadableMedia, UnsupportedMedia, MediaTooLarge)), open_still(path):
        pass


def test_bytes_changed_at_random_never_break_anything(frame, studio, tmp_path):
    rng = np.random.default_rng(3)
    small = cv2.resize(frame, (160, 120))
    for suffix in (".png", ".jpg", ".webp"):
        whole = write(tmp_path / f"whole{suffix}", small).read_bytes()
        for _ in range(15):
            data = bytearray(whole)
            for at in rng.integers(0, len(data), 12):
                data[at] = int(rng.integers(256))
            path = tmp_path / f"changed{suffix}"
            path.write_bytes(bytes(data[: int(rng.integers(10, len(data)))]))
            result = verify(path)
            assert (result.verdict == "unreadable") == (result.error is not None)
            # What is left of the picture is now and then enough to read its mark.
            assert result.watermark.content_id in {None, studio.payload.content_id_hex}


def test_a_video_is_no_picture_and_a_picture_no_video(studio, frame, tmp_path):
    with pytest.raises(UnsupportedMedia, match="not a picture"), open_still(studio.plain):
        pass
    with (
        pytest.raises(UnsupportedMedia, match="image"),
        open_media(write(tmp_path / "still.png", frame)),
    ):
        pass

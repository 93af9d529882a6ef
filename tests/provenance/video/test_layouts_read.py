"""Every way to lay out a picture comes out upright, with the luma that it holds."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from provenance.video import open_media
from tests.drawn import (
    moving_frames,
    moving_luma,
    plane_of,
    write_raw,
    yuv_frame,
)

if TYPE_CHECKING:
    from pathlib import Path

UNIT = 1 << 16


# Display matrices and what they do to an array of rows.
TURNS = {
    "90": ((0, UNIT, 0, -UNIT, 0, 0, 0, 0, 1 << 30), lambda a: np.rot90(a, -1), 90),
    "180": ((-UNIT, 0, 0, 0, -UNIT, 0, 0, 0, 1 << 30), lambda a: np.rot90(a, 2), 180),
    "270": ((0, -UNIT, 0, UNIT, 0, 0, 0, 0, 1 << 30), lambda a: np.rot90(a, 1), 270),
    "mirrored": ((-UNIT, 0, 0, 0, UNIT, 0, 0, 0, 1 << 30), np.fliplr, 0),
    "upside down": ((UNIT, 0, 0, 0, -UNIT, 0, 0, 0, 1 << 30), np.flipud, 180),
    "transposed": ((0, UNIT, 0, UNIT, 0, 0, 0, 0, 1 << 30), np.transpose, 270),
}


@pytest.mark.parametrize("name", TURNS)
def test_display_matrix(tmp_path: Path, name: str) -> None:
    matrix, turn, degrees = TURNS[name]
    frames = [yuv_frame(luma) for luma in moving_luma(3, 48, 64)]
    path = write_raw(
        tmp_path / "turned.mp4",
        frames,
        matrix=matrix,
        properties={"sample_aspect_ratio": Fraction(4, 3)},
    )
    with open_media(path) as reader:
        pictures = list(reader.pictures())
        info = reader.info
    assert info.rotation == degrees
    sideways = turn(np.empty((48, 64))).shape == (64, 48)
    assert (info.video.width, info.video.height) == ((48, 64) if sideways else (64, 48))
    assert info.video.pixel_aspect == (Fraction(3, 4) if sideways else Fraction(4, 3))
    for picture, frame in zip(pictures, frames, strict=True):
        for index in range(3):
            shown = plane_of(picture.frame, index)
            np.testing.assert_array_equal(shown, turn(plane_of(frame, index)))
        np.testing.assert_array_equal(picture.luma, turn(plane_of(frame, 0)))


def test_sideways_422_keeps_its_luma(tmp_path: Path) -> None:
    frames = [yuv_frame(luma, "yuv422p") for luma in moving_luma(2, 48, 64)]
    path = write_raw(tmp_path / "turned.mp4", frames, matrix=TURNS["90"][0])
    with open_media(path) as reader:
        pictures = list(reader.pictures())
    for picture, frame in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(picture.luma, np.rot90(plane_of(frame, 0), -1))
        assert picture.layout.chroma == "420"


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
def test_planar_luma_is_exact(tmp_path: Path, pix_fmt: str) -> None:
    bits = 10 if "10" in pix_fmt else 8
    frames = [yuv_frame(luma, pix_fmt) for luma in moving_luma(4, 50, 70, bits=bits)]
    path = write_raw(tmp_path / "clip.mp4", frames)
    with open_media(path) as reader:
        assert reader.info.video.bits == bits
        for picture, frame in zip(reader.pictures(), frames, strict=True):
            assert picture.luma.dtype == (np.uint8 if bits == 8 else np.uint16)
            np.testing.assert_array_equal(picture.luma, plane_of(frame, 0))
            assert picture.frame.format.name == pix_fmt


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "chroma"),
    [
        ("ffv1", "yuv410p", "420"),
        ("ffv1", "yuv411p", "420"),
        ("ffv1", "yuv440p", "420"),
        ("ffv1", "yuva420p", "420"),
        ("ffv1", "yuv422p12le", "422"),
        ("ffv1", "yuv420p16le", "420"),
        ("ffv1", "gray", "420"),
        ("ffv1", "gray10le", "420"),
        ("rawvideo", "nv12", "420"),
        ("rawvideo", "yuyv422", "422"),
        ("rawvideo", "uyvy422", "422"),
    ],
)
def test_other_yuv_keeps_its_luma(tmp_path: Path, codec: str, pix_fmt: str, chroma: str) -> None:
    planar = {"nv12": "yuv420p", "yuyv422": "yuv422p", "uyvy422": "yuv422p"}.get(pix_fmt, pix_fmt)
    bits = av.VideoFormat(pix_fmt).components[0].bits
    lumas = moving_luma(2, 48, 64, bits=bits)
    frames = [yuv_frame(luma, planar) for luma in lumas]
    if planar != pix_fmt:
        frames = [frame.reformat(format=pix_fmt) for frame in frames]
    suffix = ".avi" if codec == "rawvideo" else ".mkv"
    path = write_raw(tmp_path / f"clip{suffix}", frames, codec=codec)
    with open_media(path) as reader:
        pictures = list(reader.pictures())
        assert reader.info.video.bits == bits
    assert len(pictures) == 2
    for picture, luma in zip(pictures, lumas, strict=True):
        np.testing.assert_array_equal(picture.luma, luma)
        assert (picture.layout.chroma, picture.layout.bits) == (chroma, bits)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "bits"),
    [
        ("libx264rgb", "rgb24", 8),
        ("ffv1", "bgr0", 8),
        ("ffv1", "gbrp10le", 10),
        ("png", "pal8", 8),
        ("png", "rgba", 8),
    ],
)
def test_rgb_becomes_bt709(tmp_path: Path, codec: str, pix_fmt: str, bits: int) -> None:
    drawn = next(moving_frames(1, 48, 64))
    if pix_fmt == "pal8":  # eight shades of grey and their index
        drawn = np.repeat((drawn[..., :1] // 32) * 36, 3, axis=2)
        frame = av.VideoFrame(64, 48, "pal8")
        np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(48, -1)[:, :64] = (
            drawn[..., 0] // 36
        )
        palette = np.frombuffer(memoryview(frame.planes[1]), np.uint32)
        palette[:8] = [0xFF000000 | (shade * 36 * 0x010101) for shade in range(8)]
    else:
        source = av.VideoFrame.from_ndarray(drawn, format="rgb24")
        pixel_format = "bgr24" if codec == "libx264rgb" else pix_fmt
        frame = source.reformat(format=pixel_format)
    path = write_raw(
        tmp_path / ("clip.mov" if codec == "png" else "clip.mkv"), [frame], codec=codec
    )
    with open_media(path) as reader:
        (picture,) = reader.pictures()
        video = reader.info.video
    assert (video.matrix, video.full_range, video.bits) == (1, False, bits)
    red, green, blue = np.moveaxis(drawn.astype(float), 2, 0)
    expected = 16 + (0.2126 * red + 0.7152 * green + 0.0722 * blue) * 219 / 255
    difference = picture.luma / (1 << (bits - 8)) - expected
    assert np.abs(difference).mean() < 0.8
    assert abs(difference.mean()) < 0.5

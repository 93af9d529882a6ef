"""How the samples of a picture lie in memory, and exact moves between such layouts.

Everything that is brightness (luma) is copied sample by sample here and never goes through a colour
conversion, because the watermark lives in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Layout:
    """Planar YUV: ``chroma`` "420", "422" or "444", and ``bits`` a sample."""

    chroma: str
    bits: int

    @property
    def name(self) -> str:
        """FFmpeg's name of the pixel format."""
        return f"yuv{self.chroma}p" + ("" if self.bits == 8 else f"{self.bits}le")

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        return np.uint8 if self.bits == 8 else np.uint16


# (horizontal, vertical) luma samples a chroma sample.
SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
CHROMA_OF = {steps: chroma for chroma, steps in SUBSAMPLING.items()}

# "yuvj" is FFmpeg's old spelling of full range; the range also travels as a property of the frame.
LAYOUTS = {
    layout.name: layout
    for layout in (Layout(*both) for both in product(SUBSAMPLING, (8, 9, 10, 12, 14, 16)))
} | {f"yuvj{chroma}p": Layout(chroma, 8) for chroma in SUBSAMPLING}


def plane(frame: av.VideoFrame, index: int) -> NDArray[Any]:
    """One plane, (rows, columns) uint8 or uint16: a view that keeps the frame alive."""
    source = frame.planes[index]
    bits = frame.format.components[0].bits
    dtype = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    step, rows = source.line_size, source.height
    # FFmpeg stores some pictures bottom up: the line size is then negative.
    start = (rows - 1) * -step if step < 0 else 0
    shape, strides = (rows, source.width), (step, dtype.itemsize)
    memory = memoryview(source)
    return np.ndarray(shape, dtype=dtype, buffer=memory, offset=start, strides=strides)


def blank(layout: Layout, width: int, height: int, like: av.VideoFrame) -> av.VideoFrame:
    """A new frame without content, with the time and the colour description of ``like``."""
    frame = av.VideoFrame(width, height, layout.name)
    frame.pts = like.pts
    if like.time_base is not None:
        frame.time_base = like.time_base
    frame.color_range = like.color_range
    frame.colorspace = like.colorspace
    frame.color_primaries = like.color_primaries
    frame.color_trc = like.color_trc
    return frame


def canonical(frame: av.VideoFrame) -> av.VideoFrame:
    """``frame`` itself where it is planar YUV that we know, else its nearest equivalent.

    YUV keeps its luma values; RGB, palettes and the like become BT.709 4:2:0 in limited range.
    """
    if frame.format.name in LAYOUTS:
        return frame
    if _is_planar_yuv(frame.format):
        return convert(frame, Layout(_chroma(frame.format), frame.format.components[0].bits))
    bits = max(component.bits for component in frame.format.components)
    if _is_yuv(frame.format):
        return frame.reformat(format=Layout(_chroma(frame.format), bits).name)
    return frame.reformat(
        format=Layout("420", 8 if bits <= 8 else 10).name,
        src_color_range="JPEG",
        dst_colorspace="ITU709",
        dst_color_range="MPEG",
    )


def convert(frame: av.VideoFrame, target: Layout) -> av.VideoFrame:
    """Planar YUV in another layout: luma copied (shifted if ``bits`` differ), chroma resampled."""
    bits = frame.format.components[0].bits
    steps = _steps(frame.format)
    wanted = SUBSAMPLING[target.chroma]
    new = blank(target, frame.width, frame.height, frame)
    np.copyto(plane(new, 0), _shift(plane(frame, 0), bits, target.bits))
    for index in (1, 2):
        destination = plane(new, index)
        if len(frame.format.components) < 3:  # grey
            destination[:] = 1 << (target.bits - 1)
            continue
        chroma = _resample(plane(frame, index), steps, wanted, destination.shape)
        np.copyto(destination, _shift(chroma, bits, target.bits))
    return new


def _steps(pixel_format: av.VideoFormat) -> tuple[int, int]:
    return 16 // pixel_format.chroma_width(16), 16 // pixel_format.chroma_height(16)


def _chroma(pixel_format: av.VideoFormat) -> str:
    return CHROMA_OF.get(_steps(pixel_format), "420") if len(pixel_format.components) > 2 else "420"


def _is_yuv(pixel_format: av.VideoFormat) -> bool:
    is_colour = pixel_format.is_rgb or pixel_format.has_palette or pixel_format.is_bayer
    # X'Y'Z' of digital cinema calls its first component luma, but it needs the colour conversion.
    return not (is_colour or pixel_format.is_bit_stream or pixel_format.name.startswith("xyz"))


def _is_planar_yuv(pixel_format: av.VideoFormat) -> bool:
    components = pixel_format.components
    own_planes = len({component.plane for component in components}) == len(components)
    # "msb" formats keep their bits at the top of the word.
    plain = not pixel_format.is_big_endian and "msb" not in pixel_format.name
    return _is_yuv(pixel_format) and own_planes and plain and 8 <= components[0].bits <= 16


def _shift(samples: NDArray[Any], bits: int, target: int) -> NDArray[Any]:
    if target == bits:
        return samples
    wide = samples.astype(np.uint32)
    if target > bits:
        return wide << (target - bits)
    down = bits - target
    rounded: NDArray[Any] = np.minimum((wide + (1 << (down - 1))) >> down, (1 << target) - 1)
    return rounded


def _resample(
    samples: NDArray[Any], steps: tuple[int, int], wanted: tuple[int, int], shape: tuple[int, ...]
) -> NDArray[Any]:
    if steps == wanted:
        return samples
    rows, columns = samples.shape
    # Repeat the edge until the coarser grid divides the finer one, so that sizes come out exactly.
    pad_x, pad_y = -(columns * steps[0]) % wanted[0], -(rows * steps[1]) % wanted[1]
    padded = np.pad(samples, ((0, pad_y), (0, pad_x)), mode="edge")
    size = (
        padded.shape[1] * steps[0] // wanted[0],
        padded.shape[0] * steps[1] // wanted[1],
    )
    shrinks = size[0] < padded.shape[1] or size[1] < padded.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[Any] = cv2.resize(padded, size, interpolation=method)
    return resized[: shape[0], : shape[1]]

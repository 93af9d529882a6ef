"""Luma through a real encoder and decoder in memory: what training and evaluation measure against.

Elementary streams only: no container, no file. Works in processes that never import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from provenance.errors import FrameError, OptionError
from provenance.video.scheduling import ordinary_priority

Luma = NDArray[np.uint8]

ENCODERS = {"x264": "libx264", "x265": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
_DECODERS = {"x264": "h264", "x265": "hevc", "vp9": "vp9", "av1": "libdav1d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSettings:
    """Which encoder, how coarse (its own CRF scale), how slow (its own preset), frames a second."""

    codec: str = "x264"
    crf: int = 28
    preset: str = "medium"
    rate: Fraction = Fraction(30)
    threads: int = 1

    def options(self) -> dict[str, str]:
        if self.codec == "x265":
            quiet = "log-level=none:pools=none:frame-threads=1:lookahead-threads=0"
            return {"crf": str(self.crf), "preset": self.preset, "x265-params": quiet}
        if self.codec == "vp9":
            return {"crf": str(self.crf), "b": "0", "deadline": "good", "cpu-used": "4"}
        return {"crf": str(self.crf), "preset": self.preset}


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    return cast("VideoCodecContext", VideoCodecContext.create(name, mode))


def round_trip(frames: Luma, settings: CodecSettings) -> tuple[Luma, int]:
    """Frames (T, H, W), even sides, → what a player shows of them, and the size in bytes.

    Raises FrameError for another shape, OptionError for an unknown codec.
    """
    if frames.ndim != 3 or frames.shape[1] % 2 or frames.shape[2] % 2 or not len(frames):
        raise FrameError(
            f"frames of shape {frames.shape} cannot be encoded as 4:2:0",
            hint="give (T, H, W) luma with even sides and at least one frame",
        )
    if settings.codec not in ENCODERS:
        raise OptionError(f"unknown codec {settings.codec!r}", hint=f"one of {', '.join(ENCODERS)}")
    height, width = frames.shape[1:]
    encoder = _context(ENCODERS[settings.codec], "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = 1 / settings.rate
    encoder.framerate = settings.rate
    encoder.thread_count = settings.threads
    encoder.options = settings.options()
    with ordinary_priority():
        encoder.open()
    grey = np.full((height // 2, width), 128, np.uint8)
    packets = []
    for index, luma in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.concatenate([luma, grey]), format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    data = [bytes(packet) for packet in packets]
    # The decoder is opened on the stream alone, as a player's is.
    decoder = _context(_DECODERS[settings.codec], "r")
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    decoder.thread_count = settings.threads
    decoded = []
    for piece in data:
        decoded += decoder.decode(av.Packet(piece))
    decoded += decoder.decode(None)
    # Not format="gray": that conversion would stretch limited range to full.
    shown = np.stack([picture.to_ndarray(format="yuv420p")[:height] for picture in decoded])
    return np.asarray(shown, np.uint8), sum(map(len, data))

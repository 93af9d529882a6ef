"""How to encode: what users may choose, checked, and what each encoder calls it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import av

from provenance.errors import OptionError
from provenance.video.layout import LAYOUTS, SUBSAMPLING, Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provenance.clip import VideoSpec

CodecName = Literal["h264", "hevc", "av1"]

# x264's names from fast to slow; SVT-AV1 counts from 13 (fast) to 0 (slow), of which it
# maps 12 and 13 to 11 itself.
X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
SVT_PRESETS = MappingProxyType(
    dict(zip(X264_PRESETS, ("11", "10", "9", "9", "8", "7", "5", "4", "2", "0"), strict=True))
    | {str(number): str(number) for number in range(14)}
)
SAME_PRESETS = MappingProxyType({name: name for name in X264_PRESETS})


def _x265_options(threads: int | None) -> dict[str, str]:
    # libx265 writes to stderr by itself, past FFmpeg's log, and has its own thread pools.
    pools = "" if threads is None else f":pools={threads}:frame-threads=1"
    return {"x265-params": f"log-level=none{pools}"}


def _svt_options(threads: int | None) -> dict[str, str]:
    return {} if threads is None else {"svtav1-params": f"lp={threads}"}


# H.264 and HEVC hide the edge of a picture in whole chroma samples, so that odd sizes need 4:4:4.
CROPS_WHOLE_CHROMA = frozenset({"libx264", "libx265"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """One encoder of FFmpeg: ``tag`` is the sample entry that players of MP4 expect."""

    name: str
    crf: int
    max_crf: int
    presets: Mapping[str, str]
    options: Callable[[int | None], dict[str, str]] = lambda _threads: {}
    tag: str | None = None


# crf: the default of each encoder, which are of roughly equal quality to the eye.
ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "h264": Encoder(name="libx264", crf=23, max_crf=51, presets=SAME_PRESETS),
        "hevc": Encoder(
            name="libx265",
            crf=28,
            max_crf=51,
            presets=SAME_PRESETS,
            options=_x265_options,
            # Apple's players refuse "hev1", FFmpeg's default.
            tag="hvc1",
        ),
        "av1": Encoder(
            name="libsvtav1", crf=35, max_crf=63, presets=SVT_PRESETS, options=_svt_options
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeSettings:
    """``crf``: constant quality, lower is better (None: 23 for h264, 28 for hevc, 35 for av1).
    ``preset``: x264's names ("ultrafast" … "placebo"; av1 also takes "0" … "13"; None: "medium").
    ``threads``: of the encoder, None for as many as there are processors.

    Raises :class:`~provenance.errors.OptionError`.
    """

    codec: CodecName = "h264"
    crf: int | None = None
    preset: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.codec not in get_args(CodecName):
            choices = ", ".join(get_args(CodecName))
            raise OptionError(f"codec {self.codec!r} is unknown", hint=f"choose one of {choices}")
        encoder = self.encoder
        if self.crf is not None and not 0 <= self.crf <= encoder.max_crf:
            message = f"crf {self.crf} is out of range for {self.codec}"
            raise OptionError(message, hint=f"choose 0 (best) to {encoder.max_crf}")
        if self.preset is not None and self.preset not in encoder.presets:
            message = f"preset {self.preset!r} is unknown for {self.codec}"
            raise OptionError(message, hint=f"choose one of {', '.join(encoder.presets)}")
        if self.threads is not None and self.threads < 1:
            message = f"{self.threads} threads cannot encode"
            raise OptionError(message, hint="give 1 or more, or leave it out")

    @property
    def encoder(self) -> Encoder:
        return ENCODERS[self.codec]

    def encoder_options(self) -> dict[str, str]:
        """FFmpeg's options of the encoder."""
        encoder = self.encoder
        return {
            "crf": str(encoder.crf if self.crf is None else self.crf),
            "preset": encoder.presets[self.preset or "medium"],
            **encoder.options(self.threads),
        }


def encoded_layout(source: Layout, encoder: str, video: VideoSpec) -> Layout:
    """The layout nearest to ``source`` that the encoder has and that keeps width and height."""
    formats = av.Codec(encoder, "w").video_formats or []
    possible = {LAYOUTS[f.name] for f in formats if f.name in LAYOUTS}
    fits = {
        layout
        for layout in possible
        if encoder not in CROPS_WHOLE_CHROMA
        or (
            video.width % SUBSAMPLING[layout.chroma][0] == 0
            and video.height % SUBSAMPLING[layout.chroma][1] == 0
        )
    }
    return min(
        fits,
        key=lambda layout: (
            layout.chroma != source.chroma,
            layout.chroma != "420",
            abs(layout.bits - source.bits),
        ),
    )

"""How to encode: what users may choose, checked, and what each encoder calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import av

from provenance.errors import OptionError
from provenance.video.encoders import ENCODERS, Encoder
from provenance.video.layout import LAYOUTS, SUBSAMPLING, Layout

if TYPE_CHECKING:
    from provenance.clip import VideoSpec

CodecName = Literal["h264", "hevc", "av1", "vp9", "mpeg4", "prores"]
# H.264 and HEVC hide the edge of a picture in whole chroma samples, so that odd sizes need 4:4:4.
CROPS_WHOLE_CHROMA = frozenset({"libx264", "libx265"})
LEAST_BITRATE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeSettings:
    """``crf``: constant quality, lower is better (None: 23 for h264, 28 for hevc, 35 for av1, 32
    for vp9; for mpeg4 it is the quantiser, 1 … 31, None: 5; prores has none).
    ``preset``: x264's names ("ultrafast" … "placebo"; av1 also takes "0" … "13"; None: "medium");
    for prores the profile, "proxy", "lt", "standard" or "hq".
    ``threads``: of the encoder, None for as many as there are processors.
    ``bitrate``: bits a second on average, in place of ``crf``. ``max_bitrate``: a cap on the bits
    of any second, beside either. ``gop``: frames from one key frame to the next at most; 1 for key
    frames only. ``b_frames``: in a row at most (h264, hevc, mpeg4). ``low_delay``: every picture
    comes out of the encoder before the next one goes in, as far as ``b_frames`` lets it, which
    costs bits.

    Raises :class:`~provenance.errors.OptionError`.
    """

    codec: CodecName = "h264"
    crf: int | None = None
    preset: str | None = None
    threads: int | None = None
    bitrate: int | None = None
    max_bitrate: int | None = None
    gop: int | None = None
    b_frames: int | None = None
    low_delay: bool = False

    def __post_init__(self) -> None:
        if self.codec not in get_args(CodecName):
            choices = ", ".join(get_args(CodecName))
            raise OptionError(f"codec {self.codec!r} is unknown", hint=f"choose one of {choices}")
        encoder = self.encoder
        if self.preset is not None and self.preset not in encoder.presets:
            message = f"preset {self.preset!r} is unknown for {self.codec}"
            raise OptionError(message, hint=f"choose one of {', '.join(encoder.presets)}")
        if self.threads is not None and self.threads < 1:
            message = f"{self.threads} threads cannot encode"
            raise OptionError(message, hint="give 1 or more, or leave it out")
        self._check_rate(encoder)
        self.encoder_options()

    def _check_rate(self, encoder: Encoder) -> None:
        low, high = encoder.least_crf, encoder.max_crf
        if self.crf is not None and high and not low <= self.crf <= high:
            message = f"crf {self.crf} is out of range for {self.codec}"
            raise OptionError(message, hint=f"choose {low} (best) to {high}")
        if self.crf is not None and self.bitrate is not None:
            message = "constant quality and a bit rate exclude each other"
            raise OptionError(message, hint="give crf, with a cap if need be, or bitrate")
        for name, value in (("bitrate", self.bitrate), ("max_bitrate", self.max_bitrate)):
            if value is not None and value < LEAST_BITRATE:
                message = f"{name} of {value} bits a second cannot hold pictures"
                raise OptionError(message, hint=f"give {LEAST_BITRATE} or more")
        if self.gop is not None and self.gop < 1:
            raise OptionError(f"a key frame every {self.gop} frames", hint="give 1 or more")
        if self.b_frames is not None and self.b_frames < 0:
            raise OptionError(f"{self.b_frames} B-frames in a row", hint="give 0 or more")

    @property
    def encoder(self) -> Encoder:
        return ENCODERS[self.codec]

    def encoder_options(self) -> dict[str, str]:
        """FFmpeg's options of the encoder."""
        encoder = self.encoder
        options = encoder.options(encoder, self)
        preset = encoder.presets[self.preset or encoder.preset]
        return {**options, encoder.preset_option: preset} if preset else options


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

"""The encoders of FFmpeg that we write with, and what each calls the same wish."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
# libvpx calls it cpu-used: 0 is slow, 5 the fastest that still looks ahead.
VPX_PRESETS = MappingProxyType(
    dict(zip(X264_PRESETS, ("5", "5", "5", "4", "4", "3", "2", "1", "1", "0"), strict=True))
)
# MPEG-4 Part 2 has no presets: every name is the same encoder.
NO_PRESETS = MappingProxyType(dict.fromkeys(X264_PRESETS, ""))
# Apple ProRes White Paper (2022): 45, 102, 147 and 220 Mbit/s for 1080p at 29.97.
PRORES_PROFILES = MappingProxyType({"proxy": "0", "lt": "1", "standard": "2", "hq": "3"})


class Wishes(Protocol):
    """What an encoder is asked for: :class:`~provenance.video.settings.EncodeSettings`."""

    @property
    def codec(self) -> str: ...
    @property
    def crf(self) -> int | None: ...
    @property
    def bitrate(self) -> int | None: ...
    @property
    def max_bitrate(self) -> int | None: ...
    @property
    def gop(self) -> int | None: ...
    @property
    def b_frames(self) -> int | None: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def low_delay(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """One encoder of FFmpeg.

    ``crf``: its default of constant quality, ``least_crf`` … ``max_crf`` its scale. ``options``:
    FFmpeg's options for what is wished, apart from the preset; raises
    :class:`~provenance.errors.OptionError` for what the encoder cannot. ``preset`` and ``presets``:
    the default, and its own names by ours, given as the option ``preset_option``. ``tag``: the
    sample entry that players of MP4 expect. ``max_clock_hz``: the finest time stamps it takes.
    """

    name: str
    crf: int
    max_crf: int
    options: Callable[[Encoder, Wishes], dict[str, str]]
    presets: Mapping[str, str]
    least_crf: int = 0
    preset: str = "medium"
    preset_option: str = "preset"
    tag: str | None = None
    max_clock_hz: int | None = None


def _quality(encoder: Encoder, wishes: Wishes) -> str:
    return str(encoder.crf if wishes.crf is None else wishes.crf)


def _cap(bits_per_s: int) -> dict[str, str]:
    """A cap over every second: a buffer of one second is filled at that rate."""
    return {"maxrate": str(bits_per_s), "bufsize": str(bits_per_s)}


def _pictures(wishes: Wishes) -> dict[str, str]:
    options = {} if wishes.gop is None else {"g": str(wishes.gop)}
    return options if wishes.b_frames is None else options | {"bf": str(wishes.b_frames)}


def _refuse(wishes: Wishes, *names: str) -> None:
    for name in names:
        if getattr(wishes, name) is not None:
            what = name.replace("_", " ")
            raise OptionError(f"{wishes.codec} takes no {what}", hint="leave it out, or use h264")


def _x264(encoder: Encoder, wishes: Wishes) -> dict[str, str]:
    options = _pictures(wishes)
    if wishes.bitrate is None:
        options["crf"] = _quality(encoder, wishes)
    else:
        options["b"] = str(wishes.bitrate)
    if wishes.low_delay:
        options["tune"] = "zerolatency"  # no look-ahead; x265 has the same name for it
    return options | (_cap(wishes.max_bitrate) if wishes.max_bitrate else {})


def _x265(encoder: Encoder, wishes: Wishes) -> dict[str, str]:
    # libx265 writes to stderr by itself, past FFmpeg's log, and has its own thread pools.
    pools = "" if wishes.threads is None else f":pools={wishes.threads}:frame-threads=1"
    return {**_x264(encoder, wishes), "x265-params": f"log-level=none{pools}"}


def _svt(encoder: Encoder, wishes: Wishes) -> dict[str, str]:
    _refuse(wishes, "b_frames")
    options, own = _pictures(wishes), []
    if wishes.bitrate is None:
        options["crf"] = _quality(encoder, wishes)
        options |= _cap(wishes.max_bitrate) if wishes.max_bitrate else {}
    else:
        # "Max Bitrate only supported with CRF mode", says SVT-AV1.
        _refuse(wishes, "max_bitrate")
        options["b"] = str(wishes.bitrate)
    if wishes.threads is not None:
        own.append(f"lp={wishes.threads}")
    if wishes.low_delay:
        # Without pictures that are predicted from later ones, it takes a constant rate only.
        own += ["pred-struct=1", "lookahead=0", *(() if wishes.bitrate is None else ("rc=2",))]
    return {**options, "svtav1-params": ":".join(own)} if own else options


def _vpx(encoder: Encoder, wishes: Wishes) -> dict[str, str]:
    _refuse(wishes, "b_frames")
    options = {"deadline": "good", "row-mt": "1", **_pictures(wishes)}
    if wishes.low_delay:
        options["lag-in-frames"] = "0"
    if wishes.bitrate is not None:
        cap = _cap(wishes.max_bitrate) if wishes.max_bitrate else {}
        return {**options, "b": str(wishes.bitrate), **cap}
    # With a bit rate beside it, libvpx calls this constrained quality; 0 is none.
    return {**options, "crf": _quality(encoder, wishes), "b": str(wishes.max_bitrate or 0)}


def _mpeg4(encoder: Encoder, wishes: Wishes) -> dict[str, str]:
    options = _pictures(wishes)
    if wishes.bitrate is None:
        # Its quantiser and a cap exclude each other.
        _refuse(wishes, "max_bitrate")
        # Its flag for a fixed quantiser reads it from every frame, where PyAV cannot write it.
        quantiser = _quality(encoder, wishes)
        return {**options, "qmin": quantiser, "qmax": quantiser}
    cap = _cap(wishes.max_bitrate) if wishes.max_bitrate else {}
    return {**options, "b": str(wishes.bitrate), **cap}


def _prores(_: Encoder, wishes: Wishes) -> dict[str, str]:
    _refuse(wishes, "crf", "bitrate", "max_bitrate", "gop", "b_frames")
    # Apple's decoders accept pictures of this vendor only.
    return {"vendor": "apl0"}


# crf: the default of each encoder, which are of roughly equal quality to the eye.
ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "h264": Encoder(name="libx264", crf=23, max_crf=51, presets=SAME_PRESETS, options=_x264),
        # Apple's players refuse "hev1", FFmpeg's default.
        "hevc": Encoder(
            name="libx265",
            crf=28,
            max_crf=51,
            presets=SAME_PRESETS,
            options=_x265,
            tag="hvc1",
        ),
        "av1": Encoder(name="libsvtav1", crf=35, max_crf=63, presets=SVT_PRESETS, options=_svt),
        "vp9": Encoder(
            name="libvpx-vp9",
            crf=32,
            max_crf=63,
            presets=VPX_PRESETS,
            preset_option="cpu-used",
            options=_vpx,
        ),
        "mpeg4": Encoder(
            name="mpeg4",
            crf=5,
            least_crf=1,
            max_crf=31,
            presets=NO_PRESETS,
            options=_mpeg4,
            # ISO/IEC 14496-2, 6.3.3: vop_time_increment_resolution has 16 bits.
            max_clock_hz=65_535,
        ),
        "prores": Encoder(
            name="prores_ks",
            crf=0,
            max_crf=0,
            presets=PRORES_PROFILES,
            preset="standard",
            preset_option="profile",
            options=_prores,
        ),
    }
)

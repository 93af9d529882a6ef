"""Encoders: what every published video passes at least once.

Ladders of constant quality are spaced in the encoder's own CRF; those of x265, VP9 and AV1 sit
where their bit rates match those of x264 at CRF 23, 28, 32, 36 and 38 (see :data:`SAME_RATE`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attacks.base import Attack, Chain, within
from attacks.clip import encode
from provenance.errors import OptionError
from provenance.video import (
    EncodeSettings,
    SoundSettings,
    picture_from_rgb,
    rgb_from_picture,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

    from attacks.base import Desk, Transform
    from attacks.clip import Clip
    from provenance.clip import VideoSpec
    from provenance.video import Picture

# (slope, offset): slope * x264's CRF + offset takes about the same bits. Lines through eight clips
# of 48 frames at 360p, CRF 23 … 38, all at "medium". Half of the points lie within 1 (HEVC), 2
# (VP9) and 3.5 (AV1) of them, the farthest 3, 6 and 9 off: encoders differ in what they find hard.
SAME_RATE = {"hevc": (0.948, 1.34), "vp9": (1.570, -3.25), "av1": (1.920, -14.89)}
MAX_CRF = {"hevc": 51, "vp9": 63, "av1": 63}
MODERN = ("h264", "hevc", "vp9", "av1")
PRORES = ("proxy", "lt", "standard", "hq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode:
    """Encodes pictures and sound, and plays the file.

    ``codec``, ``crf``, ``preset`` and ``b_frames`` as in
    :class:`~provenance.video.EncodeSettings`. ``kbps``: average bit rate, 1000 bits a second;
    ``max_kbps``: a cap on every second. ``bits_per_pixel``: both, for the size and rate of the
    clip. ``gop_s``: seconds between key frames; 0 for key frames only. Sound: AAC (Opus with VP9)
    at 96 kbit/s a channel unless ``sound_codec``, ``sound_kbps`` (all channels), ``sound_hz``
    and ``sound_channels`` (more are mixed down to them) say otherwise.

    Chroma becomes 4:2:0 where the codec has no other; odd sizes stay. More bits than the codec has
    are rounded away.
    """

    codec: str = "h264"
    crf: int | None = None
    preset: str | None = None
    kbps: float | None = None
    max_kbps: float | None = None
    bits_per_pixel: float | None = None
    gop_s: float | None = None
    b_frames: int | None = None
    sound_codec: str | None = None
    sound_kbps: float | None = None
    sound_hz: int | None = None
    sound_channels: int | None = None

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        # The types of the settings are narrower than plain JSON; they check what they are given.
        settings = EncodeSettings(
            codec=self.codec,  # type: ignore[arg-type]
            crf=self.crf,
            preset=self.preset,
            threads=desk.threads,
            bitrate=self._bitrate(clip.video),
            max_bitrate=self._cap(clip.video),
            gop=None if self.gop_s is None else max(1, round(self.gop_s * clip.video.rate)),
            b_frames=self.b_frames,
        )
        sound = SoundSettings(
            codec=self.sound_codec,  # type: ignore[arg-type]
            bitrate=None if self.sound_kbps is None else round(self.sound_kbps * 1000),
            sample_rate=self.sound_hz,
            most_channels=self.sound_channels,
        )
        if self.codec == "prores":
            clip = limited_range(clip)
        return encode(clip, desk.new_file(self._suffix(clip.video)), settings, sound)

    def _bitrate(self, video: VideoSpec) -> int | None:
        if self.bits_per_pixel is None:
            return None if self.kbps is None else round(self.kbps * 1000)
        if self.kbps is not None:
            raise OptionError("a bit rate is given twice", hint="give kbps or bits_per_pixel")
        return round(self.bits_per_pixel * video.width * video.height * float(video.rate))

    def _cap(self, video: VideoSpec) -> int | None:
        if self.max_kbps is not None:
            return round(self.max_kbps * 1000)
        # SVT-AV1 has a cap only beside constant quality.
        return None if self.bits_per_pixel is None or self.codec == "av1" else self._bitrate(video)

    def _suffix(self, video: VideoSpec) -> str:
        if self.codec == "prores":
            return ".mov"
        # Only MP4 keeps pixels that are not square for VP9.
        webm = (
            self.codec == "vp9" and video.pixel_aspect == 1 and self.sound_codec in {None, "opus"}
        )
        return ".webm" if webm else ".mp4"


def limited_range(clip: Clip) -> Clip:
    """``clip`` with black at 16 and white at 235, for codecs that know nothing else."""
    if not clip.video.full_range:
        return clip
    video = replace(clip.video, full_range=False)

    def pictures() -> Iterator[Picture]:
        for picture in clip.pictures():
            yield picture_from_rgb(rgb_from_picture(picture), time=picture.time, spec=video)

    return clip.changed(video=video, pictures=pictures)


def same_rate(codec: str, crf: float) -> int:
    """The CRF at which ``codec`` needs about the bits that x264 needs at ``crf``."""
    if codec == "h264":
        return round(crf)
    slope, offset = SAME_RATE[codec]
    return max(0, min(MAX_CRF[codec], round(slope * crf + offset)))


def _quality(low: float, high: float, **fields: object) -> Callable[..., Transform]:
    def draw(strength: float, _: np.random.Generator) -> Transform:
        crf = round(within("a CRF", strength, low, high))
        return Encode(crf=crf, **fields)  # type: ignore[arg-type]

    return draw


def _x264_bitrate(strength: float, _: np.random.Generator) -> Transform:
    return Encode(bits_per_pixel=within("bits per pixel", strength, 1e-4, 24))


def _mpeg4(strength: float, _: np.random.Generator) -> Transform:
    return Encode(codec="mpeg4", crf=round(within("a quantiser", strength, 1, 31)), gop_s=10)


def _prores(strength: float, _: np.random.Generator) -> Transform:
    return Encode(codec="prores", preset=PRORES[round(within("a profile", strength, 0, 3))])


def _two_generations(strength: float, rng: np.random.Generator) -> Transform:
    crf = within("a CRF", strength, 0, 51)
    first, second = rng.permutation(len(MODERN))[:2]
    codecs = (MODERN[first], MODERN[second])
    return Chain(steps=tuple(Encode(codec=c, crf=same_rate(c, crf)) for c in codecs))


def _generations(strength: float, _: np.random.Generator) -> Transform:
    count = round(within("a number of generations", strength, 1, 100))
    return Chain(steps=(Encode(crf=28),) * count)


def _x264_variation(name: str, summary: str, **fields: object) -> Attack:
    return Attack(
        name=name,
        family="codec",
        summary=summary,
        unit="CRF",
        ladder=(23, 28, 32, 36, 40),
        default=28,
        draw=_quality(0, 51, **fields),
        encoded=True,
    )


ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="x264",
        family="codec",
        summary="H.264 at constant quality",
        unit="CRF",
        ladder=(23, 28, 32, 36, 40, 45, 50),
        default=28,
        draw=_quality(0, 51),
        encoded=True,
    ),
    Attack(
        name="x264_bitrate",
        family="codec",
        summary="H.264 at a capped bit rate",
        unit="bits per pixel",
        ladder=(0.2, 0.1, 0.06, 0.04, 0.025, 0.015),
        default=0.06,
        draw=_x264_bitrate,
        encoded=True,
    ),
    Attack(
        name="x265",
        family="codec",
        summary="HEVC at constant quality",
        unit="CRF",
        ladder=(23, 28, 32, 35, 37),
        default=28,
        draw=_quality(0, 51, codec="hevc"),
        encoded=True,
    ),
    Attack(
        name="vp9",
        family="codec",
        summary="VP9 at constant quality",
        unit="CRF",
        ladder=(33, 41, 47, 53, 56),
        default=41,
        draw=_quality(0, 63, codec="vp9"),
        encoded=True,
    ),
    Attack(
        name="av1",
        family="codec",
        summary="AV1 (SVT-AV1) at constant quality",
        unit="CRF",
        ladder=(29, 39, 47, 54, 58),
        default=39,
        draw=_quality(0, 63, codec="av1"),
        encoded=True,
    ),
    Attack(
        name="mpeg4",
        family="codec",
        summary="MPEG-4 Part 2 at a constant quantiser",
        unit="quantiser",
        ladder=(2, 4, 8, 12, 18, 25, 31),
        default=8,
        draw=_mpeg4,
        encoded=True,
    ),
    Attack(
        name="prores",
        family="codec",
        summary="ProRes, for editing: 10 bits, 4:2:2, key frames only",
        unit="profile (3 HQ, 2 standard, 1 LT, 0 proxy)",
        ladder=(3, 2, 1, 0),
        default=2,
        draw=_prores,
        encoded=True,
    ),
    Attack(
        name="two_generations",
        family="codec",
        summary="two different encoders of H.264, HEVC, VP9 and AV1, one after the other",
        unit="CRF (x264's, and of the same bit rate)",
        ladder=(23, 28, 32, 36, 40),
        default=28,
        draw=_two_generations,
        encoded=True,
    ),
    Attack(
        name="generations",
        family="codec",
        summary="H.264 at CRF 28 again and again",
        unit="generations",
        ladder=(2, 3, 5, 8),
        default=2,
        draw=_generations,
        encoded=True,
    ),
    _x264_variation("x264_all_intra", "H.264 of key frames only", gop_s=0),
    _x264_variation("x264_long_gop", "H.264 with a key frame every 20 seconds", gop_s=20),
    _x264_variation("x264_no_b_frames", "H.264 without B-frames, as live encoders", b_frames=0),
    _x264_variation("x264_ultrafast", "H.264 without deblocking", preset="ultrafast"),
    _x264_variation("x264_slow", "H.264 with a thorough search", preset="slow"),
)
KINDS: dict[str, type[Transform]] = {"Encode": Encode}

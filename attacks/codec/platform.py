"""What platforms make of an upload: a smaller frame, fewer frames, another encoder, poorer sound.

Platforms publish what they accept, hardly ever what they send out. Each recipe says where its
numbers come from; a number without a source is marked "estimate". Recipes use x264, libvpx and
FFmpeg's AAC where platforms have own or hardware encoders. The strength of a recipe is the
shorter side of the rendition that a viewer gets.

What is common to all: video is decoded, scaled by a bicubic filter, never up, and encoded in pieces
that start with a key frame, as Huang et al. 2017 describe it for Facebook ("SVE: Distributed Video
Processing at Facebook Scale", doi:10.1145/3132747.3132775). The filter, and that sound becomes
stereo at most, are estimates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from attacks.base import Attack, Chain, within
from attacks.codec.encode import Encode
from attacks.codec.rendition import RateCap, Scale
from attacks.geometric.frame import Crop
from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from attacks.base import Transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A platform: ``renditions`` from the best to the worst, by their shorter side in pixels."""

    name: str
    summary: str
    rate: float
    renditions: Mapping[int, Encode]
    default: int

    def transform(self, side: int) -> Chain:
        """The rendition of this shorter side. Raises OptionError where there is none."""
        if side not in self.renditions:
            choices = ", ".join(map(str, self.renditions))
            raise OptionError(f"{self.name} has no rendition of {side}", hint=f"one of {choices}")
        encode = replace(self.renditions[side], sound_channels=2)
        return Chain(steps=(RateCap(rate=self.rate), Scale(side=side), encode))

    def draw(self, strength: float, _: np.random.Generator) -> Transform:
        return self.transform(round(strength))

    def attack(self) -> Attack:
        return Attack(
            name=self.name,
            family="platform",
            summary=self.summary,
            unit="shorter side, pixels",
            ladder=tuple(map(float, self.renditions)),
            default=self.default,
            draw=self.draw,
            encoded=True,
        )


def _renditions(kbps: Mapping[int, float], **fields: object) -> Mapping[int, Encode]:
    """Renditions of constant quality under a cap."""
    return MappingProxyType(
        {side: Encode(max_kbps=rate, **fields) for side, rate in kbps.items()}  # type: ignore[arg-type]
    )


def _averages(kbps: Mapping[int, float], **fields: object) -> Mapping[int, Encode]:
    """Renditions of a target rate that peaks at twice it."""
    return MappingProxyType(
        {
            side: Encode(kbps=rate, max_kbps=2 * rate, **fields)  # type: ignore[arg-type]
            for side, rate in kbps.items()
        }
    )


# YouTube, H.264. Heights, 30 frames a second outside of the high-rate formats and AAC at 128
# kbit/s: the list of formats 133 … 137 and 140
# (gist.github.com/AgentOak/34d47c65b1d28829bb17c24c04a0096f). Bit rates: measured on downloads
# in 2010, 3.4 to 3.5 Mbit/s at 1080p, 2.0 at 720p, 0.8 at 480p, 0.5 at 360p
# (adterrasperaspera.com/blog/2010/05/24/approximate-youtube-bitrates). Estimates: 240p, the CRF
# below those caps, and 5 s between key frames.
YOUTUBE_AVC = Recipe(
    name="youtube_avc",
    summary="YouTube, H.264 renditions",
    rate=30,
    renditions=_renditions(
        {1080: 3500, 720: 2000, 480: 800, 360: 500, 240: 250},
        crf=23,
        gop_s=5,
        sound_codec="aac",
        sound_kbps=128,
        sound_hz=44_100,
    ),
    default=480,
)
# YouTube, VP9: formats 242 … 248 with Opus (251, up to 160 kbit/s) of the same list. Bit rates and
# CRF are estimates: two thirds of the bits of H.264.
YOUTUBE_VP9 = Recipe(
    name="youtube_vp9",
    summary="YouTube, VP9 renditions",
    rate=30,
    renditions=_renditions(
        {1080: 2400, 720: 1350, 480: 540, 360: 330, 240: 170},
        codec="vp9",
        crf=33,
        gop_s=5,
        sound_codec="opus",
        sound_kbps=128,
    ),
    default=480,
)
# TikTok: widths, CRF 24, 29 and 32 ("normal", "lower", "lowest"), and AAC of 64 or 48 kbit/s at
# 44.1 kHz as reconstructed from downloads in 2019
# (blog.csdn.net/leiflyy/article/details/90215227); its grid of four widths and three qualities is
# walked along here. 30 frames a second: estimate.
TIKTOK = Recipe(
    name="tiktok",
    summary="TikTok, as reconstructed in 2019",
    rate=30,
    renditions=MappingProxyType(
        {
            side: Encode(crf=crf, sound_codec="aac", sound_kbps=sound, sound_hz=44_100)
            for side, crf, sound in ((576, 24, 64), (540, 29, 64), (480, 32, 48), (240, 29, 64))
        }
    ),
    default=540,
)
# Instagram: what it takes is H.264 or HEVC, closed GOP, 4:2:0, at most 1920 columns, 23 to 60
# frames a second, AAC at up to 48 kHz and 128 kbit/s (Instagram Platform, reference of IG User
# Media, "Reel specifications"). What it sends is measured by nobody in a form that could be
# quoted: 30 frames a second, bit rates, CRF and 2 s between key frames are estimates.
INSTAGRAM = Recipe(
    name="instagram",
    summary="Instagram reels",
    rate=30,
    renditions=_renditions(
        {1080: 3500, 720: 1800, 540: 1000, 360: 500},
        crf=25,
        gop_s=2,
        sound_codec="aac",
        sound_kbps=64,
        sound_hz=44_100,
    ),
    default=720,
)
# Facebook: H.264 with AAC in HD and SD (the renditions that Wolanin downloads, "Analysis of
# Facebook's Video Encoders", thesis, University of Colorado Denver 2018), encoded in pieces that
# are independent (Huang et al., above). Sides, bit rates, CRF, 30 frames and 5 s are estimates.
FACEBOOK = Recipe(
    name="facebook",
    summary="Facebook, HD and SD",
    rate=30,
    renditions=_renditions(
        {1080: 3000, 720: 1500, 360: 500},
        crf=26,
        gop_s=5,
        sound_codec="aac",
        sound_kbps=64,
        sound_hz=44_100,
    ),
    default=720,
)
# X: the "bitrate" of the variants that its API lists: 10,368 kbit/s at 1080, 2176 at 720, 950 at
# 480, 832 at 360 and 632 at 320, H.264 (X API, object "video_info"). AAC of at most 128 kbit/s,
# at most 60 frames a second, closed GOP of 2 to 5 s: its requirements of uploads (X API, media
# best practices); 3 s is an estimate.
X = Recipe(
    name="x",
    summary="X (Twitter)",
    rate=60,
    renditions=_averages(
        {1080: 10_368, 720: 2176, 480: 950, 360: 832, 320: 632},
        gop_s=3,
        sound_codec="aac",
        sound_kbps=128,
    ),
    default=720,
)
# Telegram: the bounds on bit rate of its open Android client by the shorter side, 6.8, 2.6, 1.0
# and 0.75 Mbit/s, 30 frames a second, a key frame every second (Telegram-FOSS, MediaController:
# makeVideoBitrate, and the encoder's format in extractRealEncoderBitrate). Phones encode by
# hardware, without B-frames (estimate), which x264's "superfast" stands for. AAC at 64 kbit/s:
# estimate.
TELEGRAM = Recipe(
    name="telegram",
    summary="Telegram, sent as video by the Android client",
    rate=30,
    renditions=_averages(
        {1080: 6800, 720: 2600, 480: 1000, 360: 750},
        preset="superfast",
        gop_s=1,
        b_frames=0,
        sound_codec="aac",
        sound_kbps=64,
        sound_hz=44_100,
    ),
    default=720,
)
# WhatsApp: at most 16 MB, "90 seconds to 3 minutes" (WhatsApp Help Center, "About sending media"),
# which is 0.7 to 1.4 Mbit/s. 480 lines as standard and 720 as HD quality, hardware encoders as
# above, 30 frames a second, and AAC at 64 kbit/s: estimates.
WHATSAPP = Recipe(
    name="whatsapp",
    summary="WhatsApp, HD and standard quality",
    rate=30,
    renditions=_averages(
        {720: 1400, 480: 700},
        preset="superfast",
        gop_s=1,
        b_frames=0,
        sound_codec="aac",
        sound_kbps=64,
        sound_hz=44_100,
    ),
    default=480,
)
RECIPES = (YOUTUBE_AVC, YOUTUBE_VP9, TIKTOK, INSTAGRAM, FACEBOOK, X, TELEGRAM, WHATSAPP)


def _reshared(strength: float, _: np.random.Generator) -> Transform:
    rounds = round(within("a number of rounds", strength, 1, 20))
    middle = Crop(width=0.8, height=0.8, x=0.5, y=0.5)
    steps = (middle, Scale(side=480), RateCap(rate=24), Encode(crf=32))
    return Chain(steps=steps * rounds)


def _crossposted(strength: float, rng: np.random.Generator) -> Transform:
    count = round(within("a number of platforms", strength, 1, len(RECIPES)))
    chosen = [RECIPES[index] for index in rng.permutation(len(RECIPES))[:count]]
    return Chain(steps=tuple(recipe.transform(recipe.default) for recipe in chosen))


ATTACKS: tuple[Attack, ...] = (
    *(recipe.attack() for recipe in RECIPES),
    Attack(
        name="reshared",
        family="platform",
        summary="cropped to 0.8, 480p, 24 frames a second, CRF 32; again and again",
        unit="rounds",
        ladder=(1, 2, 3),
        default=2,
        draw=_reshared,
        encoded=True,
    ),
    Attack(
        name="crossposted",
        family="platform",
        summary="through several of these platforms, one after the other",
        unit="platforms",
        ladder=(2, 3, 4),
        default=2,
        draw=_crossposted,
        encoded=True,
    ),
)
KINDS: dict[str, type[Transform]] = {"RateCap": RateCap, "Scale": Scale}

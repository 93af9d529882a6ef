"""What an evaluation does to every clip: which attacks at which strengths, and the controls."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Strengths = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """``entries``: attack → strengths; an empty tuple stands for the attack's whole ladder, and no
    entries at all for every attack there is. ``seconds``: of each clip, from its start. ``draws``:
    how often what is left to chance is drawn anew. ``controls``: attacks that unmarked clips and
    wrong keys go through as well.
    """

    name: str
    summary: str
    entries: Mapping[str, Strengths]
    seconds: float
    draws: int = 1
    controls: tuple[str, ...] = ("identity",)


def _suite(name: str, summary: str, seconds: float, entries: dict[str, Strengths]) -> Suite:
    return Suite(name=name, summary=summary, seconds=seconds, entries=MappingProxyType(entries))


QUICK = _suite(
    "quick",
    "a few everyday changes, 3 s of each clip, in minutes",
    3.0,
    {
        "identity": (0,),
        "x264": (28, 36),
        "x265": (28,),
        "crop": (0.71,),
        "resize": (0.5,),
        "rotate": (5,),
        "hflip": (1,),
        "gamma": (1.6,),
        "gaussian_noise": (10,),
        "logo": (0.05,),
        "frame_rate": (0.5,),
        "youtube_avc": (480,),
        "rerecord": (1,),
        "audio_aac": (64,),
        "audio_white_noise": (20,),
        "audio_speed_up": (1.05,),
    },
)

STANDARD = _suite(
    "standard",
    "every family at the strengths that tell systems apart, 5 s of each clip",
    5.0,
    {
        "identity": (0,),
        "x264": (23, 28, 32, 36, 40, 45, 50),
        "x265": (23, 28, 32, 37),
        "vp9": (33, 47, 56),
        "av1": (29, 47, 58),
        "two_generations": (28, 36),
        "crop": (0.71, 0.55, 0.35),
        "crop_resize": (0.71, 0.55, 0.35),
        "resize": (0.5, 0.25, 2.0),
        "rotate": (1, 5, 10, 37),
        "quarter_turn": (90,),
        "hflip": (1,),
        "shear": (10,),
        "perspective": (0.1, 0.3, 0.5),
        "aspect": (0.2,),
        "letterbox": (0.25,),
        "picture_in_picture": (0.6, 0.4),
        "slow_zoom": (1.25,),
        "bend": (0.01,),
        "brightness": (0.5, 1.5),
        "contrast": (0.5, 1.5),
        "gamma": (0.6, 1.6),
        "hue": (0.1,),
        "grayscale": (1,),
        "film_grain": (8,),
        "gaussian_noise": (10, 20),
        "gaussian_blur": (1, 2, 3),
        "median": (5,),
        "nlmeans": (6,),
        "sharpen": (2,),
        "jpeg": (50, 10),
        "posterize": (4,),
        "logo": (0.05,),
        "captions": (0.21,),
        "stickers": (0.2,),
        "trim": (3, 1),
        "drop_frames": (0.5,),
        "reorder": (1,),
        "frame_rate": (0.5,),
        "speed": (0.5, 1.25, 2.0),
        "frame_average": (5,),
        "reverse": (1,),
        "youtube_vp9": (480, 240),
        "tiktok": (540,),
        "whatsapp": (480,),
        "reshared": (2,),
        "rerecord": (1, 2, 3),
        "subtract_tile": (42,),
        "collude_mean": (3,),
        "regenerate": (16,),
        "regenerate_autoencoder": (8,),
        "denoise_temporal": (4,),
        "remark": (1,),
        "gradient_tile": (42,),
        "copy_tile": (40,),
        "replay_payload": (1,),
        "audio_aac": (128, 64, 32),
        "audio_mp3": (64,),
        "audio_opus": (64, 16),
        "audio_resample": (8000,),
        "audio_band_limit": (3400,),
        "audio_white_noise": (20, 10),
        "audio_speed_up": (1.05, 1.25),
        "audio_slow_down": (0.95, 0.8),
        "audio_pitch_up": (1,),
        "audio_stretch_longer": (0.8,),
        "audio_rerecord": (0.4,),
        "audio_clipping": (6,),
    },
)

FULL = Suite(
    name="full",
    summary="every attack on its whole ladder, 10 s of each clip, two draws",
    entries=MappingProxyType({}),
    seconds=10.0,
    draws=2,
    controls=("identity", "x264", "crop"),
)

SUITES: Mapping[str, Suite] = MappingProxyType(
    {suite.name: suite for suite in (QUICK, STANDARD, FULL)}
)

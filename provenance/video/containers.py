"""The files that we write: what each container holds."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from provenance.errors import OptionError
from provenance.video.sound_settings import SOUND_ENCODERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provenance.clip import VideoSpec
    from provenance.video.settings import EncodeSettings
    from provenance.video.sound_settings import SoundSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A kind of file that we write: the codecs it holds, and what other sound becomes."""

    muxer: str
    video: frozenset[str]
    sound: frozenset[str]
    sound_encoder: str
    options: Mapping[str, str]


# What ltx-stamp offers, and so what it is told to choose from.
DELIVERY = frozenset({"h264", "hevc", "av1"})
COMMON_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
PCM = frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"})
# The index goes to the front, so that players start before everything has arrived.
INDEX_FIRST = MappingProxyType({"movflags": "+faststart"})
KEEPS_NO_ASPECT = frozenset({"av1", "vp9"})
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        ".mp4": Container(
            muxer="mp4",
            video=DELIVERY | {"vp9", "mpeg4"},
            sound=COMMON_SOUND | {"opus", "flac"},
            sound_encoder="aac",
            options=INDEX_FIRST,
        ),
        ".mov": Container(
            muxer="mov",
            video=frozenset({"h264", "hevc", "mpeg4", "prores"}),
            sound=COMMON_SOUND | PCM,
            sound_encoder="aac",
            options=INDEX_FIRST,
        ),
        ".mkv": Container(
            muxer="matroska",
            video=DELIVERY | {"vp9", "mpeg4", "prores"},
            sound=COMMON_SOUND | PCM | {"opus", "vorbis", "flac", "dts", "truehd"},
            sound_encoder="aac",
            options=NO_OPTIONS,
        ),
        ".webm": Container(
            muxer="webm",
            video=frozenset({"av1", "vp9"}),
            sound=frozenset({"opus", "vorbis"}),
            sound_encoder="libopus",
            options=NO_OPTIONS,
        ),
    }
)

OUTPUT_SUFFIXES = tuple(CONTAINERS)
"""What the name of a file that we write ends in."""


def container_for(path: Path, settings: EncodeSettings, video: VideoSpec) -> Container:
    """The container of ``path``'s suffix.

    Raises :class:`~provenance.errors.OptionError` when it cannot hold what is asked for.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        # Not the name: what is written has a hidden one until it is complete.
        message = f"{path.suffix or path.name} is no suffix of a container that video is written to"
        raise OptionError(message, hint=f"use one of {', '.join(CONTAINERS)}")
    if settings.codec not in container.video:
        message = f"{path.suffix} does not hold {settings.codec}"
        other = ".mov" if settings.codec == "prores" else ".mp4"
        choices = " or ".join(sorted(container.video & DELIVERY))
        raise OptionError(message, hint=f"choose {choices}, or {other}")
    if settings.codec == "prores" and video.full_range:
        message = "prores does not say that black is 0, so that players would show another picture"
        raise OptionError(message, hint="bring the pictures to limited range, or choose h264")
    if settings.codec in KEEPS_NO_ASPECT and container.muxer != "mp4" and video.pixel_aspect != 1:
        # Matroska keeps the aspect outside of the codec, where PyAV gives no access to it.
        message = (
            f"{path.suffix} with {settings.codec} cannot keep pixels of {video.pixel_aspect} to 1"
        )
        raise OptionError(message, hint="write .mp4, or choose h264")
    return container


def container_options(container: Container, metadata: Mapping[str, str]) -> dict[str, str]:
    """The muxer's options: without one, MP4 and MOV drop keys of ``metadata`` they do not know."""
    options = dict(container.options)
    if metadata and "movflags" in options:
        options["movflags"] += "+use_metadata_tags"
    return options


def sound_encoder_for(path: Path, container: Container, sound: SoundSettings) -> str:
    """FFmpeg's encoder of the sound in ``container``.

    Raises :class:`~provenance.errors.OptionError` for sound that it cannot hold.
    """
    if sound.codec is None:
        return container.sound_encoder
    if not {sound.codec, *(("pcm_s16le",) if sound.codec == "pcm" else ())} & container.sound:
        message = f"{path.suffix} does not hold {sound.codec} sound"
        raise OptionError(message, hint=f"choose of {', '.join(sorted(container.sound))}")
    return SOUND_ENCODERS[sound.codec]

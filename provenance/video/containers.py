"""The files that we write: what each container holds."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provenance.clip import VideoSpec
    from provenance.video.settings import EncodeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A kind of file that we write: the codecs it holds, and what other sound becomes."""

    muxer: str
    video: frozenset[str]
    sound: frozenset[str]
    sound_encoder: str
    options: Mapping[str, str]


ALL_VIDEO = frozenset({"h264", "hevc", "av1"})
COMMON_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
PCM = frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"})
# The index goes to the front, so that players start before everything has arrived.
INDEX_FIRST = MappingProxyType({"movflags": "+faststart"})
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})

CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        ".mp4": Container(
            muxer="mp4",
            video=ALL_VIDEO,
            sound=COMMON_SOUND | {"opus", "flac"},
            sound_encoder="aac",
            options=INDEX_FIRST,
        ),
        ".mov": Container(
            muxer="mov",
            video=frozenset({"h264", "hevc"}),
            sound=COMMON_SOUND | PCM,
            sound_encoder="aac",
            options=INDEX_FIRST,
        ),
        ".mkv": Container(
            muxer="matroska",
            video=ALL_VIDEO,
            sound=COMMON_SOUND | PCM | {"opus", "vorbis", "flac", "dts", "truehd"},
            sound_encoder="aac",
            options=NO_OPTIONS,
        ),
        ".webm": Container(
            muxer="webm",
            video=frozenset({"av1"}),
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
        message = f"{path.name} has no suffix of a container that we write"
        raise OptionError(message, hint=f"use one of {', '.join(CONTAINERS)}")
    if settings.codec not in container.video:
        message = f"{path.suffix} does not hold {settings.codec}"
        raise OptionError(message, hint=f"choose {' or '.join(sorted(container.video))}, or .mp4")
    if settings.codec == "av1" and container.muxer != "mp4" and video.pixel_aspect != 1:
        # Matroska keeps the aspect outside of the codec, where PyAV gives no access to it.
        message = f"{path.suffix} with av1 cannot keep pixels of {video.pixel_aspect} to 1"
        raise OptionError(message, hint="write .mp4, or choose h264")
    return container

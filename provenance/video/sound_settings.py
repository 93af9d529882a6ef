"""How to encode sound: what users may choose, checked."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

SoundCodec = Literal["aac", "mp3", "opus", "ac3", "flac", "pcm", "amr"]
SOUND_ENCODERS: Mapping[SoundCodec, str] = MappingProxyType(
    {
        "aac": "aac",
        "mp3": "libmp3lame",
        "opus": "libopus",
        "ac3": "ac3",
        "flac": "flac",
        "pcm": "pcm_s16le",
        "amr": "libopencore_amrnb",
    }
)
MOST_CHANNELS: Mapping[SoundCodec, int] = MappingProxyType({"amr": 1, "mp3": 2})
LEAST_BITRATE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundSettings:
    """``codec``: None for the container's own (AAC; Opus in WebM). "amr" is AMR-NB, the speech
    codec of mobile telephony: mono at 8 kHz. ``bitrate``: bits a second of all channels together
    (None: 96 kbit/s a channel). ``sample_rate``: in Hz (None: that of the sound).
    ``most_channels``: more are mixed down, as they are for codecs that have fewer.

    Raises :class:`~provenance.errors.OptionError`.
    """

    codec: SoundCodec | None = None
    bitrate: int | None = None
    sample_rate: int | None = None
    most_channels: int | None = None

    def __post_init__(self) -> None:
        if self.codec is not None and self.codec not in get_args(SoundCodec):
            choices = ", ".join(get_args(SoundCodec))
            message = f"sound codec {self.codec!r} is unknown"
            raise OptionError(message, hint=f"choose one of {choices}")
        if self.bitrate is not None and self.bitrate < LEAST_BITRATE:
            message = f"{self.bitrate} bits a second cannot hold sound"
            raise OptionError(message, hint=f"give {LEAST_BITRATE} or more")
        if self.sample_rate is not None and not 1000 <= self.sample_rate <= 768_000:
            message = f"a sample rate of {self.sample_rate} Hz"
            raise OptionError(message, hint="common is 48000")
        if self.most_channels is not None and self.most_channels < 1:
            raise OptionError(f"sound of {self.most_channels} channels", hint="give 1 or more")

    def channels_of(self, channels: int) -> int:
        """How many channels sound of ``channels`` is encoded with."""
        codec = channels if self.codec is None else MOST_CHANNELS.get(self.codec, channels)
        return min(channels, codec, self.most_channels or channels)

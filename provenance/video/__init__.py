"""Video files in and out: the only part of everyframe that touches FFmpeg (through PyAV).

Reading is made for untrusted uploads: see :func:`open_media` and :class:`Limits`.
"""

from provenance.video.completeness import OPEN_ENDED
from provenance.video.containers import OUTPUT_SUFFIXES
from provenance.video.describe import describe_ffmpeg
from provenance.video.info import MediaInfo
from provenance.video.limits import Limits
from provenance.video.picture import Picture
from provenance.video.reader import MediaReader, open_media, open_still
from provenance.video.remux import remux
from provenance.video.rgb import picture_from_rgb, rgb_from_picture
from provenance.video.scaling import scaled
from provenance.video.settings import EncodeSettings
from provenance.video.sniff import STILLS
from provenance.video.sound_codec import coded_sound, filtered_sound
from provenance.video.sound_exchange import exchange_sound
from provenance.video.sound_file import (
    SOUND_SUFFIXES,
    SoundInfo,
    SoundReader,
    SoundWriter,
    check_sound_file,
    open_sound,
)
from provenance.video.sound_settings import SoundSettings
from provenance.video.writer import MediaWriter

__all__ = [
    "OPEN_ENDED",
    "OUTPUT_SUFFIXES",
    "SOUND_SUFFIXES",
    "STILLS",
    "EncodeSettings",
    "Limits",
    "MediaInfo",
    "MediaReader",
    "MediaWriter",
    "Picture",
    "SoundInfo",
    "SoundReader",
    "SoundSettings",
    "SoundWriter",
    "check_sound_file",
    "coded_sound",
    "describe_ffmpeg",
    "exchange_sound",
    "filtered_sound",
    "open_media",
    "open_sound",
    "open_still",
    "picture_from_rgb",
    "remux",
    "rgb_from_picture",
    "scaled",
]

"""Which FFmpeg is at work, for ``ltx-doctor``."""

from __future__ import annotations

import av

from provenance.video.encoders import ENCODERS

SOUND_ENCODERS = ("aac", "libopus")
DECODERS = ("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "prores", "mjpeg")


def describe_ffmpeg() -> dict[str, object]:
    """``pyav`` and ``libraries`` (name → "major.minor.micro"), ``encoders`` and ``decoders`` (name
    → whether this build has it).
    """
    return {
        "pyav": av.__version__,
        "libraries": {
            name: ".".join(map(str, version)) for name, version in av.library_versions.items()
        },
        "encoders": {name: _has(name, "w") for name in (*_video_encoders(), *SOUND_ENCODERS)},
        "decoders": {name: _has(name, "r") for name in DECODERS},
    }


def _video_encoders() -> list[str]:
    return [encoder.name for encoder in ENCODERS.values()]


def _has(name: str, mode: str) -> bool:
    try:
        av.Codec(name, mode)  # type: ignore[arg-type]
    except av.codec.codec.UnknownCodecError:
        return False
    return True

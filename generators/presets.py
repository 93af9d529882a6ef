"""The sizes that models come in.

``ltx-2.3`` and ``helios-1.0`` of the full size have the numbers of blocks and parameters that are
told of those systems; nobody trained them here, and their weights are random: they are for
measuring speed and memory. ``ltx-2.3-small`` is the one whose weights come with the package;
``helios-1.0-small``, which streams, is trained from it and does, too. Not affiliated with
Lightricks or the makers of Helios.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from generators.blocks import StreamConfig
from generators.causal_dit import CausalConfig
from generators.dit import DiTConfig
from generators.text import TextConfig
from provenance.errors import UnknownModel, UnreadableMedia

# Channels of the latents of the codecs: how a key frame looks and how it moves, and sound.
VIDEO_PARTS = (24, 16)
AUDIO_PARTS = (32,)

PRESETS: dict[str, DiTConfig] = {
    # 28 blocks, 5632 and 3072 wide: 22.3 thousand million parameters, 44.6 GB in bf16. A token is
    # 2×2 latents of the codec, 32×32 pixels, and four latents of sound.
    "ltx-2.3": DiTConfig(
        video=StreamConfig(parts=(96, 64), heads=44, head_dim=128),
        audio=StreamConfig(parts=(128,), heads=24, head_dim=128),
        text=TextConfig(heads=32, head_dim=128, layers=5, max_bytes=1024),
        blocks=28,
    ),
    # 13.0 MB as 8-bit integers, see generators.quantised.
    "ltx-2.3-small": DiTConfig(
        video=StreamConfig(parts=VIDEO_PARTS, heads=4, head_dim=64, mlp_ratio=3),
        audio=StreamConfig(parts=AUDIO_PARTS, heads=2, head_dim=64, mlp_ratio=3),
        text=TextConfig(heads=3, head_dim=64, layers=3, max_bytes=256),
        blocks=8,
    ),
}

STREAMING: dict[str, CausalConfig] = {
    # 30 blocks, 4096 wide: 8.2 thousand million parameters. A token is 2×2 latents of the codec,
    # 32×32 pixels of 8 frames, and after super-resolution 64×64: a moment of 1080p is 510 of them.
    "helios-1.0": CausalConfig(
        video=StreamConfig(parts=(96, 64), heads=32, head_dim=128),
        text=TextConfig(heads=20, head_dim=128, layers=5, max_bytes=1024),
        blocks=30,
        fold=2,
        window_s=4.0,
    ),
    # The picture half of ltx-2.3-small, whose weights it starts from.
    "helios-1.0-small": CausalConfig(
        video=StreamConfig(parts=VIDEO_PARTS, heads=4, head_dim=64, mlp_ratio=3),
        text=TextConfig(heads=3, head_dim=64, layers=3, max_bytes=256),
        blocks=6,
        window_s=3.0,
        window_moments=9,
    ),
}
"""Sizes of :class:`~generators.causal_dit.CausalDiT`."""


def preset(name: str) -> DiTConfig:
    """The size called ``name``; raises :class:`UnknownModel`."""
    if name not in PRESETS:
        raise UnknownModel(f"unknown preset {name!r}", hint=f"presets: {', '.join(PRESETS)}")
    return PRESETS[name]


def streaming_preset(name: str) -> CausalConfig:
    """The size of a streaming model called ``name``; raises :class:`UnknownModel`."""
    if name not in STREAMING:
        raise UnknownModel(f"unknown preset {name!r}", hint=f"presets: {', '.join(STREAMING)}")
    return STREAMING[name]


def config_as_json(config: DiTConfig | CausalConfig) -> dict[str, Any]:
    return asdict(config)


def config_from_json(document: dict[str, Any]) -> DiTConfig:
    """The inverse of :func:`config_as_json`; raises :class:`UnreadableMedia`."""
    try:
        audio = document["audio"]
        return DiTConfig(
            video=_stream(document["video"]),
            audio=None if audio is None else _stream(audio),
            text=TextConfig(**document["text"]),
            blocks=int(document["blocks"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(error) from error


def streams(document: dict[str, Any]) -> bool:
    """Whether this is the size of a streaming model."""
    return "window_s" in document


def streaming_from_json(document: dict[str, Any]) -> CausalConfig:
    """The inverse of :func:`config_as_json` for those; raises :class:`UnreadableMedia`."""
    try:
        return CausalConfig(
            video=_stream(document["video"]),
            text=TextConfig(**document["text"]),
            blocks=int(document["blocks"]),
            fold=int(document["fold"]),
            window_s=float(document["window_s"]),
            window_moments=int(document["window_moments"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> UnreadableMedia:
    return UnreadableMedia(
        f"the description of a model cannot be read: {error!r}",
        hint="it is damaged, or of another version",
    )


def _stream(document: dict[str, Any]) -> StreamConfig:
    return StreamConfig(**(document | {"parts": tuple(document["parts"])}))

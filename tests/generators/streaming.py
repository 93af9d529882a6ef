"""A streaming transformer that is small enough to train in a test, and a folder of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from generators.blocks import StreamConfig
from generators.bundle import DESCRIPTION, write_bundle
from generators.causal_dit import CausalConfig, CausalDiT
from generators.presets import config_as_json
from generators.text import TextConfig
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.weight_file import save_packed, save_weights
from tests.generators.tiny import CONFIG, drawn
from tests.generators.untrained import WORDS

if TYPE_CHECKING:
    from pathlib import Path

CAUSAL = CausalConfig(
    video=CONFIG.video, text=CONFIG.text, blocks=CONFIG.blocks, window_s=4.0, window_moments=2
)


def tiny_causal(config: CausalConfig = CAUSAL, seed: int = 0, *, awake: bool = True) -> CausalDiT:
    """Freshly drawn weights; ``awake`` opens the gates and the last layers, which begin at zero."""
    return drawn(CausalDiT(config), seed, awake=awake)


def untrained_streaming_model(folder: Path) -> Path:
    """Writes the folder; its codec has the size that ships, its transformer is tiny."""
    folder.mkdir(parents=True, exist_ok=True)
    codec = VideoCodecConfig()
    size = CausalConfig(
        video=StreamConfig(
            parts=(codec.appearance, codec.motion), heads=1, head_dim=16, mlp_ratio=1
        ),
        text=TextConfig(heads=1, head_dim=16, layers=1, max_bytes=64),
        blocks=1,
        window_moments=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = VideoCodec(codec)
    save_packed(folder / "dit.safetensors", tiny_causal(size))
    save_weights(folder / "video.safetensors", net)
    write_bundle(
        folder / DESCRIPTION,
        model="helios-1.0",
        about="untrained weights for tests",
        trained=False,
        size=config_as_json(size),
        vocabulary=WORDS,
        files={
            "dit": folder / "dit.safetensors",
            "video_codec": folder / "video.safetensors",
        },
    )
    return folder

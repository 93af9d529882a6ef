"""A folder of untrained weights that is a whole model and says of itself that it is not trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from generators.audio_codec import AudioCodec, AudioCodecConfig
from generators.blocks import StreamConfig
from generators.bundle import DESCRIPTION, write_bundle
from generators.dit import DiT, DiTConfig
from generators.presets import config_as_json
from generators.text import TextConfig
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.weight_file import save_packed, save_weights

if TYPE_CHECKING:
    from pathlib import Path

WORDS = frozenset({"a", "red", "ball", "bounces", "pencil"})


def untrained_model(folder: Path, *, trained: bool = False) -> Path:
    """Writes the folder; its codecs have the sizes that ship, its transformer is tiny."""
    folder.mkdir(parents=True, exist_ok=True)
    random = torch.Generator().manual_seed(0)
    video, audio = VideoCodecConfig(), AudioCodecConfig()
    size = DiTConfig(
        video=StreamConfig(
            parts=(video.appearance, video.motion), heads=1, head_dim=16, mlp_ratio=1
        ),
        audio=StreamConfig(parts=(audio.latent,), heads=1, head_dim=16, mlp_ratio=1),
        text=TextConfig(heads=1, head_dim=16, layers=1, max_bytes=64),
        blocks=1,
    )
    dit = DiT(size)
    dit.initialise(random)
    with torch.no_grad():
        for weight in dit.parameters():
            if not weight.any():
                weight.normal_(0, 0.2, generator=random)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codecs = VideoCodec(video), AudioCodec(audio)
    save_packed(folder / "dit.safetensors", dit)
    save_weights(folder / "video.safetensors", codecs[0])
    save_weights(folder / "audio.safetensors", codecs[1])
    write_bundle(
        folder / DESCRIPTION,
        model="ltx-2.3",
        about="untrained weights for tests",
        trained=trained,
        size=config_as_json(size),
        vocabulary=WORDS,
        sampling={"steps": 2, "guidance": 2.0},
        files={
            "dit": folder / "dit.safetensors",
            "video_codec": folder / "video.safetensors",
            "audio_codec": folder / "audio.safetensors",
        },
    )
    return folder

"""Encoded clips of procedural scenes: drawn, rendered and encoded where the training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from generators.scenes import scene_batch
from generators.training.pool import encode_clips

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    from torch import Tensor

    from generators.dit import DiTConfig
    from generators.latents import AudioEncoder, VideoEncoder
    from generators.scenes import Split
    from generators.training.pool import Encoded, Format
    from generators.training.world import World

    class VideoCodec(VideoEncoder, Protocol):
        def decode(self, latents: Tensor) -> Tensor: ...

    class AudioCodec(AudioEncoder, Protocol):
        def decode(self, latents: Tensor) -> Tensor: ...


class SceneSource:
    """Draws scenes from a random generator of its own for each process.

    ``captions`` are those of the last clips, ``rendered`` counts all.
    """

    def __init__(
        self,
        *,
        video_codec: VideoCodec,
        audio_codec: AudioCodec,
        device: torch.device,
        max_bytes: int,
        rng: np.random.Generator,
    ) -> None:
        self.video_codec, self.audio_codec = video_codec, audio_codec
        self.device = device
        self.max_bytes = max_bytes
        self.rng = rng
        self.captions: tuple[str, ...] = ()
        self.rendered = 0

    @classmethod
    def open(
        cls,
        video_weights: Path | None,
        audio_weights: Path | None,
        *,
        world: World,
        config: DiTConfig,
        seed: int,
    ) -> Self:
        """With trained codecs from files, or the bundled ones for None."""
        from generators.audio_codec import AudioCodec, AudioCodecConfig
        from generators.video_codec import VideoCodec, VideoCodecConfig
        from generators.weight_file import bundled, load_weights

        video, audio = VideoCodec(VideoCodecConfig()), AudioCodec(AudioCodecConfig())
        load_weights(video_weights or bundled("video_codec.safetensors"), video)
        load_weights(audio_weights or bundled("audio_codec.safetensors"), audio)
        return cls(
            video_codec=video.to(world.device).eval(),
            audio_codec=audio.to(world.device).eval(),
            device=world.device,
            max_bytes=config.text.max_bytes,
            rng=np.random.default_rng([seed, world.rank]),
        )

    def clips(self, layout: Format, count: int, *, split: Split = "train") -> Encoded:
        """``count`` new clips of a format, encoded."""
        with torch.no_grad():
            scenes = scene_batch(
                self.rng,
                batch=count,
                width=layout.width,
                height=layout.height,
                rate=layout.rate,
                frames=layout.frames,
                device=self.device,
                split=split,
            )
        self.captions = tuple(scenes.captions)
        self.rendered += count
        return encode_clips(
            scenes.video,
            scenes.audio,
            scenes.captions,
            video_codec=self.video_codec,
            audio_codec=self.audio_codec,
            layout=layout,
            max_bytes=self.max_bytes,
        )

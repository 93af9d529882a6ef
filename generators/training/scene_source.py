"""Encoded clips of procedural scenes: drawn, rendered and encoded where the training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from generators import audio_codec, video_codec
from generators.latents import CHUNK, PATCH
from generators.scenes import body_cover, caption, scene_batch
from generators.training.pool import encode_clips
from generators.weight_file import bundled, load_weights

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    from torch import Tensor

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
        max_bytes: int,
        seed: int,
    ) -> Self:
        """With trained codecs from files, or the bundled ones for None."""
        video, audio = load_codecs(video_weights, audio_weights, world.device)
        return cls(
            video_codec=video,
            audio_codec=audio,
            device=world.device,
            max_bytes=max_bytes,
            rng=np.random.default_rng([seed, world.rank]),
        )

    def clips(self, layout: Format, count: int, *, split: Split = "train") -> Encoded:
        """New clips of a format, encoded: ``count``, and for training each in a mirror as well.

        Nothing in the captions says left or right, and rendering takes longer than encoding.
        """
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
        self.rendered += count
        bodies = body_cover(
            scenes.specs,
            columns=layout.width // PATCH,
            rows=layout.height // PATCH,
            times=np.arange(layout.chunks + 1) * (CHUNK / layout.rate),
            device=self.device,
        )
        video, audio = scenes.video, scenes.audio
        self.captions = tuple(scenes.captions)
        if split == "train":
            video, audio = torch.cat([video, video.flip(-1)]), torch.cat([audio, audio.flip(1)])
            bodies = torch.cat([bodies, bodies.flip(-1)])
            self.captions += tuple(caption(spec, self.rng) for spec in scenes.specs)
        return encode_clips(
            video,
            audio,
            self.captions,
            bodies,
            video_codec=self.video_codec,
            audio_codec=self.audio_codec,
            layout=layout,
            max_bytes=self.max_bytes,
        )


def load_codecs(
    video_weights: Path | None, audio_weights: Path | None, device: torch.device
) -> tuple[VideoCodec, AudioCodec]:
    """Trained codecs, from files or for None the bundled ones.

    Raises :class:`~provenance.errors.InputMissing`, :class:`~provenance.errors.UnreadableMedia`.
    """
    video = video_codec.VideoCodec(video_codec.VideoCodecConfig())
    audio = audio_codec.AudioCodec(audio_codec.AudioCodecConfig())
    load_weights(video_weights or bundled("video_codec.safetensors"), video)
    load_weights(audio_weights or bundled("audio_codec.safetensors"), audio)
    return video.to(device).eval(), audio.to(device).eval()

"""The video codec: what things look like and how they move, in latents apart.

A clip of 8·K + 1 frames becomes K + 1 latent steps of one token for every 16×16 pixels. Step k
holds

- **appearance**: key frame 8·k alone, encoded as a still picture;
- **motion**: how frames 8·k − 7 … 8·k come about, seen through outlines that carry no colour. The
  first step has none: zeros.

A chunk is decoded from the looks at both of its ends and its motion: displacements towards either
key frame, a mask that chooses between them, a residual. Causal: step k needs steps k − 1 and k, so
the state of a stream is one decoded key frame, and a still picture is a whole first step. With the
later look held back (:meth:`VideoCodec.animate`) the motion alone carries a picture on: that is
trained as well, and it is what the swap test looks at.

The split follows CMD (Yu et al. 2024, a content frame and a motion latent) and LaMD (Hu et al.
2023); displacement and mask follow frame interpolation (Jiang et al. 2018, Super SloMo).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.video_codec_nets import (
    CHUNK,
    AppearanceDecoder,
    AppearanceEncoder,
    Look,
    Motion,
    MotionDecoder,
    MotionEncoder,
    Synthesis,
    Widths,
    outlines,
)
from provenance.errors import FrameError

PATCH = 16
"""Pixels a side of a token."""


_LOOKS = Widths(fine=56, middle=80, coarse=120)
_MOVES = Widths(fine=48, middle=72, coarse=88)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCodecConfig:
    """Channels of the latents and of the nets; the default is what ships.

    40 channels for 8 frames of 16×16 pixels in colour are 154 : 1. A key frame gets 24 of them
    (32 : 1), because what it loses no later step brings back.
    """

    appearance: int = 24
    motion: int = 16
    looks: Widths = _LOOKS
    moves: Widths = _MOVES
    synthesis: int = 56

    @property
    def channels(self) -> int:
        return self.appearance + self.motion


class Reconstruction(NamedTuple):
    """What training looks at. K chunks, L = K + 1 key frames."""

    keys: Tensor  # (B, L, 3, H, W)
    frames: Tensor  # (B, K, 8, 3, H, W), the last one of each chunk from the motion too
    motion: Motion  # of (B K) chunks


class VideoCodec(nn.Module):
    """Frames (B, 3, T, H, W) in −1…1 to latents (B, appearance + motion, L, H/16, W/16) and back.

    H and W are multiples of 16, T is 8·K + 1, L is K + 1; :func:`pad_clip` makes them so.
    """

    def __init__(self, config: VideoCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.appearance_encoder = AppearanceEncoder(config.looks, config.appearance)
        self.appearance_decoder = AppearanceDecoder(config.looks, config.appearance)
        self.motion_encoder = MotionEncoder(config.moves, config.motion)
        self.motion_decoder = MotionDecoder(config.moves, config.looks, config.motion)
        self.synthesis = Synthesis(config.synthesis)

    def encode(self, frames: Tensor) -> Tensor:
        """Latents (B, C, L, H/16, W/16). Raises FrameError where a size does not fit."""
        _check(frames)
        batch = frames.shape[0]
        keys = frames[:, :, ::CHUNK].transpose(1, 2).flatten(0, 1)  # (B L, 3, H, W)
        looks = self.appearance_encoder(keys).unflatten(0, (batch, -1))  # (B, L, C, h, w)
        moves = looks.new_zeros(*looks.shape[:2], self.config.motion, *looks.shape[3:])
        if frames.shape[2] > 1:
            shapes = _chunks(outlines(frames))  # (B K, 9, H, W)
            moves[:, 1:] = self.motion_encoder(shapes).unflatten(0, (batch, -1)).to(moves.dtype)
        return torch.cat([looks, moves], 2).transpose(1, 2)  # (B, C, L, h, w)

    def decode(self, latents: Tensor) -> Tensor:
        """Frames (B, 3, 8·(L − 1) + 1, H, W) of all steps (B, C, L, h, w)."""
        state: Look | None = None
        parts = []
        for step in latents.unbind(2):
            frames, state = self.decode_step(step, state)
            parts.append(frames)
        return torch.cat(parts, 2)

    def decode_step(self, latent: Tensor, state: Look | None) -> tuple[Tensor, Look]:
        """One latent step (B, C, h, w) to its frames (B, 3, N, H, W) and the state for the next.

        Without a state it is the first step and N is 1, else 8. Memory does not grow.
        """
        looks, moves = torch.split(latent, [self.config.appearance, self.config.motion], 1)
        look = self.appearance_decoder(looks)
        if state is None:
            return look.picture[:, :, None].clamp(-1, 1), look
        return self._chunk(state, look, moves).clamp(-1, 1), look

    def animate(self, appearance: Tensor, motion: Tensor) -> Tensor:
        """One picture's appearance (B, A, h, w), moved on by motion alone (B, M, K, h, w).

        Frames (B, 3, 8·K + 1, H, W). After each chunk its last frame is encoded as the next look,
        so that nothing but the motion latents tells what happens.
        """
        look = self.appearance_decoder(appearance)
        frames = [look.picture[:, :, None].clamp(-1, 1)]
        unknown = appearance.new_zeros(appearance.shape[0], 1, 1, 1)
        for step in motion.unbind(2):
            field = self.motion_decoder(step, look, look, unknown)
            chunk = self.synthesis(field, look, look, unknown).clamp(-1, 1)  # (B, 8, 3, H, W)
            frames.append(chunk.transpose(1, 2))
            look = self.appearance_decoder(self.appearance_encoder(chunk[:, -1]))
        return torch.cat(frames, 2)

    def forward(
        self, frames: Tensor, source: Tensor, mix: Tensor | None, known: Tensor, noise: float
    ) -> Reconstruction:
        """What training minimises the error of.

        ``source``: frames whose motion is taken, (B, 3, T, H, W), the same or the same motion in
        another look; ``mix``: weights of its colours, (B, 3), luma for None; ``known``: (B, K), 0
        where the motion must do without the later key frame; ``noise``: see
        :class:`generators.latent.UnitLatent`.
        """
        batch = frames.shape[0]
        keys = frames[:, :, ::CHUNK].transpose(1, 2).flatten(0, 1)  # (B L, 3, H, W)
        steps = keys.shape[0] // batch
        look = self.appearance_decoder(self.appearance_encoder(keys, noise=noise))
        rows = torch.arange(batch * steps, device=frames.device).view(batch, steps)
        start, end = look.take(rows[:, :-1].flatten()), look.take(rows[:, 1:].flatten())
        moves = self.motion_encoder(_chunks(outlines(source, mix)), noise=noise)  # (B K, M, h, w)
        flag = known.reshape(-1, 1, 1, 1)
        motion = self.motion_decoder(moves, start, end, flag)
        chunks = self.synthesis(motion, start, end, flag).unflatten(0, (batch, steps - 1))
        return Reconstruction(look.picture.unflatten(0, (batch, steps)), chunks, motion)

    def _chunk(self, start: Look, end: Look, moves: Tensor) -> Tensor:
        """(B, 3, 8, H, W): seven frames between the looks, and the later look."""
        known = moves.new_ones(moves.shape[0], 1, 1, 1)
        motion = self.motion_decoder(moves, start, end, known)
        frames = self.synthesis(motion, start, end, known)  # (B, 8, 3, H, W)
        return torch.cat([frames[:, :-1], end.picture[:, None]], 1).transpose(1, 2)


def pad_clip(frames: Tensor) -> Tensor:
    """(B, 3, T, H, W) with its last frame, row and column repeated until the codec takes it."""
    time, height, width = frames.shape[2:]
    pads = (0, -width % PATCH, 0, -height % PATCH, 0, -(time - 1) % CHUNK)
    return functional.pad(frames, pads, mode="replicate")


def _chunks(shapes: Tensor) -> Tensor:
    """(B, T, H, W) → (B K, 9, H, W): each chunk with the key frame before it."""
    return shapes.unfold(1, CHUNK + 1, CHUNK).permute(0, 1, 4, 2, 3).flatten(0, 1)


def _check(frames: Tensor) -> None:
    time, height, width = frames.shape[2:]
    if (time - 1) % CHUNK or height % PATCH or width % PATCH:
        raise FrameError(
            f"the video codec takes 8·K + 1 frames with sides that are multiples of {PATCH}, "
            f"not {time} of {width}×{height}",
            hint="repeat the last frame, row and column with pad_clip, and cut what is decoded",
        )

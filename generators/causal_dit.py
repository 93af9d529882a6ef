"""The streaming transformer: one moment of pictures after the other, each from those before it.

Its blocks are the picture half of the joint transformer's (:mod:`generators.blocks`). It is run in
two ways that give the same velocities: moment by moment with a :class:`KeyCache`, to stream; and
all moments at once under a mask, to train. In training each moment is there twice, clean as the
past of later ones, and noisy to be made (teacher forcing; Yin et al. 2024, CausVid,
arXiv:2412.07772, run bidirectional teachers into such students).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn

from generators.blocks import MODULATIONS, Stream, StreamConfig
from generators.dit import DiT, StreamEnds, VideoTokens, initialise
from generators.key_cache import CacheShape, KeyCache, Seats
from generators.rope import grid_angles, rotate
from generators.text import TextConfig, TextEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalConfig:
    """The size of a streaming model.

    ``fold``: latents of the codec a side of a token. ``window_s``: how far back a moment sees, and
    ``window_moments``: how many moments at most.
    """

    video: StreamConfig
    text: TextConfig
    blocks: int
    fold: int = 1
    window_s: float = 4.0
    window_moments: int = 16

    def window(self, span_s: float) -> int:
        """Moments of ``span_s`` seconds that are seen, beside the first one."""
        return max(1, min(self.window_moments, ceil(self.window_s / span_s - 1e-6)))


class Sight(NamedTuple):
    """Who may look where when all moments are there at once: M seats of keys for Q moments.

    ``moment``: (M,) which of the Q a seat holds · ``offset``: (M,) moments by which it stands
    elsewhere than it was · ``allowed``: (Q, M).
    """

    moment: Tensor
    offset: Tensor
    allowed: Tensor


class CausalBlock(nn.Module):
    """The picture half of a joint block, in sight of a past."""

    def __init__(self, config: StreamConfig, *, text_width: int) -> None:
        super().__init__()
        self.stream = Stream(config, text_width=text_width, other=None)

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        text: Tensor,
        *,
        angles: Tensor,
        key_angles: Tensor,
        past: Seats | None = None,
        seats: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Tokens (B, S, P, width). ``past``: seats whose last ones are filled with own keys; or
        ``seats`` (M,), which own tokens are seen, with a ``mask`` (S·P, M).
        """
        attention = self.stream.look

        def look(inner: Tensor) -> Tensor:
            keys, values = attention.keys_values(inner)
            if past is not None:
                past.keys[:, :, -keys.shape[2] :] = keys.to(past.keys)
                past.values[:, :, -keys.shape[2] :] = values.to(past.values)
                keys, values = past
            elif seats is not None:
                keys, values = keys[:, :, seats], values[:, :, seats]
            return attention.attend(inner, rotate(keys, key_angles), values, angles, mask=mask)

        x = self.stream.look_and_read(x, modulation, text, look)
        return self.stream.ponder(x, modulation)


class CausalDiT(nn.Module):
    """Velocities of pictures; see :class:`generators.dit.VideoTokens`."""

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        self.config = config
        width = config.text.width
        self.text = TextEncoder(config.text)
        self.video = StreamEnds(config.video, text_width=width)
        self.first = nn.Parameter(torch.zeros(config.video.width))  # marks a first key frame
        self.blocks = nn.ModuleList(
            CausalBlock(config.video, text_width=width) for _ in range(config.blocks)
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights anew, as :meth:`DiT.initialise` does."""
        initialise(self, generator)

    def adopt(self, teacher: DiT) -> int:
        """Take over what the picture half of a joint model of the same widths knows; returns how
        many tensors that were. Blocks beyond the teacher's stay as they are.
        """
        theirs = {
            name.replace(".video.", ".stream.", 1) if name.startswith("blocks.") else name: weight
            for name, weight in teacher.state_dict().items()
        }
        taken = 0
        with torch.no_grad():
            for name, weight in self.state_dict().items():
                other = theirs.get(name)
                if other is not None and other.shape == weight.shape:
                    weight.copy_(other)
                    taken += 1
        return taken

    def read(self, raw: Tensor) -> Tensor:
        """(B, M, text width) of prompts (B, M), see :func:`generators.text.encode_bytes`."""
        out: Tensor = self.text(raw)
        return out

    def cache(self, *, batch: int, place: Tensor, span_s: float) -> KeyCache:
        """An empty past for streams of moments with tokens at ``place`` (P, 2), those of all
        processes.
        """
        config = self.config
        across = next(iter(self.streams)).look.across
        heads = config.video.heads
        shape = CacheShape(
            batch=batch,
            blocks=config.blocks,
            heads=heads if across is None else across.own_heads(heads),
            head_dim=config.video.head_dim,
            window=config.window(span_s),
        )
        return KeyCache(shape, place, self.first.dtype)

    @property
    def streams(self) -> Iterator[Stream]:
        return (cast("CausalBlock", block).stream for block in self.blocks)

    def step(self, moment: VideoTokens, text: Tensor, cache: KeyCache, *, keep: bool) -> Tensor:
        """(B, 1, P, C) velocities of one moment after those in ``cache``. ``time_s`` is not used:
        the moment stands where the cache ends. ``keep``: remember it.
        """
        order = torch.tensor(cache.order, device=moment.place.device)
        times = order * moment.span_s[:, None]  # (B, held + 1)
        head_dim = self.config.video.head_dim
        key_angles = grid_angles(times, cache.place, head_dim)
        angles = grid_angles(times[:, -1:], moment.place, head_dim)
        x, modulation, end = self._enter(moment, self.text.summary(text))
        for index, block in enumerate(self.blocks):
            x = block(
                x, modulation, text, angles=angles, key_angles=key_angles, past=cache.seats(index)
            )
        if keep:
            cache.keep()
        velocity: Tensor = self.video.leave(x, end)
        return velocity

    def forward(self, video: VideoTokens, clean: VideoTokens, text: Tensor) -> Tensor:
        """(B, S, P, C) velocities of the noisy moments ``video``, each from the moments of
        ``clean`` before it: S moments of the same times, with noise levels of their own.
        """
        moments = video.latents.shape[1]
        both = video._replace(
            latents=torch.cat([clean.latents, video.latents], 1),
            level=torch.cat([clean.level, video.level], 1),
            time_s=torch.cat([clean.time_s, video.time_s], 1),
            first=torch.cat([clean.first, video.first]),
        )
        window = self.config.window(float(video.span_s.max()))
        seen = sight(moments, window, video.place.device)
        places, head_dim = video.place.shape[0], self.config.video.head_dim
        times = both.time_s[:, seen.moment] + seen.offset * video.span_s[:, None]
        seats = seen.moment[:, None] * places + torch.arange(places, device=video.place.device)
        seats = seats.flatten()
        angles = grid_angles(both.time_s, video.place, head_dim)
        key_angles = grid_angles(times, video.place, head_dim)
        mask = seen.allowed.repeat_interleave(places, 0).repeat_interleave(places, 1)
        x, modulation, end = self._enter(both, self.text.summary(text))
        for block in self.blocks:
            x = block(
                x, modulation, text, angles=angles, key_angles=key_angles, seats=seats, mask=mask
            )
        velocity: Tensor = self.video.leave(x[:, moments:], end[:, moments:])
        return velocity

    def _enter(self, video: VideoTokens, summary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (B, S, P, width), modulations of the blocks and of the end."""
        modulation = self.video.level(video.level, summary, video.span_s)
        x = self.video.enter(video.latents.to(summary.dtype))
        x = x + (video.first[:, None, None] * self.first).to(x.dtype)
        return x, modulation[:, :, :MODULATIONS], modulation[:, :, MODULATIONS:]


def sight(moments: int, window: int, device: torch.device) -> Sight:
    """Of ``moments`` clean ones and as many noisy ones after them.

    A clean moment sees itself and a noisy one itself; both see the first clean moment and the
    ``window`` clean ones before. Where the first is further away than that, it is seen right
    before them, from a seat that is there for this moment alone.
    """
    index = torch.arange(moments, device=device)
    far = index[window + 2 :]  # for whom the first moment has moved
    row = torch.cat([index, index])  # (Q,) the moment of a row, clean or noisy
    ago = row[:, None] - index[None]  # (Q, S) to clean moments
    near = (ago > 0) & ((ago <= window) | (index[None] == 0) & (ago <= window + 1))
    own = torch.eye(2 * moments, dtype=torch.bool, device=device)
    past = torch.cat([near, torch.zeros_like(near)], 1) | own  # (Q, 2·S)
    moved = row[:, None] == far[None]  # (Q, F)
    return Sight(
        moment=torch.cat([torch.arange(2 * moments, device=device), torch.zeros_like(far)]),
        offset=torch.cat([torch.zeros_like(row), far - window - 1]),
        allowed=torch.cat([past, moved], 1),
    )

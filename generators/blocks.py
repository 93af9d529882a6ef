"""What the transformer is made of: attention, and a block that lets pictures and sound hear each
other.

Diffusion transformer: Peebles and Xie 2022, arXiv:2212.09748. One modulation for all blocks with a
small table for each ("adaLN-single"): Chen et al. 2023, PixArt-α, arXiv:2310.00426. Attention
between the pictures and the sound: Cheng et al. 2024, MMAudio, arXiv:2412.15322.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generators.rope import rotate

if TYPE_CHECKING:
    from collections.abc import Callable

MODULATIONS = 9
"""Shift, scale and gate of self-attention, of the sync layer and of the perceptron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """The size of one stream: ``heads`` × ``head_dim`` = its width.

    ``parts``: channels of its latents, by parts that have noise levels of their own. Of pictures:
    how a key frame looks, and how the frames before it move.
    """

    parts: tuple[int, ...]
    heads: int
    head_dim: int
    mlp_ratio: int = 4

    @property
    def channels(self) -> int:
        return sum(self.parts)

    @property
    def width(self) -> int:
        return self.heads * self.head_dim


class Attention(nn.Module):
    """From ``width`` to the tokens of a source of ``source_width``, with normalised keys and
    queries (Dehghani et al. 2023, arXiv:2302.05442), which keeps bf16 training calm.
    """

    def __init__(self, *, width: int, source_width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.query = nn.Linear(width, heads * head_dim, bias=False)
        self.key_value = nn.Linear(source_width, 2 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, width, bias=False)
        self.query_gain = nn.Parameter(torch.ones(head_dim))
        self.key_gain = nn.Parameter(torch.ones(head_dim))

    def queries(self, x: Tensor) -> Tensor:
        """(B, heads, N, head_dim) of ``x`` (B, N, width), not yet turned."""
        return normalise(self._split(self.query(x)), self.query_gain)

    def keys_values(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Two (B, heads, M, head_dim) of ``source`` (B, M, source_width); keys not yet turned."""
        keys, values = self.key_value(source).chunk(2, dim=-1)
        return normalise(self._split(keys), self.key_gain), self._split(values)

    def attend(
        self,
        x: Tensor,
        keys: Tensor,
        values: Tensor,
        angles: Tensor | None = None,
        *,
        mask: Tensor | None = None,
    ) -> Tensor:
        """(B, N, width) of ``x`` (B, N, width) to keys that are turned already. ``angles``:
        positions of ``x``, see :mod:`generators.rope`; ``mask``: (N, M), True where it may look.
        """
        queries = self.queries(x)
        if angles is not None:
            queries = rotate(queries, angles)
        return self.gather(look_up(queries, keys, values, mask=mask))

    def gather(self, seen: Tensor) -> Tensor:
        """(B, N, width) of what all heads saw, (B, heads, N, head_dim)."""
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out

    def forward(
        self,
        x: Tensor,
        source: Tensor,
        angles: Tensor | None = None,
        key_angles: Tensor | None = None,
    ) -> Tensor:
        keys, values = self.keys_values(source)
        if key_angles is not None:
            keys = rotate(keys, key_angles)
        return self.attend(x, keys, values, angles)

    def _split(self, x: Tensor) -> Tensor:
        split = x.view(*x.shape[:2], self.heads, self.head_dim)
        return split.transpose(1, 2)  # (B, heads, N, head_dim)


def look_up(queries: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """(B, heads, N, head_dim) of what queries of that shape find."""
    return F.scaled_dot_product_attention(
        queries.to(values), keys.to(values), values, attn_mask=mask
    )


class Stream(nn.Module):
    """One modality's half of a block, by the names that its weights have: ``look`` is
    self-attention, ``read`` cross-attention to the text, ``listen`` cross-attention to the other
    stream (the sync layer), ``think`` the perceptron, and ``table`` what the block adds to the
    modulation.

    Tokens are (B, S, P, width): S moments, each with a noise level of its own, of P places.
    ``modulation`` is (B, S, 9, width).
    """

    def __init__(
        self, config: StreamConfig, *, text_width: int, other: StreamConfig | None
    ) -> None:
        super().__init__()
        width = config.width
        self.table = nn.Parameter(torch.zeros(MODULATIONS, width))
        self.look = Attention(
            width=width, source_width=width, heads=config.heads, head_dim=config.head_dim
        )
        self.read = Attention(
            width=width, source_width=text_width, heads=config.heads, head_dim=config.head_dim
        )
        self.listen: Attention | None = None
        if other is not None:
            # As wide as the narrower of the two: what they tell each other is when, not what.
            narrow = min(config, other, key=lambda stream: stream.width)
            self.listen = Attention(
                width=width,
                source_width=other.width,
                heads=narrow.heads,
                head_dim=narrow.head_dim,
            )
        hidden = config.mlp_ratio * width
        self.think = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width)
        )

    def before_look(self, x: Tensor, modulation: Tensor) -> Tensor:
        """(B, N, width) that goes into the self-attention."""
        shift, scale, _ = self._modulation(modulation, 0)
        return (normalise(x) * (1 + scale) + shift).flatten(1, 2)

    def after_look(
        self, x: Tensor, modulation: Tensor, looked: Tensor, text: tuple[Tensor, Tensor]
    ) -> Tensor:
        """``looked``: (B, N, width) that came out of it; ``text``: keys and values of the text, as
        :attr:`read` gives them.
        """
        _, _, gate = self._modulation(modulation, 0)
        x = x + gate * looked.view_as(x)
        read: Tensor = self.read.attend(normalise(x).flatten(1, 2), *text)
        return x + read.view_as(x)

    def look_and_read(
        self, x: Tensor, modulation: Tensor, text: Tensor, look: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """``look``: from what goes into the self-attention, (B, N, width), to what comes out."""
        looked = look(self.before_look(x, modulation))
        return self.after_look(x, modulation, looked, self.read.keys_values(text))

    def look_around(self, x: Tensor, modulation: Tensor, text: Tensor, angles: Tensor) -> Tensor:
        """:meth:`look_and_read` with all own tokens in sight."""
        return self.look_and_read(
            x, modulation, text, lambda inner: self.look(inner, inner, angles, angles)
        )

    def hear(
        self, x: Tensor, modulation: Tensor, other: Tensor, times: Tensor, other_times: Tensor
    ) -> Tensor:
        """Times are angles of seconds: (B, N, head_dim/2) of the own tokens, and of the other's."""
        assert self.listen is not None
        shift, scale, gate = self._modulation(modulation, 3)
        inner = (normalise(x) * (1 + scale) + shift).flatten(1, 2)
        source = normalise(other).flatten(1, 2)
        heard: Tensor = self.listen(inner, source, times, other_times)
        return x + gate * heard.view_as(x)

    def feed_forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        shift, scale, gate = self._modulation(modulation, 6)
        out: Tensor = x + gate * self.think(normalise(x) * (1 + scale) + shift)
        return out

    def _modulation(self, modulation: Tensor, first: int) -> tuple[Tensor, Tensor, Tensor]:
        part = modulation[:, :, first : first + 3] + self.table[first : first + 3].to(
            modulation.dtype
        )
        shift, scale, gate = part[:, :, None].unbind(3)  # (B, S, 1, width) each
        return shift, scale, gate


class Block(nn.Module):
    """Both streams once, with the sync layer both ways between them."""

    def __init__(self, video: StreamConfig, audio: StreamConfig | None, *, text_width: int) -> None:
        super().__init__()
        self.video = Stream(video, text_width=text_width, other=audio)
        self.audio = None if audio is None else Stream(audio, text_width=text_width, other=video)

    def forward(
        self, video: Moments, audio: Moments | None, text: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        seen = self.video.look_around(video.x, video.modulation, text, video.angles)
        if audio is None or self.audio is None:
            return self.video.feed_forward(seen, video.modulation), None
        heard = self.audio.look_around(audio.x, audio.modulation, text, audio.angles)
        # Both hear the other as it was before either had heard.
        synced = self.video.hear(seen, video.modulation, heard, video.times, audio.times)
        answered = self.audio.hear(heard, audio.modulation, seen, audio.times, video.times)
        return (
            self.video.feed_forward(synced, video.modulation),
            self.audio.feed_forward(answered, audio.modulation),
        )


class Moments(NamedTuple):
    """A stream on its way through a block: tokens (B, S, P, width), their modulation
    (B, S, 9, width), angles of their positions and of their time alone (B, S·P, head_dim/2).
    """

    x: Tensor
    modulation: Tensor
    angles: Tensor
    times: Tensor


def normalise(x: Tensor, gain: Tensor | None = None) -> Tensor:
    """Root-mean-square norm over the last axis (Zhang and Sennrich 2019, arXiv:1910.07467)."""
    return F.rms_norm(x, (x.shape[-1],), None if gain is None else gain.to(x.dtype), eps=1e-6)

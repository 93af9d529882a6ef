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
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from generators.blocks import MODULATIONS, Stream, StreamConfig, look_up
from generators.dit import DiT, StreamEnds, VideoTokens, initialise
from generators.key_cache import CacheShape, KeyCache, KeysValues
from generators.rope import Turn, grid_angles, rotate, turn_by, turned
from generators.text import TextConfig, TextEncoder


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


class TextContext(NamedTuple):
    """A text as the blocks attend to it: made once, and the same for every moment until the text
    changes.

    ``summary``: (B, text width) · ``keys_values``: (B, heads, M, head_dim) of each block.
    """

    summary: Tensor
    keys_values: list[KeysValues]


class Across(Protocol):
    """Processes that each hold some of the tokens, see :mod:`generators.context_parallel`. Keys and
    values of all of them come together before they are looked at, and each process looks with some
    of the heads.
    """

    def own_heads(self, heads: int) -> int:
        """How many of so many heads this process looks with."""
        ...

    def by_heads(self, x: Tensor) -> Tensor:
        """(B, heads, own tokens, D) → (B, own heads, all tokens, D)."""
        ...

    def by_tokens(self, x: Tensor, heads: int) -> Tensor:
        """The inverse of :meth:`by_heads` for ``heads`` of all processes."""
        ...


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
        seats: Tensor,
        mask: Tensor,
    ) -> Tensor:
        """Tokens (B, S, P, width) of all moments at once. ``seats``: (M,), which tokens are seen,
        with a ``mask`` (S·P, M).
        """
        attention = self.stream.look

        def look(inner: Tensor) -> Tensor:
            keys, values = (one[:, :, seats] for one in attention.keys_values(inner))
            return attention.attend(inner, rotate(keys, key_angles), values, angles, mask=mask)

        x = self.stream.look_and_read(x, modulation, text, look)
        return self.stream.feed_forward(x, modulation)

    def ask(self, x: Tensor, modulation: Tensor, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of one moment (B, 1, P, width), turned to where it stands."""
        attention = self.stream.look
        inner = self.stream.before_look(x, modulation)
        keys, values = attention.keys_values(inner)
        return turned(attention.queries(inner), turn), turned(keys, turn), values

    def answer(self, x: Tensor, modulation: Tensor, seen: Tensor, text: KeysValues) -> Tensor:
        """The moment, after what all its heads saw (B, heads, P, head_dim), and the text."""
        looked = self.stream.look.gather(seen)
        x = self.stream.after_look(x, modulation, looked, text)
        return self.stream.feed_forward(x, modulation)


class CausalDiT(nn.Module):
    """Velocities of pictures; see :class:`generators.dit.VideoTokens`.

    ``across``: set where tokens are spread over processes.
    """

    across: Across | None = None

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
        many tensors that were. Of a deeper teacher, blocks spread evenly are taken; blocks beyond
        a shallower one's stay as they are.
        """
        theirs = dict(teacher.state_dict())
        stride = max(1.0, len(teacher.blocks) / len(self.blocks))
        for index in range(len(self.blocks)):
            source = f"blocks.{int(index * stride)}.video."
            for name, weight in teacher.state_dict().items():
                if name.startswith(source):
                    theirs[f"blocks.{index}.stream.{name.removeprefix(source)}"] = weight
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

    def text_context(self, text: Tensor) -> TextContext:
        """What the blocks look at of a text that was read (B, M, text width)."""
        streams = (cast("CausalBlock", block).stream for block in self.blocks)
        keys_values = [KeysValues(*stream.read.keys_values(text)) for stream in streams]
        return TextContext(self.text.summary(text), keys_values)

    def cache(self, *, batch: int, places: int, span_s: float) -> KeyCache:
        """An empty past for streams of moments of so many places, those of all processes."""
        config = self.config
        heads = config.video.heads
        shape = CacheShape(
            batch=batch,
            blocks=config.blocks,
            heads=heads if self.across is None else self.across.own_heads(heads),
            head_dim=config.video.head_dim,
            window=config.window(span_s),
            places=places,
            span_s=span_s,
        )
        return KeyCache(shape, self.first.device, self.first.dtype)

    def step(
        self, moment: VideoTokens, context: TextContext, cache: KeyCache, *, keep: bool
    ) -> Tensor:
        """(B, 1, P, C) velocities of one moment after those in ``cache``. ``time_s`` is not used:
        the moment stands where the cache ends. ``keep``: remember it.
        """
        velocity = self.velocity(moment, self.turn(moment.place, cache), context, cache)
        if keep:
            cache.keep()
        return velocity

    def turn(self, place: Tensor, cache: KeyCache) -> Turn:
        """By where the moment after those in ``cache`` stands."""
        now_s = torch.full((1, 1), cache.now_s, device=place.device, dtype=torch.float64)
        return turn_by(grid_angles(now_s, place, self.config.video.head_dim), self.first.dtype)

    def velocity(
        self, moment: VideoTokens, turn: Turn, context: TextContext, cache: KeyCache
    ) -> Tensor:
        """:meth:`step` without what changes from one moment to the next."""
        across = self.across
        x, modulation, end = self._enter(moment, context.summary)
        for index, one in enumerate(self.blocks):
            block = cast("CausalBlock", one)
            queries, keys, values = block.ask(x, modulation, turn)
            if across is not None:
                queries, keys, values = map(across.by_heads, (queries, keys, values))
            seats = cache.put(index, keys, values)
            # A process may have no heads left to look with.
            seen = look_up(queries, *seats) if queries.shape[1] else queries
            if across is not None:
                seen = across.by_tokens(seen, self.config.video.heads)
            x = block.answer(x, modulation, seen, context.keys_values[index])
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

    def compile_looks(self, **options: Any) -> None:
        """Have the parts of a look before and after the attention compiled, with the ``options`` of
        :func:`torch.compile`; all blocks share what is compiled.
        """
        for one in self.blocks:
            block = cast("CausalBlock", one)
            block.ask = torch.compile(block.ask, **options)  # type: ignore[method-assign]
            block.answer = torch.compile(block.answer, **options)  # type: ignore[method-assign]

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

"""A stream of latents from the streaming transformer, one moment after the other, without end."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import Tensor

from generators.consistency import few_steps
from generators.dit import VideoTokens
from generators.flow import by_channel
from generators.latents import CHUNK, place_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from fractions import Fraction

    from generators.causal_dit import CausalConfig, TextContext
    from generators.context_parallel import HeadsAcross
    from generators.key_cache import KeyCache


class Streaming(Protocol):
    """A :class:`~generators.causal_dit.CausalDiT`, or what stands in for one."""

    @property
    def config(self) -> CausalConfig: ...

    def text_context(self, text: Tensor) -> TextContext: ...

    def cache(self, *, batch: int, places: int, span_s: float) -> KeyCache: ...

    def step(
        self, moment: VideoTokens, context: TextContext, cache: KeyCache, *, keep: bool
    ) -> Tensor: ...


class Stage(NamedTuple):
    """Where a stream takes place: ``rows`` × ``columns`` tokens, ``rate`` frames a second, and
    ``steps`` looks at noise for each moment.
    """

    rows: int
    columns: int
    rate: Fraction
    steps: int


def roll(
    model: Streaming,
    stage: Stage,
    text: Callable[[], Tensor],
    *,
    generator: torch.Generator,
    images: Mapping[int, Tensor] | None = None,
    across: HeadsAcross | None = None,
) -> Iterator[Tensor]:
    """Latents (B, P, C) of moment after moment, for as long as somebody asks.

    ``text``: looked at before each moment, (B, M, width) by :meth:`CausalDiT.read`, so that it may
    change on the way. ``images``: latents (P, appearance) of key frames by their number. Noise is
    drawn from ``generator`` on its own device. ``across``: where processes share the work, each of
    which calls this alike and gets the latents of all.
    """
    parts = model.config.video.parts
    read = text()
    context = model.text_context(read)
    batch, device, kind = read.shape[0], read.device, read.dtype
    everywhere = place_grid(stage.rows, stage.columns, device)
    own = slice(None) if across is None else across.own
    span_s = float(CHUNK / stage.rate)
    cache = model.cache(batch=batch, places=len(everywhere), span_s=span_s)
    nothing = torch.zeros(0, device=device)
    shape = (batch, 1, len(everywhere), sum(parts))

    def draw() -> Tensor:
        drawn = torch.randn(shape, generator=generator, device=generator.device)
        if device.type == "cuda" and drawn.device.type == "cpu":
            drawn = drawn.pin_memory()  # else the copy waits for all that the GPU has to do
        return drawn.to(read, non_blocking=True)[:, :, own]

    for number in count():
        latest = read if number == 0 else text()
        if latest is not read:
            read, context = latest, model.text_context(latest)
        known = torch.zeros(shape, device=device, dtype=kind)[:, :, own]
        given = torch.zeros(batch, 1, 2, dtype=torch.bool, device=device)
        given[:, :, 1] = number == 0  # nothing moves before the first key frame
        looks = (images or {}).get(number)
        if looks is not None:
            known[..., : parts[0]] = looks[own].to(known)
            given[:, :, 0] = True
        held = by_channel(given, parts)
        moment = VideoTokens(
            latents=known,
            level=torch.zeros(batch, 1, 2, device=device),
            time_s=nothing,
            place=everywhere[own],
            first=torch.full((1,), float(number == 0), device=device),
            span_s=torch.full((batch,), span_s, device=device),
        )

        def velocity(
            state: Tensor,
            level: float,
            moment: VideoTokens = moment,
            held: Tensor = held,
            given: Tensor = given,
            context: TextContext = context,
        ) -> Tensor:
            at = torch.where(held, moment.latents, state)
            levels = torch.where(given, 0.0, level)
            return model.step(moment._replace(latents=at, level=levels), context, cache, keep=False)

        made = torch.where(held, known, few_steps(velocity, draw, stage.steps))
        # Another look at what was made, without noise, is what later moments remember.
        model.step(moment._replace(latents=made), context, cache, keep=True)
        yield (made if across is None else across.whole(made))[:, 0]

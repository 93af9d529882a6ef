"""What a streaming transformer makes when it is left alone: streams of its own, without end.

A model that only ever sees true pasts meets its own faults for the first time when it is used. So
it is trained on what it made (Huang et al. 2025, Self Forcing, arXiv:2506.08009): short streams,
and long ones that are cut anywhere.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from generators.dit import VideoTokens
from generators.latents import CHUNK, PATCH, key_times_s, place_grid
from generators.rollout import Stage, Streaming, roll
from generators.scenes import caption, draw_scene
from generators.text import encode_bytes

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from generators.training.pool import Format


class Passage(NamedTuple):
    """Streams as far as a moment that is being made may see, and what of it is to be judged.

    ``latents``: (B, S, P, C), the first moment of all and then the last ones · ``judged``: how many
    of the last ones have their whole past there · ``begins``: nothing was left out between ·
    ``raw``: (B, bytes) captions, as :func:`drawn_captions` gives them.
    """

    latents: Tensor
    judged: int
    begins: bool
    raw: Tensor
    layout: Format

    def part(self, rows: slice) -> Passage:
        """Some of the streams."""
        return self._replace(latents=self.latents[rows], raw=self.raw[rows])


def drawn_captions(count: int, max_bytes: int, rng: random.Random) -> Tensor:
    """(count, max_bytes) captions of scenes of the training split, as bytes."""
    scenes = (draw_scene(rng, duration_s=4.0) for _ in range(count))
    return encode_bytes([caption(scene, rng) for scene in scenes], max_bytes)


def passages(
    model: Streaming,
    layout: Format,
    captions: Callable[[], Tensor],
    *,
    turns: Callable[[], int],
    looks: int,
    read: Callable[[Tensor], Tensor],
    generator: torch.Generator,
) -> Iterator[Passage]:
    """Streams of ``layout`` without end, a passage of ``layout.window + 1`` moments at a time.

    ``captions()``: (B, bytes) what is asked for, on the model's device · ``read``: what the model
    makes of them · ``turns()``: how many passages, at least 1, until other streams begin ·
    ``looks``: at noise, for each moment.
    """
    judged = layout.window + 1
    stage = Stage(
        rows=layout.height // PATCH,
        columns=layout.width // PATCH,
        rate=Fraction(layout.rate),
        steps=looks,
    )
    while True:
        with torch.no_grad():
            raw = captions()
            text = read(raw)
        stream = roll(model, stage, partial(_same, text), generator=generator)
        first: Tensor | None = None
        # What is judged and as many as the first of it sees, but for the first moment of all.
        last: deque[Tensor] = deque(maxlen=2 * judged - 1)
        for turn in range(turns()):
            with torch.no_grad():  # not across a yield
                made = [next(stream).float() for _ in range(judged)]
            first = made[0] if first is None else first
            last.extend(made)
            seen = list(last) if turn == 0 else [first, *last]
            yield Passage(torch.stack(seen, dim=1), judged, turn == 0, raw, layout)


def _same(text: Tensor) -> Tensor:
    return text


def tokens_of_passage(latents: Tensor, layout: Format) -> VideoTokens:
    """Clean moments (B, S, P, C) as of a stream that began with the first of them."""
    batch, moments = latents.shape[:2]
    device, rate = latents.device, Fraction(layout.rate)
    first = torch.zeros(moments, device=device)
    first[0] = 1
    return VideoTokens(
        latents=latents,
        level=latents.new_zeros(batch, moments, 2),
        time_s=key_times_s(0, moments, rate, device).expand(batch, -1),
        place=place_grid(layout.height // PATCH, layout.width // PATCH, device),
        first=first,
        span_s=torch.full((batch,), float(CHUNK / rate), device=device),
    )

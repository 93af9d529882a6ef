"""A streaming transformer whose looks are recorded once and replayed, so that a GPU need not wait
for the host to tell it each of some thousand small things anew.

A recording (CUDA graph) reads and writes the same memory every time: what a look depends on is
copied there first. There is one for each number of moments that are remembered, until the window is
full. On a CPU nothing is recorded, and the look works in that memory all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from generators.rope import Turn

if TYPE_CHECKING:
    from torch import Tensor

    from generators.causal_dit import CausalConfig, CausalDiT, TextContext
    from generators.dit import VideoTokens
    from generators.key_cache import KeyCache


class _Look(NamedTuple):
    graph: torch.cuda.CUDAGraph | None
    moment: VideoTokens
    turn: Turn
    velocity: Tensor


class RecordedSteps:
    """A :class:`generators.rollout.Streaming` for one stream at a time, whose past and text it
    keeps in memory of its own: a new stream forgets the one before.
    """

    def __init__(self, model: CausalDiT) -> None:
        self._model = model
        self._cache: KeyCache | None = None
        self._context: TextContext | None = None
        self._looks: dict[int, _Look] = {}
        self._pool: Any = None

    @property
    def config(self) -> CausalConfig:
        return self._model.config

    def cache(self, *, batch: int, places: int, span_s: float) -> KeyCache:
        cache, wanted = self._cache, (batch, places, span_s)
        if cache is None or (cache.shape.batch, cache.shape.places, cache.shape.span_s) != wanted:
            self._looks.clear()
            cache = self._cache = self._model.cache(batch=batch, places=places, span_s=span_s)
        cache.forget()
        return cache

    def text_context(self, text: Tensor) -> TextContext:
        fresh = self._model.text_context(text)
        context = self._context
        if context is None or context.summary.shape != fresh.summary.shape:
            self._looks.clear()
            self._context = context = fresh
        context.summary.copy_(fresh.summary)
        for kept, new in zip(context.keys_values, fresh.keys_values, strict=True):
            kept.keys.copy_(new.keys)
            kept.values.copy_(new.values)
        return context

    def step(
        self, moment: VideoTokens, context: TextContext, cache: KeyCache, *, keep: bool
    ) -> Tensor:
        """As :meth:`CausalDiT.step`, with what :meth:`text_context` and :meth:`cache` gave last."""
        turn = self._model.turn(moment.place, cache)
        look = self._looks.get(cache.held)
        if look is None:
            look = self._looks[cache.held] = self._record(moment, turn, context, cache)
        for kept, new in zip((*look.moment, *look.turn), (*moment, *turn), strict=True):
            kept.copy_(new)
        if look.graph is not None:
            look.graph.replay()
            velocity = look.velocity.clone()  # which the next replay writes over
        else:
            velocity = self._model.velocity(look.moment, look.turn, context, cache)
        if keep:
            cache.keep()
        return velocity

    def _record(
        self, moment: VideoTokens, turn: Turn, context: TextContext, cache: KeyCache
    ) -> _Look:
        moment = moment._replace(**{name: one.clone() for name, one in moment._asdict().items()})
        turn = Turn(*(one.clone() for one in turn))
        if moment.latents.device.type != "cuda":
            return _Look(None, moment, turn, moment.latents)
        beside = torch.cuda.Stream(moment.latents.device)  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):  # once as it is: compilers and libraries get ready
            self._model.velocity(moment, turn, context, cache)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            velocity = self._model.velocity(moment, turn, context, cache)
        self._pool = graph.pool()
        return _Look(graph, moment, turn, velocity)

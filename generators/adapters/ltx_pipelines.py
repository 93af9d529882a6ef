"""A pipeline of Lightricks' ltx-pipelines as a generator.

They are called with all of a clip's facts and return pictures, a piece at a time or all at once,
and sound. Version 1.0 returns (pictures, sound), 1.2 more than these two, and pictures of floating
point in 0…1 in place of bytes; both decode while they are iterated, which wants inference mode.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from generators.adapters.chunking import chunks, samples_of, up_to
from provenance.clip import AudioSpec, Chunk, VideoSpec
from provenance.errors import DeviceFull, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from generators.base import Request, Watch

SOUND_RATE_HZ = 24_000
_MULTIPLE, _STEP = 64, 8  # the first of two stages makes half of the size, in pieces of 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LtxPipelinesGenerator:
    """``pipeline``: an object such as ``ltx_pipelines.distilled.DistilledPipeline(…)``.

    ``call``: what else it is called with. ``sound_rate_hz``: of the vocoder that it has; pictures
    come before sound is known, and sound at another rate is refused.
    """

    pipeline: Any
    model: str = "ltx-2"
    call: Mapping[str, Any] = field(default_factory=dict)
    sound_rate_hz: int = SOUND_RATE_HZ
    trained: bool = True

    def unknown_words(self, request: Request) -> list[str]:  # noqa: ARG002
        return []  # nobody but the model knows

    def unread_text(self, request: Request) -> str:  # noqa: ARG002
        return ""  # as long as Gemma's context; nobody but the pipeline knows

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]:
        video = VideoSpec(width=request.width, height=request.height, rate=request.rate)
        sound = AudioSpec(sample_rate=self.sound_rate_hz, channels=2) if request.audio else None
        return video, sound

    def generate(self, request: Request, watch: Watch) -> Iterator[Chunk]:
        """The clip, a piece at a time; raises :class:`~provenance.errors.OptionError` for what
        this pipeline cannot do.
        """
        if request.images or request.sound is not None:
            raise OptionError(
                "images and sound are not handed on to ltx-pipelines by this adapter",
                hint="give images in call=, as the pipeline takes them",
            )
        arguments = {
            "images": [],
            **self.call,
            "prompt": request.text,
            "seed": request.seed,
            "height": up_to(request.height, _MULTIPLE),
            "width": up_to(request.width, _MULTIPLE),
            "num_frames": up_to(request.frames - 1, _STEP) + 1,
            "frame_rate": float(request.rate),
        }
        accepted = inspect.signature(self.pipeline.__call__).parameters
        unknown = [key for key in self.call if key not in accepted]
        if unknown:
            raise OptionError(
                f"{type(self.pipeline).__name__} is not called with {', '.join(unknown)}",
                hint="leave it out of call=",
            )
        watch.report("sampling", 0.0)
        try:
            # Not around the loop: between two pieces the mode would hold for the caller too.
            with torch.inference_mode():
                pictures, audio = self.pipeline(**arguments)[:2]
            watch.report("sampling", 1.0)
            sound = self._samples(audio) if request.audio else None
            yield from chunks(_blocks(pictures), request, sound, self.sound_rate_hz)
        except torch.OutOfMemoryError as error:
            raise DeviceFull(
                f"{type(self.pipeline).__name__} does not fit the memory of the device",
                hint="ask for a smaller or shorter clip",
            ) from error

    def _samples(self, audio: Any) -> NDArray[np.float32]:
        if audio is None:
            return np.zeros((0, 2), np.float32)
        rate = int(getattr(audio, "sampling_rate", self.sound_rate_hz))
        if rate != self.sound_rate_hz:
            raise OptionError(
                f"the pipeline makes sound at {rate} Hz", hint=f"give sound_rate_hz={rate}"
            )
        return samples_of(getattr(audio, "waveform", audio))


def _blocks(pictures: Any) -> Iterator[Any]:
    """(T, H, W, 3) uint8 where they were made, of a tensor or an iterator of such tensors."""
    pieces = iter([pictures] if isinstance(pictures, torch.Tensor) else pictures)
    while True:
        with torch.inference_mode():
            piece = next(pieces, None)
            if piece is None:
                return
            if piece.is_floating_point():
                piece = (piece.clamp(0, 1) * 255).round().byte()
        yield piece

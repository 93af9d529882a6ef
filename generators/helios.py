"""The streaming generator: pictures from a text, each chunk as soon as it is made.

One or two looks of a causal transformer at noise give the latents of the next eight frames (see
:mod:`generators.consistency`), another one puts them into its memory (:mod:`generators.key_cache`),
and the codec shows them. Neither the time nor the memory that a chunk takes depends on how many
came before it.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from generators.causal_dit import CausalDiT
from generators.decoding import look_of, pictures
from generators.latents import CHUNK, images_by_key, latents_of
from generators.ltx import grid_for, memory_for
from generators.presets import streaming_from_json
from generators.rollout import Stage, roll
from generators.superres import SuperResolution
from generators.text import encode_bytes, unknown_words, unread_text
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.weight_file import load_weights
from provenance.clip import Chunk, VideoSpec
from provenance.errors import OptionError, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from generators.base import Request, Watch
    from generators.bundle import Bundle
    from provenance.clip import AudioSpec

STEPS = 2
MOST_STEPS = 8


class HeliosGenerator:
    """A :class:`generators.base.StreamingGenerator`, and a :class:`generators.base.Generator`, from
    the weights of a bundle.

    ``steps``: looks at noise for each chunk; for None what the bundle says. It makes no sound.
    Raises :class:`~provenance.errors.OptionError` for steps that it cannot make,
    :class:`~provenance.errors.UnreadableMedia` for weights that it cannot use.
    """

    def __init__(self, bundle: Bundle, device: torch.device, *, steps: int | None = None) -> None:
        self.model = bundle.model
        self.trained = bundle.trained
        self.device = device
        self.steps = int(bundle.sampling.get("steps", STEPS)) if steps is None else steps
        if not 1 <= self.steps <= MOST_STEPS:
            raise OptionError(f"{self.steps} steps", hint=f"1 to {MOST_STEPS} are possible")
        self._vocabulary = bundle.vocabulary
        config = streaming_from_json(bundle.size)
        if config.fold != 1:
            raise UnreadableMedia(
                f"{bundle.source}: tokens of {config.fold}×{config.fold} latents",
                hint="the size of the benchmarks is not made for use: leave --model out",
            )
        self._dit = CausalDiT(config)
        load_weights(bundle.files["dit"].path, self._dit)
        self._video_codec = VideoCodec(VideoCodecConfig())
        load_weights(bundle.files["video_codec"].path, self._video_codec)
        self._upscalers: SuperResolution | None = None
        if "superres" in bundle.files:
            self._upscalers = SuperResolution()
            load_weights(bundle.files["superres"].path, self._upscalers)
        for net in (self._dit, self._video_codec, self._upscalers):
            if net is not None:
                net.to(device).eval().requires_grad_(requires_grad=False)

    def unknown_words(self, request: Request) -> list[str]:
        return unknown_words(request.text, self._vocabulary)

    def unread_text(self, request: Request) -> str:
        return unread_text(request.text, self._dit.config.text.max_bytes)

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]:
        images_by_key(request, _last_key(request))
        if request.sound is not None:
            raise OptionError(f"{self.model} does not follow sound", hint="leave the sound out")
        return VideoSpec(width=request.width, height=request.height, rate=request.rate), None

    @torch.inference_mode()
    def chunks(
        self, request: Request, *, prompt: Callable[[], str] | None = None
    ) -> Iterator[Chunk]:
        """The clip: one frame first, then eight at a time.

        ``prompt``: asked before each chunk what is to be seen from there on; for None it stays that
        of the request.
        """
        with memory_for(request):
            done = 0
            for block in self._pictures(request, prompt or (lambda: request.text)):
                frames = block[: request.frames - done]
                done += len(frames)
                yield Chunk(frames=frames)
                if done >= request.frames:
                    return

    def generate(self, request: Request, watch: Watch) -> Iterator[Chunk]:
        done = 0
        for chunk in self.chunks(request):
            done += len(chunk.frames)
            watch.report("streaming", done / request.frames)
            yield chunk

    def _pictures(self, request: Request, prompt: Callable[[], str]) -> Iterator[Any]:
        rows, columns = grid_for(request.width, request.height)
        looks = self._dit.config.video.parts[0]
        images = {
            key: look_of(image.pixels, self._video_codec, rows=rows, columns=columns)[:, :looks]
            for key, image in images_by_key(request, _last_key(request)).items()
        }
        steps = roll(
            self._dit,
            Stage(rows=rows, columns=columns, rate=request.rate, steps=self.steps),
            self._reader(prompt),
            generator=torch.Generator().manual_seed(request.seed),
            images=images,
        )
        latents = (latents_of(step[:, None], rows)[:, :, 0] for step in steps)
        return pictures(
            latents, self._video_codec, self._upscalers, (request.width, request.height)
        )

    def _reader(self, prompt: Callable[[], str]) -> Callable[[], Tensor]:
        """What is said, as the model reads it; read anew only when it has changed."""
        last: list[tuple[str, Tensor]] = []

        def text() -> Tensor:
            said = prompt()
            if not last or last[0][0] != said:
                raw = encode_bytes([said], self._dit.config.text.max_bytes).to(self.device)
                last[:] = [(said, self._dit.read(raw))]
            return last[0][1]

        return text


def _last_key(request: Request) -> int:
    return ceil((request.frames - 1) / CHUNK)

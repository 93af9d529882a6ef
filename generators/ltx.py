"""The joint generator: a text, perhaps images and sound, to a clip with sound.

Latents of the whole clip are made first: they are small. Then one chunk after the other is decoded,
enlarged by super-resolution and handed out, so that memory does not grow with the length.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from generators.audio_codec import AudioCodec, AudioCodecConfig, pad_sound
from generators.base import GuideImage, Request, Watch, largest_fitting
from generators.decoding import look_of, pictures
from generators.dit import DiT
from generators.latents import (
    CHUNK,
    SOUND_RATE,
    images_by_key,
    latents_of,
    sound_latents_of,
    sound_tokens_of,
)
from generators.presets import config_from_json
from generators.sampling import SamplingSettings
from generators.streaming import Made, Wanted, make_latents, plan_windows
from generators.superres import SuperResolution
from generators.text import encode_bytes, unknown_words, unread_text
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.weight_file import load_weights
from provenance.clip import AudioSpec, Chunk, VideoSpec
from provenance.errors import DeviceFull, EveryframeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from generators.bundle import Bundle

WINDOW, HISTORY = 9, 3
"""Chunks that the model sees at once, and how many of those are given when it goes on."""
GRIDS = ((7, 12), (12, 7), (9, 9))
"""Rows and columns of tokens that it was trained on."""
OUT_RATE = 2 * SOUND_RATE


class LtxGenerator:
    """A :class:`generators.base.Generator` from the weights of a bundle."""

    def __init__(self, bundle: Bundle, device: torch.device) -> None:
        self.model = bundle.model
        self.trained = bundle.trained
        self.device = device
        self._vocabulary = bundle.vocabulary
        self._settings = SamplingSettings(**bundle.sampling)
        self._dit = DiT(config_from_json(bundle.size))
        load_weights(bundle.files["dit"].path, self._dit)
        self._video_codec = VideoCodec(VideoCodecConfig())
        load_weights(bundle.files["video_codec"].path, self._video_codec)
        self._audio_codec = AudioCodec(AudioCodecConfig())
        load_weights(bundle.files["audio_codec"].path, self._audio_codec)
        self._upscalers: SuperResolution | None = None
        if "superres" in bundle.files:
            # On a CPU convolutions take two thirds of the time in this layout.
            self._upscalers = SuperResolution().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            load_weights(bundle.files["superres"].path, self._upscalers)
        nets = (self._dit, self._video_codec, self._audio_codec, self._upscalers)
        for net in nets:
            if net is not None:
                net.to(device).eval().requires_grad_(requires_grad=False)

    def unknown_words(self, request: Request) -> list[str]:
        return unknown_words(request.text, self._vocabulary)

    def unread_text(self, request: Request) -> str:
        return unread_text(request.text, self._dit.config.text.max_bytes)

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]:
        images_by_key(request, _chunks(request))
        video = VideoSpec(width=request.width, height=request.height, rate=request.rate)
        return video, AudioSpec(sample_rate=OUT_RATE, channels=2) if request.audio else None

    @torch.inference_mode()
    def generate(self, request: Request, watch: Watch) -> Iterator[Chunk]:
        with memory_for(request):
            made, rows = self._latents(request, watch)
            sound = self._sound(made, request) if request.audio else None
            done = 0
            for block in self._pictures(made, rows, request):
                frames = block[: request.frames - done]
                start, done = done, done + len(frames)
                part = None
                if sound is not None:
                    part = sound[_sample(start, request.rate) : _sample(done, request.rate)]
                watch.report("decoding", done / request.frames)
                yield Chunk(frames=frames, audio=part)

    def _latents(self, request: Request, watch: Watch) -> tuple[Made, int]:
        rows, columns = grid_for(request.width, request.height)
        chunks = _chunks(request)
        windows = plan_windows(chunks, window=WINDOW, history=HISTORY)
        sound = None
        if request.sound is not None:
            samples = torch.from_numpy(request.sound.T.copy())[None].to(self.device)
            sound = sound_tokens_of(self._audio_codec.encode(pad_sound(samples)))
        wanted = Wanted(
            chunks=chunks,
            rows=rows,
            columns=columns,
            rate=request.rate,
            images={
                key: self._look(image, rows, columns)
                for key, image in images_by_key(request, chunks).items()
            },
            sound=sound,
        )
        raw = encode_bytes([request.text], self._dit.config.text.max_bytes).to(self.device)
        made = make_latents(
            self._dit,
            wanted,
            windows,
            raw_text=raw,
            settings=self._settings,
            generator=torch.Generator().manual_seed(request.seed),
            progress=lambda share: watch.report("sampling", share),
        )
        return made, rows

    def _look(self, image: GuideImage, rows: int, columns: int) -> Tensor:
        """Latents (P, appearance) of an image, cut to the shape of the picture."""
        latents = look_of(image.pixels, self._video_codec, rows=rows, columns=columns)
        return latents[:, : self._dit.config.video.parts[0]]

    def _sound(self, made: Made, request: Request) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(N, 2) float32 at twice the rate of the codec, as long as the pictures."""
        from scipy.signal import resample_poly

        if request.sound is not None:
            samples = request.sound
        else:
            decoded = self._audio_codec.decode(sound_latents_of(made.audio))
            samples = decoded[0].T.cpu().numpy()
        wide = np.asarray(resample_poly(samples, 2, 1, axis=0), np.float32).clip(-1, 1)
        count = _sample(request.frames, request.rate)
        missing = max(0, count - len(wide))
        return np.pad(wide[:count], ((0, missing), (0, 0)))

    def _pictures(self, made: Made, rows: int, request: Request) -> Iterator[Any]:
        """(T, H, W, 3) uint8 in the size that was asked for, a chunk at a time."""
        steps = latents_of(made.video, rows).unbind(2)
        size = request.width, request.height
        return pictures(steps, self._video_codec, self._upscalers, size)


def grid_for(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of tokens whose shape is nearest to that of the picture."""
    return min(GRIDS, key=lambda grid: abs(np.log(grid[1] / grid[0] * height / width)))


@contextmanager
def memory_for(request: Request) -> Iterator[None]:
    """Turns what PyTorch says when memory runs out into our own error."""
    try:
        yield
    except EveryframeError:
        raise
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        full = (
            isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in text
        )
        if not full:
            raise
        fits = largest_fitting(request.width * request.height // 2)
        raise DeviceFull(
            f"{request.width}×{request.height} does not fit the memory",
            hint=f"try --resolution {fits}, or --device cpu",
        ) from error


def _chunks(request: Request) -> int:
    return max(1, ceil((request.frames - 1) / CHUNK))


def _sample(frame: int, rate: Fraction) -> int:
    """Samples of sound, at the rate that is handed out, before a frame."""
    return round(frame * OUT_RATE / rate)

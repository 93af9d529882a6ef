"""What the benchmarks of the full-size presets share: timed stages, types, a file made beside."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from provenance.video.encoders import X264_PRESETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from provenance.clip import AudioSpec

PROMPT = "a red ball bounces on a beach, waves breaking, film look"
_FLOAT8_FROM = (9, 0)  # compute capability: Hopper


class Stages:
    """Wall time by stage, the work of the devices included."""

    def __init__(self, device: torch.device, *others: torch.device) -> None:
        self.device = device
        self._devices = {device, *others}
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._wait()
        before = time.perf_counter()
        yield
        self._wait()
        self.seconds[name] += time.perf_counter() - before

    def _wait(self) -> None:
        for device in self._devices:
            if device.type == "cuda":
                torch.cuda.synchronize(device)


@contextmanager
def default_type(kind: torch.dtype) -> Iterator[None]:
    usual = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)


def attention_by(attention: str) -> AbstractContextManager[None]:
    """Attention by ``auto``, ``cudnn`` or ``flash``."""
    backends = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}
    if attention == "auto":
        return nullcontext()
    # In this order: where the first cannot, the next does.
    return sdpa_kernel(
        [backends[attention], SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH], set_priority=True
    )


attention_option = click.option(
    "--attention",
    type=click.Choice(["auto", "cudnn", "flash"]),
    default="auto",
    show_default=True,
    help="Whose attention PyTorch takes.",
)
float8_option = click.option(
    "--float8/--no-float8", default=None, help="Default: on a GPU that can (Hopper)."
)
half_option = click.option(
    "--half/--no-half", default=None, help="Decode in bfloat16. Default: on a GPU."
)
offload_option = click.option(
    "--offload", is_flag=True, help="Blocks as 8-bit integers in the host's memory."
)
x264_option = click.option(
    "--x264",
    type=click.Choice(X264_PRESETS),
    default="veryfast",
    show_default=True,
    help="Its preset, for --output.",
)
output_option = click.option(
    "--output", type=click.Path(path_type=Path), help="Also a marked, signed file."
)


def has_float8(device: torch.device) -> bool:
    """Whether ``device`` multiplies matrices of 8-bit floating point numbers."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FLOAT8_FROM


class Encoding:
    """Marks, encodes and signs in a thread of its own, one chunk behind the generator.

    ``seconds``: what that took, by stage.
    """

    def __init__(
        self,
        output: Path,
        size: tuple[int, int],
        rate: Fraction,
        *,
        model: str = "ltx-2.3",
        audio: AudioSpec | None = None,
        x264: str = "veryfast",
    ) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._model = model
        self._audio, self._x264 = audio, x264
        self._queue: queue.Queue[_Piece | None] = queue.Queue(1)
        self._error: BaseException | None = None
        # A generator that fails ends the program, whatever is encoded then.
        self._thread = threading.Thread(target=self._run, args=(output, size, rate), daemon=True)
        self._thread.start()

    def put(self, frames: Tensor, sound: NDArray[np.float32] | None = None) -> None:
        """The next frames (T, H, W, 3), marked where they are, with their sound (N, channels)."""
        made = torch.cuda.current_stream(frames.device).record_event() if frames.is_cuda else None
        self._queue.put(_Piece(frames, made, sound))

    def finish(self) -> None:
        """Waits for the file; raises what its writer raised."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self, output: Path, size: tuple[int, int], rate: Fraction) -> None:
        try:
            self._write(output, size, rate)
        except BaseException as error:  # noqa: BLE001 raised by finish
            self._error = error
            while self._queue.get() is not None:
                pass  # else the generator would wait for room

    def _write(self, output: Path, size: tuple[int, int], rate: Fraction) -> None:
        from provenance import ProvenanceWriter, VideoSpec
        from provenance.video import EncodeSettings

        spec = VideoSpec(width=size[0], height=size[1], rate=rate)
        settings = EncodeSettings(preset=self._x264)
        with ProvenanceWriter(
            output, spec, model=self._model, prompt=PROMPT, audio=self._audio, settings=settings
        ) as writer:
            while (coming := self._queue.get()) is not None:
                before = time.perf_counter()
                with _beside(coming) as frames:
                    writer.write(frames, audio=coming.sound)
                self.seconds["marking and encoding"] += time.perf_counter() - before
            before = time.perf_counter()
        self.seconds["closing and signing"] += time.perf_counter() - before


class _Piece(NamedTuple):
    frames: Tensor
    made: torch.cuda.Event | None  # when the frames are there
    sound: NDArray[np.float32] | None


@contextmanager
def _beside(piece: _Piece) -> Iterator[Tensor]:
    """What is done with the frames, beside what makes the next ones."""
    frames = piece.frames
    if piece.made is None:
        yield frames
        return
    stream = _stream_beside(frames.device)
    stream.wait_event(piece.made)
    frames.record_stream(stream)
    with torch.cuda.stream(stream):
        yield frames


@cache
def _stream_beside(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

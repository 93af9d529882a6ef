"""PyAV's output, and with it torchvision's, diffusers' and ltx-pipelines'.

``av.open(…, "w")`` of a video gives a stand-in. Behind it is a true container in memory, so that
streams have every setting that programs read and set; only its encoders are never asked.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from generators.protection.roads import rate_of, road
from provenance.clip import AudioSpec
from provenance.errors import EveryframeError, OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from generators.protection.orders import Orders
    from generators.protection.recording import Recording

_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_STAND_IN = {"video": "libx264", "audio": "aac"}


def replace(av: Any, orders: Orders) -> None:
    """``av.open`` gives a :class:`MarkedContainer` for videos that are to be written."""
    plain = av.open

    def opened(file: Any, mode: str | None = None, *args: Any, **settings: Any) -> Any:
        writes = mode or getattr(file, "mode", None) or "r"
        if not str(writes).startswith("w") or _is_ours(sys._getframe(1)):  # noqa: SLF001
            return plain(file, mode, *args, **settings)
        form = args[0] if args else settings.get("format")
        try:
            path = road(file, form)
        except EveryframeError as error:
            raise orders.refuse(error) from None
        if path is None:
            return plain(file, mode, *args, **settings)
        return MarkedContainer(av, plain, path, orders)

    for place in (av, av.container, av.container.core):
        if getattr(place, "open", None) is plain:
            place.open = opened


def _is_ours(frame: Any) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("provenance.")


class MarkedContainer:
    """What an ``OutputContainer`` does, for one stream of pictures and one of sound."""

    def __init__(self, av: Any, plain_open: Any, path: Path, orders: Orders) -> None:
        self._av = av
        self._path = path
        self._orders = orders
        self._true = plain_open(io.BytesIO(), "w", format=_FORMATS[path.suffix.lower()])
        self._pictures: _Stream | None = None
        self._sound: _Stream | None = None
        self._recording: Recording | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if error is None:
            self.close()
        elif self._recording is not None:
            self._recording.abort()

    def add_stream(self, codec_name: Any, rate: Any = None, *args: Any, **settings: Any) -> Any:
        """As PyAV's; an encoder that is not here has another in its place, since none is used."""
        try:
            true = self._true.add_stream(codec_name, rate, *args, **settings)
        except (ValueError, TypeError, self._av.FFmpegError):
            audio = isinstance(rate, int) and rate >= 8000
            true = self._true.add_stream(_STAND_IN["audio" if audio else "video"], rate)
        stream = _Stream(self, true)
        if true.type == "video" and self._pictures is None:
            self._pictures = stream
        elif true.type == "audio" and self._sound is None and self._recording is None:
            self._sound = stream
        else:
            raise self._refused(
                f"{self._path}: one stream of pictures and one of sound, added before the first "
                f"picture, can be marked, and not another of {true.type}",
                "write it without",
            )
        return stream

    def add_stream_from_template(self, *_args: Any, **_settings: Any) -> Any:
        raise self._refused(
            f"{self._path}: packets that are encoded already cannot be marked",
            "let the program write pictures, or mark the finished file with ltx-stamp",
        )

    add_mux_stream = add_data_stream = add_attachment = add_stream_from_template

    def start_encoding(self) -> None:
        """Nothing: our own writer begins with the first picture."""

    def mux(self, packets: Any) -> None:
        """Nothing for what our streams gave out, which is nothing."""
        listed = packets if isinstance(packets, (list, tuple)) else [packets]
        if any(packet is not None and getattr(packet, "size", 0) for packet in listed):
            self.add_stream_from_template()

    mux_one = mux

    def close(self) -> None:
        """Completes the file, if there was a picture."""
        if self._sound is not None and self._recording is not None:
            self._sound.flush()
        if self._recording is not None:
            self._recording.close()

    def recording(self) -> Recording:
        """Where pictures and sound go; begun by the first of them."""
        if self._recording is None:
            assert self._pictures is not None
            sound = None
            if self._sound is not None:
                context = self._sound.codec_context
                sound = AudioSpec(
                    sample_rate=int(context.sample_rate), channels=context.layout.nb_channels
                )
            context = self._pictures.codec_context
            try:
                rate = rate_of(context.framerate or self._pictures.average_rate or 24)
            except EveryframeError as error:
                raise self._orders.refuse(error) from None
            self._recording = self._orders.record(self._path, rate=rate, sound=sound)
        return self._recording

    def _refused(self, message: str, hint: str) -> EveryframeError:
        return self._orders.refuse(OptionError(message, hint=hint))


class _Stream:
    """A true stream whose ``encode`` hands pictures or sound on and gives no packets."""

    __slots__ = ("_container", "_resampler", "_true")

    def __init__(self, container: MarkedContainer, true: Any) -> None:
        object.__setattr__(self, "_container", container)
        object.__setattr__(self, "_true", true)
        object.__setattr__(self, "_resampler", None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._true, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._true, name, value)

    def encode(self, frame: Any = None) -> list[Any]:
        if frame is None:
            return []
        if self._true.type == "video":
            self._see(frame)
        else:
            self._hear(frame)
        return []

    def encode_lazy(self, frame: Any = None) -> Any:
        return iter(self.encode(frame))

    def flush(self) -> None:
        if self._resampler is not None:
            self._hear(None)

    def _see(self, frame: Any) -> None:
        width, height = self._true.width or frame.width, self._true.height or frame.height
        picture = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
        self._container.recording().write(picture)

    def _hear(self, frame: Any) -> None:
        context = self._true.codec_context
        if self._resampler is None:
            made = self._container._av.AudioResampler(  # noqa: SLF001
                format="fltp", layout=context.layout, rate=context.sample_rate
            )
            object.__setattr__(self, "_resampler", made)
        for piece in self._resampler.resample(frame):
            samples = piece.to_ndarray().T
            self._container.recording().hear(np.ascontiguousarray(samples))

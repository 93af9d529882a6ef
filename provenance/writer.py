"""The one way out for generated video: frames in, a marked, signed and stored file out."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from provenance.errors import FrameError
from provenance.keys import default_keys_directory, ensure_identity
from provenance.payload import model_by_key
from provenance.quality import LumaQuality
from provenance.sealing import Sealing, state
from provenance.store import default_store_path, open_store
from provenance.video import MediaWriter, picture_from_rgb
from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from numpy.typing import NDArray

    from provenance.clip import AudioSpec, VideoSpec
    from provenance.keys import Identity
    from provenance.payload import Source
    from provenance.quality import Quality
    from provenance.sealing import Sealed
    from provenance.store import Store
    from provenance.video import EncodeSettings

_QUALITY_EVERY = 8  # frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A finished file: what it says, how visible the mark is, how long it is."""

    sealed: Sealed
    quality: Quality
    frames: int
    duration_s: float


class ProvenanceWriter:
    """Writes generated frames and sound as one marked, signed file; use it as a context manager.

    ::

        with ProvenanceWriter("out.mp4", spec, model="ltx-2.3", prompt="a red ball") as writer:
            for chunk in generator:
                writer.write(chunk.frames, audio=chunk.audio)

    ``video`` and ``audio`` describe what comes. ``identity`` signs (default: the one in
    ``$LTX_KEYS`` or the user's, a development one made on first use) and ``store`` keeps the
    manifest (default: ``$LTX_STORE`` or the user's). ``prompt`` leaves only its digest.

    The file appears when the block ends without an exception, complete; until then, and after
    any failure, there is nothing under ``path`` that was not there before. There is no way to
    leave the mark or the signature out.

    Raises :class:`~provenance.errors.FrameError` for frames or sound that do not fit,
    :class:`~provenance.errors.MediaTooSmall`, :class:`~provenance.errors.OptionError`,
    :class:`~provenance.errors.UnknownModel`, :class:`~provenance.errors.OutputError` and
    :class:`~provenance.errors.DiskFull`, :class:`~provenance.errors.ManifestError`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        video: VideoSpec,
        identity: Identity | None = None,
        *,
        model: str,
        prompt: str | None = None,
        plain_prompt_hash: bool = False,
        source: Source = "generated",
        day: date | None = None,
        audio: AudioSpec | None = None,
        store: Store | None = None,
        strength: float = 1.0,
        settings: EncodeSettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._video = video
        self._frames = 0
        self._result: Written | None = None
        self._quality = LumaQuality(every=_QUALITY_EVERY)
        self._open = ExitStack()
        with self._open:  # what was opened is closed again when a later step fails
            if identity is None:
                identity, _ = ensure_identity(default_keys_directory(os.environ), now=now())
            if store is None:
                store = self._open.enter_context(open_store(default_store_path(os.environ)))
            statement = state(
                identity,
                model=model_by_key(model),
                day=day or now().date(),
                source=source,
                prompt=prompt,
                plain_prompt_hash=plain_prompt_hash,
            )
            self._sealing = self._open.enter_context(
                Sealing(
                    Path(path),
                    statement=statement,
                    identity=identity,
                    store=store,
                    now=now,
                    draw_bits=draw_bits,
                )
            )
            self._marker = ClipMarker(
                payload=self._sealing.payload,
                key=identity.carrier_key,
                width=video.width,
                height=video.height,
                strength=strength,
            )
            self._media = self._open.enter_context(
                MediaWriter(self._sealing.unsigned, video=video, settings=settings, audio=audio)
            )
            self._open = self._open.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:
            if not self._frames:
                raise FrameError("no frame was written", hint="write frames before closing")
            self._media.close()
            duration_s = float(self._frames / self._video.rate)
            sealed = self._sealing.complete(
                width=self._video.width, height=self._video.height, duration_s=duration_s
            )
            self._result = Written(
                sealed=sealed,
                quality=self._quality.result(),
                frames=self._frames,
                duration_s=duration_s,
            )

    @property
    def result(self) -> Written:
        """What was written; raises :class:`FrameError` before the block has ended well."""
        if self._result is None:
            raise FrameError("the file is not complete", hint="ask after the with block")
        return self._result

    def write(self, frames: Any, *, audio: Any = None) -> None:
        """Append ``frames`` (T, H, W, 3) uint8 sRGB, numpy or torch on any device, and ``audio``
        (N, channels) float32 in −1…1 of the same stretch of time, or None.
        """
        block = _array(frames)
        if block.ndim != 4 or block.dtype != np.uint8 or block.shape[1:] != self._shape:
            raise FrameError(
                f"frames of shape {block.shape} and type {block.dtype}",
                hint=f"give (T, {', '.join(map(str, self._shape))}) uint8 sRGB",
            )
        for frame in block:
            time = self._frames / self._video.rate
            picture = picture_from_rgb(frame, time=time, spec=self._video)
            marked = self._marker.mark(picture.luma, time_s=float(time), bits=picture.bits)
            self._quality.add(picture.luma, marked, bits=picture.bits)
            self._media.write(picture.with_luma(marked))
            self._frames += 1
        if audio is not None:
            self._media.write_audio(_array(audio))

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (self._video.height, self._video.width, 3)


def _array(values: Any) -> NDArray[Any]:
    """Numpy from numpy or torch, wherever it lives, without importing torch."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values)

"""The one way out for generated video: frames in, a marked, signed and stored file out."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from provenance.audio_watermark import SoundMarker
from provenance.behind import Behind
from provenance.errors import FrameError, OutputError
from provenance.fingerprint import PrintTaker
from provenance.keys import default_keys_directory, ensure_identity
from provenance.marking import AHEAD, as_array, marking_for, on_gpu
from provenance.payload import model_by_key
from provenance.quality import SAMPLED_EVERY, LumaQuality
from provenance.sealing import Sealing, check_output, state
from provenance.store import default_store_path, open_store
from provenance.video import MediaWriter, remux
from provenance.video.live import check_live, live_settings
from provenance.video.sound import check_audio_spec, check_samples
from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future
    from types import TracebackType

    from numpy.typing import NDArray

    from provenance.clip import AudioSpec, VideoSpec
    from provenance.keys import Identity
    from provenance.marking import FrameMarking
    from provenance.payload import Source
    from provenance.quality import Quality
    from provenance.sealing import Sealed
    from provenance.store import Store
    from provenance.video import EncodeSettings
    from provenance.video.live import ByteSink
    from provenance.video.picture import Picture


_BEHIND = 12  # frames that are encoded, and not looked at yet for quality and fingerprint


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
    any failure, there is nothing under ``path`` that was not there before. Frames or sound that
    are refused leave the file as it was, so that others may follow; after any other failure of
    :meth:`write` it cannot be completed. There is no way to leave the mark or the signature out.

    ``stream`` gets the video while it is made: fragmented MP4, every frame marked, not signed as a
    file yet. Before its first byte, credentials are signed and kept in the store under the content
    id that its mark carries, so that a stream that breaks off still resolves; an error while
    writing to it ends the file. The file under ``path`` (.mp4 or .mov) has the same pictures and
    sound, in one piece, and is signed.

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
        stream: ByteSink | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        draw_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        check_output(Path(path))
        if stream is not None:
            check_live(Path(path))
        self._video = video
        self._audio = audio
        self._frames = 0
        self._result: Written | None = None
        self._quality = LumaQuality(every=SAMPLED_EVERY)
        self._line: _Line | None = None
        registered = model_by_key(model)
        if identity is None:
            identity, _ = ensure_identity(default_keys_directory(os.environ), now=now())
        signer = identity
        statement = state(
            signer,
            model=registered,
            day=day or now().date(),
            source=source,
            prompt=prompt,
            plain_prompt_hash=plain_prompt_hash,
        )

        def begin() -> _Line:
            with ExitStack() as opened:  # closed again when a later step fails
                kept_in = store
                if kept_in is None:
                    kept_in = opened.enter_context(open_store(default_store_path(os.environ)))
                sealing = opened.enter_context(
                    Sealing(
                        Path(path),
                        statement=statement,
                        identity=signer,
                        store=kept_in,
                        now=now,
                        draw_bits=draw_bits,
                    )
                )
                marker = ClipMarker(
                    payload=sealing.payload,
                    key=signer.carrier_key,
                    width=video.width,
                    height=video.height,
                    strength=strength,
                )
                sound = None
                if audio is not None:
                    check_audio_spec(audio)
                    sound = SoundMarker(
                        payload=sealing.payload,
                        key=signer.carrier_key,
                        rate=audio.sample_rate,
                        channels=audio.channels,
                    )
                if stream is None:
                    place, how, live = sealing.unsigned, settings, None
                else:
                    place = opened.enter_context(_beside(sealing.unsigned))
                    how = live_settings(settings, video)
                    announce = partial(sealing.announce, width=video.width, height=video.height)
                    live = (stream, announce)
                media = opened.enter_context(
                    MediaWriter(place, video=video, settings=how, audio=audio, live=live)
                )
                pool = opened.enter_context(ThreadPoolExecutor(AHEAD, "everyframe-colour"))
                looking = opened.enter_context(Behind(_BEHIND, "everyframe-looking"))
                return _Line(
                    sealing=sealing,
                    marker=marker,
                    media=media,
                    opened=opened.pop_all(),
                    sound=sound,
                    taker=PrintTaker(video.rate),
                    pool=pool,
                    looking=looking,
                )

        self._begin = begin

    def __enter__(self) -> Self:
        # Not before: without a block that ends, nobody would clear away what was begun.
        if self._frames:
            raise FrameError("the writer has been used", hint="make a new one for each file")
        self._line = self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        line, self._line = self._line, None
        assert line is not None
        if kind is not None:
            line.opened.__exit__(kind, error, trace)
            return
        with line.opened:
            if line.broken:
                raise _incomplete(line)
            if not self._frames:
                raise FrameError("no frame was written", hint="write frames before closing")
            if line.sound is not None:
                self._hear(line, None)()
            line.media.close()
            line.looking.finish()
            if line.media.path != line.sealing.unsigned:
                remux(line.media.path, line.sealing.unsigned)
            duration_s = float(self._frames / self._video.rate)
            sealed = line.sealing.complete(
                width=self._video.width,
                height=self._video.height,
                duration_s=duration_s,
                prints=line.taker.finish(),
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
        (N, channels) float32 in −1…1 of the same stretch of time, or None. What lies on a GPU when
        the first frames come is marked there.
        """
        line = self._line
        if line is None:
            raise FrameError(
                "the file is not open", hint="write inside: with ProvenanceWriter(…) as writer"
            )
        if line.broken:
            raise _incomplete(line)
        block = frames if on_gpu(frames) else as_array(frames)
        samples = None if audio is None else as_array(audio)
        self._check(block, samples)
        line.broken = True  # until all of this stands in the file
        if line.marking is None and len(block):
            line.marking = marking_for(block, marker=line.marker, spec=self._video, pool=line.pool)
        heard: Future[Callable[[], None]] | None = None
        ready = () if line.marking is None else line.marking.marked(block, first=self._frames)
        for picture, original in ready:
            line.media.write(picture)
            line.looking.do(partial(self._look, line, picture, original))
            self._frames += 1
            if heard is None and samples is not None:  # beside the other pictures
                heard = line.pool.submit(self._hear, line, samples)
        if samples is not None:
            write_sound = self._hear(line, samples) if heard is None else heard.result()
            write_sound()
        line.broken = False

    def _look(self, line: _Line, picture: Picture, original: NDArray[Any]) -> None:
        self._quality.add(original, picture.luma, bits=picture.bits)
        line.taker.see(picture.luma, float(picture.time), bits=picture.bits)

    def _hear(self, line: _Line, samples: NDArray[np.float32] | None) -> Callable[[], None]:
        """Marks and encodes the next sound, or what the marker still holds; what is returned writes
        it.
        """
        assert self._audio is not None
        assert line.sound is not None
        marked = line.sound.finish() if samples is None else line.sound.push(samples)
        line.taker.hear(marked, self._audio.sample_rate)
        return line.media.encode_audio(marked)

    def _check(self, block: Any, samples: NDArray[Any] | None) -> None:
        """Both before either is written: half a block cannot be taken back."""
        kind = str(block.dtype).removeprefix("torch.")
        if block.ndim != 4 or kind != "uint8" or block.shape[1:] != self._shape:
            raise FrameError(
                f"frames of shape {tuple(block.shape)} and type {kind}",
                hint=f"give (T, {', '.join(map(str, self._shape))}) uint8 sRGB",
            )
        if samples is None:
            return
        if self._audio is None:
            raise FrameError(
                "sound for a file that was opened without", hint="give ProvenanceWriter an audio="
            )
        check_samples(samples, self._audio)
        loudest = float(np.abs(samples).max(initial=0.0))
        if loudest > 1:
            raise FrameError(
                f"sound as loud as {loudest:.3g}, where 1 is full scale",
                hint="scale or clip it to −1…1: players would distort it",
            )

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (self._video.height, self._video.width, 3)


def _incomplete(line: _Line) -> OutputError:
    return OutputError(
        f"{line.sealing.output} was not written: a write failed on the way",
        hint="let the error of write end the block",
    )


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file for the fragments, gone afterwards."""
    place = path.with_name(f"{path.stem}-live.mp4")
    try:
        yield place
    finally:
        place.unlink(missing_ok=True)


@dataclass(slots=True, kw_only=True)
class _Line:
    """What a file passes on its way, open from the start of the block to its end."""

    sealing: Sealing
    marker: ClipMarker
    media: MediaWriter
    opened: ExitStack
    sound: SoundMarker | None
    taker: PrintTaker
    pool: Executor  # turns colours into luma and chroma, and marks and encodes sound
    looking: Behind
    marking: FrameMarking | None = None  # the first frames tell where
    broken: bool = False

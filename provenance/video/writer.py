"""Writing pictures and sound to a file."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import av
import av.error
from av.codec.context import ThreadType

from provenance.errors import FrameError, OptionError, OutputIsInput, UnreadableMedia
from provenance.video.carried_sound import CarriedSound
from provenance.video.containers import (
    container_for,
    container_options,
    sound_encoder_for,
)
from provenance.video.demux import open_container, reading, reason
from provenance.video.layout import convert
from provenance.video.limits import Limits
from provenance.video.live import LiveFile, live_options
from provenance.video.output import create_file, remove_file, writing
from provenance.video.picture import FULL_RANGE
from provenance.video.reader import MediaReader
from provenance.video.scheduling import ordinary_priority
from provenance.video.settings import EncodeSettings, encoded_layout
from provenance.video.sound import (
    GeneratedSound,
    check_audio_spec,
    check_samples,
    wild_samples,
)
from provenance.video.sound_settings import SoundSettings
from provenance.video.source import SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from av.packet import Packet
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec, VideoSpec
    from provenance.video.carried_sound import ChangeSound
    from provenance.video.layout import Layout
    from provenance.video.live import ByteSink
    from provenance.video.picture import Picture

LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG
MIN_CLOCK_HZ = 90_000
# Matroska stamps in whole milliseconds: a picture this near to the frame grid belongs on it.
GRID_TOLERANCE = Fraction(6, 10_000)
MAX_SOUND_AHEAD_S = 30


class MediaWriter:
    """Encodes pictures and sound to ``path``; use it as a context manager.

    ``path`` is written in place (give it a temporary name and rename it afterwards); its suffix
    chooses the container: .mp4, .mov, .mkv or .webm (AV1 and VP9 only). An exception inside the
    ``with`` block, or an error while finishing, removes the file. ``video`` says what the pictures
    are; chroma stays 4:2:0, 4:2:2 or 4:4:4 where the encoder has it, and becomes 4:2:0 otherwise.
    Odd sizes become 4:4:4 under H.264 and HEVC, whose 4:2:0 has even sizes only. More bits than the
    encoder has are rounded away.

    Sound is either given by :meth:`write_audio` (``audio`` describes it; sample 0 belongs to the
    first picture), or all sound tracks of ``copy_audio_from`` are carried over: packets as they are
    where the container can hold their codec, else encoded again (AAC; Opus in WebM), in the same
    place relative to the pictures, whose times must be those of that file. ``sound`` says how
    written sound is encoded. ``change_sound`` is asked what to do with each carried track: what it
    changes is decoded and encoded again. Other tracks (subtitles, data) are left behind.
    ``sound_damaged`` says where carried sound broke off or is no sound, or is None. ``live`` (MP4
    only): the file is fragmented, and its bytes go to the first of the two as they come, after the
    second was told its beginning.

    Raises :class:`~provenance.errors.OptionError` for what cannot be encoded,
    :class:`~provenance.errors.OutputForbidden`, :class:`~provenance.errors.DiskFull` or
    :class:`~provenance.errors.OutputError` for what cannot be written,
    :class:`~provenance.errors.FrameError` for pictures or sound that do not fit.
    """

    def __init__(
        self,
        path: Path,
        *,
        video: VideoSpec,
        settings: EncodeSettings | None = None,
        audio: AudioSpec | None = None,
        copy_audio_from: Path | MediaReader | None = None,
        metadata: Mapping[str, str] | None = None,
        sound: SoundSettings | None = None,
        change_sound: ChangeSound | None = None,
        live: tuple[ByteSink, Callable[[bytes], None]] | None = None,
    ) -> None:
        self.path = path
        self.sound_damaged: str | None = None
        self._video = video
        self._settings = settings or EncodeSettings()
        self._audio = audio
        self._metadata = dict(metadata or {})
        self._sound = sound or SoundSettings()
        self._change_sound = change_sound
        self._format = container_for(path, self._settings, video)
        self._sound_encoder = sound_encoder_for(path, self._format, self._sound)
        _check_options(video, audio, copy_audio_from)
        self._clock = _clock(video.rate, self._settings.encoder.max_clock_hz)
        self._stream: VideoStream | None = None
        self._layout: Layout | None = None
        self._first: Fraction | None = None
        self._last_pts = -1
        self._early_sound: list[NDArray[np.float32]] = []
        self._generated: GeneratedSound | None = None
        self._carried: CarriedSound | None = None
        self._carried_packets: Iterator[tuple[Fraction, list[Packet[Any]]]] = iter(())
        self._next_carried: tuple[Fraction, list[Packet[Any]]] | None = None
        self._open_source: SourceFile | None = None
        self._live: LiveFile | None = None
        self._source = self._sound_source(copy_audio_from)
        try:
            self._identity = create_file(path)
            with writing(self.path):
                # "file:" keeps FFmpeg from reading a protocol into a name such as "pipe:1.mp4".
                self._live = None if live is None else LiveFile(path, *live)
                options = container_options(self._format, self._metadata)
                self._output = av.open(
                    "file:" + os.fspath(path) if self._live is None else self._live,
                    "w",
                    format=self._format.muxer,
                    container_options=options if live is None else live_options(video),
                )
        except BaseException:
            self._close_source()
            raise
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def write(self, picture: Picture) -> None:
        """Encodes one picture; their times must increase."""
        if (picture.width, picture.height) != (self._video.width, self._video.height):
            message = f"a picture is {picture.width}x{picture.height}, the file is "
            message += f"{self._video.width}x{self._video.height}"
            raise FrameError(message, hint="all pictures of a file have one size")
        if picture.bits != self._video.bits:
            message = f"a picture has {picture.bits} bits, the file {self._video.bits}"
            raise FrameError(message, hint="make the pictures for the video's description")
        with writing(self.path):
            if self._stream is None:
                self._start(picture)
            assert self._stream is not None
            assert self._layout is not None
            pts = self._pts(picture.time)
            self._carry(Fraction(pts, self._clock))
            frame = picture.frame
            if frame.format.name != self._layout.name:
                frame = convert(frame, self._layout)
            frame.pts = pts
            frame.time_base = Fraction(1, self._clock)
            frame.duration = round(self._clock / self._video.rate)
            # The source's choice of I, P and B frames would be forced on the encoder otherwise.
            frame.pict_type = 0
            self._output.mux(self._stream.encode(frame))

    def write_audio(self, samples: NDArray[np.float32]) -> None:
        """Encodes and writes the next ``samples``, (N, channels) float32 in −1…1.

        Write pictures and sound side by side: what comes before the first picture is kept in
        memory, at most 30 seconds.
        """
        self.encode_audio(samples)()

    def encode_audio(self, samples: NDArray[np.float32]) -> Callable[[], None]:
        """Half of :meth:`write_audio`; what is returned does the other half, and writes them.

        After the first picture, one thread may do this half while another writes pictures.
        """
        if self._audio is None:
            message = f"{self.path.name} was opened without sound"
            raise FrameError(message, hint="give MediaWriter an AudioSpec")
        check_samples(samples, self._audio)
        packets: list[Packet[Any]] = []

        def write() -> None:
            with writing(self.path):
                self._output.mux(packets)

        if not len(samples):
            return write
        if self._generated is None:
            self._early_sound.append(samples)
            seconds = sum(map(len, self._early_sound)) / self._audio.sample_rate
            if seconds > MAX_SOUND_AHEAD_S:
                message = f"{seconds:.0f} s of sound came before the first picture"
                raise FrameError(message, hint="write pictures and sound side by side")
            return write
        with writing(self.path):
            packets += self._generated.encode(samples)
        return write

    def close(self) -> None:
        """Finishes the file; on an error it is removed. Without a picture it is an error."""
        if self._closed:
            return
        try:
            self._finish()
        except BaseException:
            self.abort()
            raise
        self._closed = True
        self._close_source()

    def _finish(self) -> None:
        if self._stream is None:
            message = f"no picture was written to {self.path.name}"
            raise FrameError(message, hint="write at least one")
        with writing(self.path):
            self._output.mux(self._stream.encode(None))
            if self._generated is not None:
                self._output.mux(self._generated.flush())
            self._carry(None)
            self._output.close()

    def abort(self) -> None:
        """Gives up and removes the file. Does nothing after :meth:`close`."""
        if self._closed:
            return
        self._closed = True
        self._close_source()
        # The muxer wants to finish the file that is about to go: whatever it says is of no
        # interest.
        with suppress(Exception):
            self._output.close()
        remove_file(self.path, self._identity)

    def _sound_source(self, given: Path | MediaReader | None) -> SourceFile | None:
        """The open file to carry sound from."""
        if given is None:
            return None
        source = given.source if isinstance(given, MediaReader) else SourceFile(given, Limits())
        if not isinstance(given, MediaReader):
            self._open_source = source
        if source.is_same_file(self.path):
            self._close_source()
            message = f"{self.path} would overwrite the file that is being read"
            raise OutputIsInput(message, hint="choose another output")
        return source

    def _start(self, picture: Picture) -> None:
        """Sets up all tracks: only the first picture tells which chroma the file has."""
        video, encoder = self._video, self._settings.encoder
        self._layout = encoded_layout(picture.layout, encoder.name, video)
        stream: VideoStream = self._output.add_stream(  # type: ignore[assignment]
            encoder.name,
            rate=video.rate,
            options=self._settings.encoder_options(),
            width=video.width,
            height=video.height,
            pix_fmt=self._layout.name,
            time_base=Fraction(1, self._clock),
        )
        context = stream.codec_context
        context.sample_aspect_ratio = video.pixel_aspect
        context.color_range = FULL_RANGE if video.full_range else LIMITED_RANGE
        context.color_primaries = video.primaries
        context.color_trc = video.transfer
        context.colorspace = video.matrix
        # Slices, PyAV's default, cost size and speed; without them, there is a picture under way
        # for each thread.
        context.thread_type = ThreadType.SLICE if self._settings.low_delay else ThreadType.AUTO
        context.thread_count = self._settings.threads or 0
        if encoder.tag and self._format.muxer in ("mp4", "mov"):
            context.codec_tag = encoder.tag
        self._stream = stream
        self._first = picture.time
        if encoder.name == "libsvtav1":
            # SVT-AV1 writes to stderr by itself, and listens to nothing but this; a user's choice
            # wins.
            os.environ.setdefault("SVT_LOG", "0")
            with ordinary_priority():
                context.open()
        if self._source is not None:
            self._start_carrying(self._source)
        elif self._audio is not None:
            self._generated = GeneratedSound(
                self._output, self._sound_encoder, self._audio, self._sound
            )
        self._output.metadata.update(self._metadata)
        if self._generated is not None:
            for samples in self._early_sound:
                self._output.mux(self._generated.encode(samples))
            self._early_sound.clear()

    def _start_carrying(self, source: SourceFile) -> None:
        assert self._first is not None
        with reading(source.name):
            container = open_container(source, Limits())
        self._carried = CarriedSound(
            container,
            self._output,
            self._format.sound,
            self._sound_encoder,
            first=self._first,
            change=self._change_sound,
        )
        self._carried_packets = self._carried.packets(source.name)
        self._advance()

    def _advance(self) -> None:
        try:
            self._next_carried = next(self._carried_packets, None)
        except UnreadableMedia as error:
            self.sound_damaged, self._next_carried = error.message, None
        if self._next_carried is None and self._carried is not None and self._carried.wild:
            self.sound_damaged = self.sound_damaged or wild_samples(self._carried.wild)

    def _carry(self, until: Fraction | None) -> None:
        """Writes the carried sound up to ``until`` seconds of the new file, or all of the rest."""
        while self._next_carried is not None:
            seconds, packets = self._next_carried
            if until is not None and seconds > until:
                return
            try:
                self._output.mux(packets)
            except (av.error.InvalidDataError, av.error.ArgumentError) as error:
                # The muxer looks into copied packets: damaged ones end the sound, not the file.
                self.sound_damaged, self._next_carried = reason(error), None
                return
            self._advance()

    def _pts(self, time: Fraction) -> int:
        """Clock ticks of a picture; raises FrameError unless they increase."""
        assert self._first is not None
        rate = self._video.rate
        offset = time - self._first
        frames = round(offset * rate)
        near = abs(offset - frames / rate) <= GRID_TOLERANCE
        origin = self._first if self._carried is None else self._carried.origin
        start = self._first - origin
        candidates = [start + frames / rate] if near else []
        for seconds in (*candidates, start + offset):
            pts = round(seconds * self._clock)
            if pts > self._last_pts:
                self._last_pts = pts
                return pts
        message = f"a picture at {float(time):.4f} s does not come after the one before it"
        raise FrameError(message, hint="write pictures in the order of their times")

    def _close_source(self) -> None:
        if self._live is not None:
            self._live.close()
        if self._carried is not None:
            self._carried.close()
        if self._open_source is not None:
            self._open_source.close()


def _check_options(video: VideoSpec, audio: AudioSpec | None, carried: object) -> None:
    if video.width < 1 or video.height < 1 or video.rate <= 0 or video.pixel_aspect <= 0:
        message = f"a video of {video.width}x{video.height} at {video.rate} frames per second"
        raise OptionError(message, hint="sizes and rates are positive")
    if audio is not None:
        check_audio_spec(audio)
        if carried is not None:
            message = "sound is either written or copied from a file, not both"
            raise OptionError(message, hint="leave out audio or copy_audio_from")


def _clock(rate: Fraction, most: int | None) -> int:
    """Ticks per second on which frames of ``rate`` fall exactly, fine enough for other times;
    ``most`` is what the encoder takes.
    """
    if most is None:
        return rate.numerator * ceil(MIN_CLOCK_HZ / rate.numerator)
    return rate.numerator * (most // rate.numerator) or most

"""Files of sound, and the sound of any file: WAV, MP3, AAC, M4A, FLAC, Ogg, and video files."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import av
import av.error

from provenance.errors import (
    EveryframeError,
    MediaTooLarge,
    NoVideo,
    OptionError,
    UnreadableMedia,
)
from provenance.video.demux import DAMAGED, open_container, reading
from provenance.video.limits import Limits
from provenance.video.output import create_file, remove_file, writing
from provenance.video.sniff import sniff_sound
from provenance.video.sound import (
    BITS_A_SECOND_A_CHANNEL,
    GeneratedSound,
    audible,
    check_audio_spec,
    check_samples,
    sound_blocks,
    tamed,
    tracks_of,
    wild_samples,
)
from provenance.video.sound_settings import SoundSettings
from provenance.video.source import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec
    from provenance.video.sound import SoundTrack

MICROSECONDS = 1_000_000
# Suffix: FFmpeg's muxer and encoder.
SOUND_FILES = MappingProxyType(
    {
        ".wav": ("wav", "pcm_s16le"),
        ".mp3": ("mp3", "libmp3lame"),
        ".m4a": ("ipod", "aac"),
        ".flac": ("flac", "flac"),
        ".ogg": ("ogg", "libopus"),
        ".opus": ("ogg", "libopus"),
    }
)
# Lossless codecs that a muxer holds beside its own, and how encoders take more than 16 bits.
_HELD = MappingProxyType(
    {"wav": frozenset({"pcm_s24le", "pcm_s32le", "pcm_f32le"}), "ipod": frozenset({"alac"})}
)
_DEEP = MappingProxyType({"flac": "s32", "alac": "s32p"})
_MOST_CHANNELS = MappingProxyType({".mp3": 2})
_MOST_BITRATE = 320_000  # of MP3; more is not heard in any of them
SOUND_SUFFIXES = tuple(SOUND_FILES)
"""What the name of a file of sound that we write ends in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundInfo:
    """``audio``: the first of the ``sound`` tracks, ``codec``, ``bits`` a sample (after decoding)
    and ``bitrate`` (as declared, or None) those of it. ``duration_s``: as declared, or None.
    ``bytes``: the size of the file. ``start``: time of the first sample, in seconds.
    """

    container: str
    mime: str
    audio: AudioSpec
    codec: str
    duration_s: float | None
    bytes: int
    start: Fraction = Fraction(0)
    bits: int = 16
    bitrate: int | None = None
    sound: tuple[SoundTrack, ...] = ()


def open_sound(path: Path, *, limits: Limits | None = None) -> SoundReader:
    """Opens the sound in a file; use it as a context manager.

    Raises :class:`~provenance.errors.InputError` of the kind that fits, as ``open_media`` does;
    :class:`~provenance.errors.NoVideo` where there is neither picture nor sound.
    """
    return SoundReader(path, limits or Limits())


class SoundReader:
    """An open file: ``info`` says what its first sound track is, :meth:`blocks` gives it.

    ``damaged`` is None, or after a pass says why it ended early. Cover pictures are skipped.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self.source = SourceFile(path, limits, sniffed=sniff_sound)
        self.damaged: str | None = None
        try:
            self.info = self._probe()
        except BaseException:
            self.source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.source.close()

    def blocks(self, track: int = 0) -> Iterator[NDArray[np.float32]]:
        """Blocks of (N, channels) float32 of one track; every call is a new pass.

        Sample 0 is the first of the first track.

        Raises :class:`~provenance.errors.UnreadableMedia` when nothing decodes, and
        :class:`~provenance.errors.MediaTooLarge` when there is more than the limits allow.
        """
        name, audio = self.source.name, self.info.sound[track].audio
        self.damaged = None
        most = self._limits.max_duration_s * audio.sample_rate
        count = wild = 0
        with reading(name):
            container = open_container(self.source, self._limits)
        with closing(container):
            blocks = sound_blocks(container, audio, self.info.start, track=track)
            while True:
                try:
                    with reading(name):
                        block = next(blocks, None)
                except EveryframeError as error:
                    if not count:
                        raise
                    seconds = count / audio.sample_rate
                    self.damaged = f"sound ended after {seconds:.1f} s: {error.message}"
                    return
                if block is None:
                    break
                block, strange = tamed(block)
                wild += strange
                count += len(block)
                if count > most:
                    message = f"{name} is longer than the limit of {self._limits.max_duration_s} s"
                    raise MediaTooLarge(message, hint="cut it into parts or raise the limit")
                yield block
        if not count:
            raise UnreadableMedia(f"{name} has a sound track without sound", hint=DAMAGED)
        if missing := self.source.missing_bytes():
            self.damaged = f"the file lacks {missing} bytes at its end"
        elif wild:
            self.damaged = wild_samples(wild)

    def _probe(self) -> SoundInfo:
        name, limits = self.source.name, self._limits
        with reading(name), closing(open_container(self.source, limits)) as container:
            if len(container.streams) > limits.max_streams:
                message = f"{name} has {len(container.streams)} tracks"
                raise MediaTooLarge(message, hint="keep one track of sound")
            tracks = audible(container)
            if not tracks:
                message = f"{name} has no sound that can be decoded"
                raise NoVideo(message, hint="give a file with sound")
            track, sound = tracks[0], tracks_of(tracks)
            duration_s = None
            if track.duration and track.time_base:
                duration_s = float(track.duration * track.time_base)
            elif container.duration:
                duration_s = container.duration / MICROSECONDS
            if duration_s is not None and duration_s > limits.max_duration_s:
                message = f"{name} has {duration_s:g} seconds, more than the limit"
                raise MediaTooLarge(message, hint="cut it into parts or raise the limit")
            start = Fraction(0)
            if track.start_time is not None and track.time_base:
                start = track.start_time * Fraction(track.time_base)
            return SoundInfo(
                container=self.source.kind.container,
                mime=self.source.kind.mime,
                audio=sound[0].audio,
                sound=sound,
                codec=track.codec_context.codec.canonical_name,
                duration_s=duration_s,
                bytes=self.source.size,
                start=start,
                bits=track.codec_context.format.bits if track.codec_context.format else 16,
                bitrate=track.codec_context.bit_rate or None,
            )


class SoundWriter:
    """Encodes sound to ``path``, whose suffix chooses how; use it as a context manager.

    ``path`` is written in place; an exception inside the ``with`` block removes it. ``sound`` says
    how to encode: its codec stays that of the suffix. ``like``: the file that the sound comes from;
    its lossless codec, its bits a sample and, where that is higher than ours, its bit rate stay.
    Raises :class:`~provenance.errors.OptionError` and the errors of
    :func:`~provenance.video.output.writing`.
    """

    def __init__(
        self,
        path: Path,
        audio: AudioSpec,
        *,
        sound: SoundSettings | None = None,
        like: SoundInfo | None = None,
    ) -> None:
        check_sound_file(path, audio)
        self.path = path
        self._audio = audio
        muxer, encoder = SOUND_FILES[path.suffix.lower()]
        settings, sample_type = sound or SoundSettings(), None
        if like is not None:
            encoder = _same_again(muxer, encoder, like)
            settings = replace(settings, bitrate=_as_good(like))
            sample_type = _DEEP.get(encoder) if _deep(like) else None
        self._identity = create_file(path)
        with writing(path):
            self._output = av.open("file:" + os.fspath(path), "w", format=muxer)
            self._sound = GeneratedSound(
                self._output, encoder, audio, settings, sample_type=sample_type
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                with writing(self.path):
                    self._output.mux(self._sound.flush())
                    self._output.close()
                return
        except BaseException:
            self._remove()
            raise
        self._remove()

    def write(self, samples: NDArray[np.float32]) -> None:
        """Encodes the next ``samples``, (N, channels) float32 in −1…1."""
        check_samples(samples, self._audio)
        if len(samples):
            with writing(self.path):
                self._output.mux(self._sound.encode(samples))

    def _remove(self) -> None:
        with suppress(Exception):  # a muxer that cannot finish a file that is about to go
            self._output.close()
        remove_file(self.path, self._identity)


def check_sound_file(path: Path, audio: AudioSpec) -> None:
    """Raises :class:`OptionError` where a file of ``path``'s suffix cannot hold ``audio``."""
    suffix = path.suffix.lower()
    if suffix not in SOUND_FILES:
        raise OptionError(
            f"{path.name} has no suffix of a file of sound that we write",
            hint=f"use one of {', '.join(SOUND_FILES)}",
        )
    check_audio_spec(audio)
    if audio.channels > (most := _MOST_CHANNELS.get(suffix, audio.channels)):
        raise OptionError(
            f"{suffix} holds {most} channels of sound, and there are {audio.channels}",
            hint="write .m4a, .ogg, .flac or .wav",
        )


def _same_again(muxer: str, encoder: str, like: SoundInfo) -> str:
    return like.codec if like.codec in _HELD.get(muxer, ()) else encoder


def _deep(like: SoundInfo) -> bool:
    return like.bits > 16 and (like.codec in _DEEP or like.codec.startswith("pcm_"))


def _as_good(like: SoundInfo) -> int:
    """Bits a second: what we give, or the file's own where that is more."""
    usual = BITS_A_SECOND_A_CHANNEL * like.audio.channels
    return max(usual, min(like.bitrate or 0, _MOST_BITRATE))

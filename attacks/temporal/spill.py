"""Pictures and sound put aside in files, for attacks that need them in another order.

The files have no name in their folder: they are gone as soon as they are closed, or with the
process.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from attacks.clip import at
from provenance.disk import disk_errors
from provenance.errors import OutputError

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray

    from provenance.clip import AudioSpec
    from provenance.video import Picture


class RawFile:
    """A file of samples in ``folder``, written at its end and read anywhere."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  close() below
        self._folder = folder

    def close(self) -> None:
        self._file.close()

    def append(self, samples: NDArray[Any]) -> None:
        """Raises :class:`~provenance.errors.DiskFull` or OutputError where there is no room."""
        rest = np.ascontiguousarray(samples).ravel().view(np.uint8).data
        with disk_errors(self._folder):
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    def read(self, start: int, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """``count`` samples from number ``start`` on."""
        self._file.seek(start * dtype.itemsize)
        out = np.empty(count, dtype)
        rest = out.view(np.uint8).data
        while rest:
            got = self._file.readinto(rest)
            if not got:
                raise OutputError("what was put aside is gone", hint="leave the folder alone")
            rest = rest[got:]
        return out


class PictureFile:
    """The pictures of a clip; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._file = RawFile(folder)
        self._like: Picture | None = None
        self.times: list[Fraction] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, picture: Picture) -> None:
        self._like = self._like or picture
        self.times.append(picture.time)
        self._file.append(np.concatenate([plane.ravel() for plane in picture.planes]))

    def picture(self, number: int) -> Picture:
        """Picture ``number`` at its own time, counted from 0 as they were added."""
        assert self._like is not None
        shapes = [plane.shape for plane in self._like.planes]
        sizes = [rows * columns for rows, columns in shapes]
        samples = self._file.read(number * sum(sizes), sum(sizes), self._like.luma.dtype)
        parts = np.split(samples, np.cumsum(sizes)[:-1])
        planes = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return at(self._like.with_planes(planes), self.times[number])


class SoundFile:
    """The sound of a clip; use it as a context manager. ``samples`` counts what was added."""

    def __init__(self, folder: Path, audio: AudioSpec) -> None:
        self._file = RawFile(folder)
        self._channels = audio.channels
        self.samples = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, block: NDArray[np.float32]) -> None:
        self._file.append(block.astype(np.float32, copy=False))
        self.samples += len(block)

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``stop``, (N, channels)."""
        size = (stop - start) * self._channels
        raw = self._file.read(start * self._channels, size, np.dtype(np.float32))
        return raw.reshape(-1, self._channels)

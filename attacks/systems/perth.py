"""The audio mark of the package ``resemble-perth`` ("implicit" net; MIT licence, weights inside).

A zero-bit mark: a net changes magnitudes below 2 kHz, another says how sure it is that this was
done, 0…1. There is no message and no key: *recovered* means found, and whoever asks under another
key asks the same. It hears mono at 32 kHz; each channel is marked, and their mean is read.

The package imports three others of 300 MB for one function each. Where it is loaded they are
replaced by what those functions do: the transforms of torchaudio by those of torch that they call,
librosa's polyphase resampling by SciPy's that it calls, ``pkg_resources`` by a path.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attacks.systems.accomplice import SystemAccomplice
from attacks.systems.base import Reading
from attacks.systems.packages import load
from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.accomplice import Accomplice
    from attacks.clip import Clip
    from attacks.systems.base import Medium

_PACKAGE = "resemble-perth"
_RATE = 32_000  # Hz that the net was trained at
_LEAST = 2048  # samples at that rate: one window of its transform
_FOUND = 0.5  # the package rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Perth:
    """See the module. All of a clip's sound is in memory at once: the net takes it whole."""

    name: str = "perth"
    frames_most: int | None = None
    version: ClassVar[str] = "1.0.1/1"
    medium: ClassVar[Medium] = "audio"
    message_bits: ClassVar[int] = 0
    keyed: ClassVar[bool] = False

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """Raises :class:`~provenance.errors.PackageMissing`, and ``OptionError`` for no sound."""
        _check_sound(clip)
        load("perth", package=_PACKAGE, needed_by=self.name)

        def sound() -> Iterator[NDArray[np.float32]]:
            rate, samples = _sound_of(clip)
            low = _resampled(samples, rate, _RATE)
            if len(low) < _LEAST:
                yield samples
                return
            net = _net()
            marked = [net.apply_watermark(channel, sample_rate=_RATE) for channel in low.T]
            back = _resampled(np.stack(marked, axis=1), _RATE, rate)
            yield _fitted(back, len(samples))

        return clip.changed(sound=sound)

    def read(self, clip: Clip, *, seed: int) -> Reading:
        """Raises :class:`~provenance.errors.PackageMissing`."""
        load("perth", package=_PACKAGE, needed_by=self.name)
        if clip.audio is None:
            return Reading(recovered=False, present=False)
        rate, samples = _sound_of(clip)
        mono = _resampled(samples.mean(axis=1, keepdims=True), rate, _RATE)[:, 0]
        if len(mono) < _LEAST:
            return Reading(recovered=False, present=False)
        sure = _net().get_watermark(mono, sample_rate=_RATE, round=False)
        present = bool(float(np.ravel(sure)[0]) > _FOUND)
        return Reading(
            recovered=present,
            present=present,
            seconds_needed=clip.duration_s if present else None,
        )

    def accomplice(self, original: Clip, *, seed: int, stranger: Clip | None) -> Accomplice:
        return SystemAccomplice(system=self, original=original, seed=seed, other=stranger)


def _check_sound(clip: Clip) -> None:
    if clip.audio is None:
        raise OptionError("a clip without sound holds no audio mark", hint="give one with sound")


def _sound_of(clip: Clip) -> tuple[int, NDArray[np.float32]]:
    """Samples a second, and all samples (N, channels)."""
    assert clip.audio is not None
    blocks = list(clip.sound())
    silent = np.zeros((0, clip.audio.channels), np.float32)
    return clip.audio.sample_rate, np.concatenate(blocks) if blocks else silent


def _fitted(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    missing = max(0, length - len(samples))
    return np.clip(np.pad(samples[:length], ((0, missing), (0, 0))), -1, 1).astype(np.float32)


def _resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """(N, channels) at another rate, by a polyphase filter."""
    from scipy.signal import resample_poly

    if rate == wanted or not len(samples):
        return samples
    ratio = Fraction(wanted, rate)
    changed = resample_poly(samples, ratio.numerator, ratio.denominator, axis=0)
    return np.asarray(changed, np.float32)


@lru_cache(maxsize=1)
def _net() -> Any:
    """The package's marker with its weights, once a process."""
    inner = "perth.perth_net.perth_net_implicit.perth_watermarker"
    with _replaced(_stand_ins()), contextlib.redirect_stdout(io.StringIO()):
        load("torch", package="torch", needed_by="perth")
        kind = load(inner, package=_PACKAGE, needed_by="perth").PerthImplicitWatermarker
        return kind()


@contextlib.contextmanager
def _replaced(modules: dict[str, ModuleType]) -> Iterator[None]:
    """``modules`` under their names for the time of the block."""
    before = {name: sys.modules.get(name) for name in modules}
    # Imported without them, the package has decided that it has no net.
    for name in [name for name in sys.modules if name.partition(".")[0] == "perth"]:
        del sys.modules[name]
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _stand_ins() -> dict[str, ModuleType]:
    import torch

    class Spectrogram(torch.nn.Module):
        def __init__(
            self, *, n_fft: int, win_length: int, hop_length: int, window_fn: Any, **_: Any
        ) -> None:
            super().__init__()
            self.shape: Any = {"n_fft": n_fft, "win_length": win_length, "hop_length": hop_length}
            self.register_buffer("window", window_fn(win_length))

        def forward(self, signal: Any) -> Any:
            return torch.stft(
                signal, window=self.get_buffer("window"), return_complex=True, **self.shape
            )

    class InverseSpectrogram(Spectrogram):
        def forward(self, spectrum: Any) -> Any:
            return torch.istft(spectrum, window=self.get_buffer("window"), **self.shape)

    class TimeStretch(torch.nn.Module):  # never used, but its buffer lies among the weights
        def __init__(self, *, n_freq: int, hop_length: int) -> None:
            super().__init__()
            phase_advance = torch.linspace(0, torch.pi * hop_length, n_freq)[:, None]
            self.register_buffer("phase_advance", phase_advance)

    def resource_filename(package: str, name: str) -> str:
        (folder,) = importlib.import_module(package).__path__
        return str(Path(folder) / name)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("sound reaches the package at its own rate")

    parts: dict[str, dict[str, Any]] = {
        "torchaudio": {},
        "torchaudio.transforms": {
            "Spectrogram": Spectrogram,
            "InverseSpectrogram": InverseSpectrogram,
            "TimeStretch": TimeStretch,
        },
        "librosa": {"resample": refuse},
        "pkg_resources": {"resource_filename": resource_filename},
    }
    modules = {}
    for name, members in parts.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(members)
    return modules

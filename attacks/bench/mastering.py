"""The marked clip as its maker would publish it, and what marking cost.

It is written once for a clip and a system, and all attacks start from that file. Beside it lies the
same clip without the mark, encoded alike: for the controls, and to know what the mark adds to the
file's size.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attacks.bench.making import complete
from attacks.bench.metrics import PictureMeter, snr_db
from attacks.bench.results import Master
from attacks.clip import Clip, encode, head, open_clip
from attacks.systems.catalog import find_system
from provenance.errors import OptionError
from provenance.video import EncodeSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from attacks.bench.plan import MasterTask
    from provenance.video import Picture

# Always the same, whoever runs it: an encoder's output depends on its threads.
ENCODER_THREADS = 2
_BLOCK_S = 1
_LEAST_S = 1e-3


def encoding(crf: int) -> EncodeSettings:
    """How pictures are written wherever nothing else is asked for: x264 medium."""
    return EncodeSettings(codec="h264", crf=crf, preset="medium", threads=ENCODER_THREADS)


def original(task: MasterTask) -> Clip:
    """The clip before marking, as much of it as the task says.

    Raises :class:`~provenance.errors.OptionError` for sound that is asked for and not there.
    """
    clip = head(open_clip(task.source.path), seconds=task.seconds, frames=task.frames)
    if find_system(task.system).medium == "video":
        return clip.muted()
    if clip.audio is None:
        raise OptionError(f"{task.source.name} has no sound", hint="give clips with sound")
    return clip


def marked_clip(task: MasterTask) -> Clip:
    """The clip with the mark, as published; made if it is not there yet."""
    system = find_system(task.system)
    if system.medium == "audio":
        path = _samples(task, task.key, marked=True)
        return _with_sound(original(task), path)
    path = _file(task, task.key)
    if not path.exists():
        _write_video(system.mark(original(task), seed=task.seed), path, task.crf)
    return open_clip(path)


def plain_clip(task: MasterTask) -> Clip:
    """The same without the mark."""
    if find_system(task.system).medium == "audio":
        return _with_sound(original(task), _samples(task, task.plain_key, marked=False))
    path = _file(task, task.plain_key)
    if not path.exists():
        _write_video(original(task), path, task.crf)
    return open_clip(path)


def make_master(task: MasterTask) -> Master:
    """Marks the clip and measures it. Raises what reading, marking and writing raise."""
    system = find_system(task.system)
    clip = original(task)
    facts = Master(
        key=task.key,
        clip=task.source.name,
        system=task.system,
        medium=system.medium,
        message_bits=system.message_bits,
        width=clip.video.width,
        height=clip.video.height,
        rate=float(clip.video.rate),
        frames=clip.frames,
        seconds=round(clip.duration_s, 3),
    )
    return _measured_sound(task, facts) if system.medium == "audio" else _measured(task, facts)


def _measured(task: MasterTask, facts: Master) -> Master:
    system, clip = find_system(task.system), original(task)
    watch = _Stopwatch()
    marked = system.mark(clip, seed=task.seed)
    with PictureMeter(clip.video, vmaf=task.vmaf) as meter:

        def compared() -> Iterator[Picture]:
            before, after = clip.pictures(), marked.pictures()
            while True:
                with watch.timed("decode"):
                    one = next(before, None)
                with watch.timed("mark"):
                    other = next(after, None)
                if one is None or other is None:
                    return
                meter.add(one, other)
                yield other

        _write_video(marked.changed(pictures=compared), _file(task, task.key), task.crf)
        quality = meter.result()
    plain_clip(task)
    sizes = [_file(task, key).stat().st_size for key in (task.key, task.plain_key)]
    # Marking reads the clip as well: what that takes is known from the pass beside it.
    spent = watch.seconds["mark"] - watch.seconds["decode"]
    return replace(
        facts,
        frames=meter.frames,
        overhead=round(sizes[0] / sizes[1] - 1, 4),
        marked_per_s=_rate(meter.frames, spent),
        **quality,
    )


def _measured_sound(task: MasterTask, facts: Master) -> Master:
    # Whoever was killed after it left it there: it is timed in any case.
    _file(task, task.key).with_suffix(".npy").unlink(missing_ok=True)
    started = time.perf_counter()
    marked = np.load(_samples(task, task.key, marked=True), mmap_mode="r")
    spent = time.perf_counter() - started
    plain = np.load(_samples(task, task.plain_key, marked=False), mmap_mode="r")
    return replace(
        facts,
        snr_db=snr_db(plain, marked),
        marked_per_s=_rate(facts.seconds, spent),
    )


def _rate(amount: float, seconds: float) -> float | None:
    """None where it took too little to be told from the clock's noise."""
    return round(amount / seconds, 2) if seconds > _LEAST_S else None


class _Stopwatch:
    def __init__(self) -> None:
        self.seconds = {"decode": 0.0, "mark": 0.0}

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start


def _file(task: MasterTask, key: str) -> Path:
    return task.folder / "masters" / f"{key}.mp4"


def _write_video(clip: Clip, path: Path, crf: int) -> None:
    with complete(path) as unfinished:
        encode(clip, unfinished, encoding(crf))


def _samples(task: MasterTask, key: str, *, marked: bool) -> Path:
    """Where the sound lies, as an array (N, channels) float32; written if it is not there yet."""
    path = _file(task, key).with_suffix(".npy")
    if not path.exists():
        clip = original(task)
        if marked:
            clip = find_system(task.system).mark(clip, seed=task.seed)
        blocks = list(clip.sound())
        with complete(path) as unfinished, unfinished.open("wb") as file:
            np.save(file, np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32))
            file.flush()
            os.fsync(file.fileno())
    return path


def _with_sound(clip: Clip, path: Path) -> Clip:
    assert clip.audio is not None
    step = _BLOCK_S * clip.audio.sample_rate

    def sound() -> Iterator[NDArray[np.float32]]:
        samples = np.load(path, mmap_mode="r")
        for start in range(0, len(samples), step):
            yield np.array(samples[start : start + step])

    return clip.changed(sound=sound)

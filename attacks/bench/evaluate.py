"""One task, from its description to its result: what every executor calls."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.base import Desk, restore
from attacks.bench.making import complete
from attacks.bench.mastering import (
    ENCODER_THREADS,
    encoding,
    make_master,
    marked_clip,
    original,
    plain_clip,
)
from attacks.bench.plan import WRONG_KEY, CellTask, MasterTask
from attacks.bench.results import Cell, Master
from attacks.catalog import find_attack, kinds
from attacks.clip import encode, head, open_clip
from attacks.systems.catalog import find_system
from provenance.disk import disk_errors
from provenance.errors import (
    DISK_FULL,
    DiskFull,
    EveryframeError,
    MediaTooShort,
    MediaTooSmall,
    OptionError,
)

if TYPE_CHECKING:
    from attacks.base import Attack, Transform
    from attacks.bench.results import Status
    from attacks.clip import Clip
    from attacks.systems.base import Reading

_THUMBNAIL_WIDTH = 320
_BLOCK = 1 << 16  # bytes: more than a full disk has left
# What is no fault of the attack: it cannot be done to this clip, or with this system.
_SKIPPED = (MediaTooShort, MediaTooSmall, OptionError)


def compute(task: MasterTask | CellTask) -> Master | Cell:
    """The result of ``task``. What goes wrong with a clip, an attack or a system is a result too.

    Raises :class:`~provenance.errors.OutputError` where the disk is full or the run's own folder
    cannot be written: no other task could be done then.
    """
    import cv2

    # As many tasks run at a time as there are processors.
    cv2.setNumThreads(1)
    try:
        return make_master(task) if isinstance(task, MasterTask) else _cell(task)
    except Exception as error:  # noqa: BLE001  (a peer's fault is a finding)
        folder = task.folder if isinstance(task, MasterTask) else task.master.folder
        with disk_errors(folder):
            _check_folder(folder, error)
        status, detail = _why(error)
        return replace(blank(task), status=status, detail=detail)


def blank(task: MasterTask | CellTask) -> Master | Cell:
    """The result of ``task`` before anything is known."""
    return blank_master(task) if isinstance(task, MasterTask) else blank_cell(task)


def blank_master(task: MasterTask) -> Master:
    system = find_system(task.system)
    return Master(
        key=task.key,
        clip=task.source.name,
        system=task.system,
        medium=system.medium,
        message_bits=system.message_bits,
        width=0,
        height=0,
        rate=0.0,
        frames=0,
        seconds=0.0,
    )


def blank_cell(task: CellTask) -> Cell:
    attack = find_attack(task.attack)
    return Cell(
        key=task.key,
        clip=task.master.source.name,
        system=task.master.system,
        arm=task.arm,
        family=attack.family,
        attack=attack.name,
        strength=task.strength,
        unit=attack.unit,
        seed=task.seed,
        params=task.transform,
    )


def _cell(task: CellTask) -> Cell:
    scratch = task.master.folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        return _measure(task, Path(folder))


def _check_folder(folder: Path, error: Exception) -> None:
    """Raises ``error`` if it says that the disk is full, and OSError where nothing can be written
    to ``folder``. Encoders fail at writing for other reasons too, such as a size they do not know.
    """
    if isinstance(error, DiskFull) or getattr(error, "errno", None) in DISK_FULL:
        raise error
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_BLOCK))


def _measure(task: CellTask, folder: Path) -> Cell:
    system, attack = find_system(task.master.system), find_attack(task.attack)
    started = time.perf_counter()
    clip = plain_clip(task.master) if task.arm == "unmarked" else marked_clip(task.master)
    if clip.duration_s < attack.least_s:
        raise MediaTooShort(
            f"{attack.name} needs {attack.least_s:g} s, the clip has {clip.duration_s:.2f} s",
            hint="use more of the clip",
        )
    attacked = attack_clip(
        attack, restore(task.transform, kinds()), clip, _desk(task, folder), task.then_crf
    )
    attacked_at = time.perf_counter()
    seed = task.master.seed + (WRONG_KEY if task.arm == "wrong_key" else 0)
    reading = system.read(attacked, seed=seed)
    read_at = time.perf_counter()
    return replace(
        with_reading(blank_cell(task), reading),
        frames=attacked.frames,
        seconds=round(attacked.duration_s, 3),
        attack_s=round(attacked_at - started, 3),
        read_s=round(read_at - attacked_at, 3),
        thumbnail=_thumbnail(task, attacked) if task.thumbnail else None,
    )


def attack_clip(
    attack: Attack, transform: Transform, clip: Clip, desk: Desk, then_crf: int
) -> Clip:
    """``clip`` after the attack: pictures that it changed are encoded again, sound never is."""
    attacked = transform.apply(clip, desk)
    if attack.hears or attack.encoded or attacked.file is not None:
        return attacked
    return encode(attacked, desk.new_file(".mp4"), encoding(then_crf))


def with_reading(cell: Cell, reading: Reading) -> Cell:
    """``cell`` with what was read. Raises ValueError for what no system may say, from anybody's."""
    if reading.recovered is None:
        raise ValueError("the system does not say whether it recovered the message")
    return replace(
        cell,
        recovered=_claim("recovered", reading.recovered),
        bit_accuracy=_rounded(_measured("bit_accuracy", reading.bit_accuracy, 1)),
        present=_claim("present", reading.present),
        presence_p=_measured("presence_p", reading.presence_p, 1),
        gamma=_rounded(_measured("gamma", reading.gamma)),
        seconds_needed=_rounded(_measured("seconds_needed", reading.seconds_needed)),
        bound=_measured("bound", reading.bound, 1),
    )


def _claim(name: str, value: object) -> bool | None:
    """A truth of numpy's is as good as one of Python's."""
    if value is None or value in (True, False):
        return None if value is None else bool(value)
    raise ValueError(f"the system read {name}={value!r}, which is neither true nor false")


def _measured(name: str, value: float | None, most: float = math.inf) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not (0 <= number <= most and math.isfinite(number)):
        raise ValueError(f"the system read {name}={value!r}")
    return number


def _desk(task: CellTask, folder: Path) -> Desk:
    master = task.master
    stranger = None
    if master.stranger is not None:
        theirs = open_clip(master.stranger.path)
        stranger = head(theirs, seconds=master.seconds, frames=master.frames)
        stranger = stranger.muted()
    ally = find_system(master.system).accomplice(
        original(master), seed=master.seed, stranger=stranger
    )
    return Desk(folder=folder, threads=ENCODER_THREADS, accomplice=ally)


def _thumbnail(task: CellTask, clip: Clip) -> str | None:
    """Name of a picture of the middle of the clip, beside the results."""
    import cv2

    from attacks.clip import frames_of

    middle = clip.duration_s / 2
    frame = None
    for time_s, shown in frames_of(clip):
        frame = shown
        if time_s >= middle:
            break
    if frame is None:
        return None
    height = max(1, round(frame.shape[0] * _THUMBNAIL_WIDTH / frame.shape[1]))
    small = cv2.resize(frame, (_THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_AREA)
    good, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not good:
        return None
    name = f"thumbnails/{task.key}.jpg"
    with complete(task.master.folder / name) as unfinished:
        unfinished.write_bytes(data.tobytes())
    return name


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _why(error: Exception) -> tuple[Status, str]:
    if isinstance(error, EveryframeError):
        status: Status = "skipped" if isinstance(error, _SKIPPED) else "failed"
        return status, f"{error.message} [{error.code}]"
    return "failed", f"{type(error).__name__}: {error}"

"""What an evaluation found: a line of JSON for each thing that was measured.

The file only ever grows, a whole line at a time, each on the disk before the next is begun: whoever
kills the program loses what was being computed and nothing else.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from provenance.disk import disk_errors
from provenance.errors import RunMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Arm = Literal["marked", "unmarked", "wrong_key", "forged"]
Status = Literal["done", "skipped", "failed"]
SCHEMA = "everyframe.bench/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """A clip as a system marked it, before anything happened to it.

    Pictures are compared before encoding. ``overhead``: growth of the encoded file by the mark, as
    a share. ``marked_per_s``: frames (seconds of sound for audio) marked in a second. ``flicker``:
    rms in levels of what the mark changes from one frame to the next beyond what the picture does.
    Decibels of an untouched picture are None.
    """

    key: str
    clip: str
    system: str
    medium: str
    message_bits: int
    width: int
    height: int
    rate: float
    frames: int
    seconds: float
    psnr_db: float | None = None
    worst_block_psnr_db: float | None = None
    flat_rms: float | None = None
    ssim: float | None = None
    ms_ssim: float | None = None
    vmaf: float | None = None
    vmaf_neg: float | None = None
    vmaf_neg_p1: float | None = None
    flicker: float | None = None
    snr_db: float | None = None
    overhead: float | None = None
    marked_per_s: float | None = None
    status: Status = "done"
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One attack on one marked clip, and what a system read from the result.

    ``arm``: *marked*; *unmarked* (the original was attacked and read); *wrong_key* (read under
    another key); *forged* (a clip that its maker never marked: whatever is read from it is a
    success of the forger). ``params``: what was drawn, to replay it. ``status``: *skipped* and
    *failed* say why in ``detail``. The fields from ``recovered`` to ``bound`` are those of
    :class:`~attacks.systems.base.Reading`. ``thumbnail``: a frame after the attack, a file
    beside the results.
    """

    key: str
    clip: str
    system: str
    arm: Arm
    family: str
    attack: str
    strength: float
    unit: str
    seed: int
    params: dict[str, Any] = field(default_factory=dict)
    status: Status = "done"
    detail: str = ""
    recovered: bool | None = None
    bit_accuracy: float | None = None
    present: bool | None = None
    presence_p: float | None = None
    gamma: float | None = None
    seconds_needed: float | None = None
    bound: float | None = None
    frames: int = 0
    seconds: float = 0.0
    attack_s: float = 0.0
    read_s: float = 0.0
    thumbnail: str | None = None


def to_line(item: Master | Cell) -> str:
    """One line of JSON, without the line's end."""
    kind = "master" if isinstance(item, Master) else "cell"
    return json.dumps({"kind": kind, **asdict(item)}, ensure_ascii=False, allow_nan=False)


def from_line(line: str) -> Master | Cell:
    """What :func:`to_line` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise TypeError("not an object")
    kind = values.pop("kind")
    kinds: dict[str, type[Master | Cell]] = {"master": Master, "cell": Cell}
    return kinds[kind](**values)


def read_results(path: Path) -> Iterator[Master | Cell]:
    """What the file holds, in its order; where a key stands twice, both.

    A last line without an end was being written when the program died: it is left out.
    Raises :class:`~provenance.errors.RunMismatch` for a damaged line elsewhere.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield from_line(line.decode())
            except (ValueError, KeyError, TypeError) as error:
                raise RunMismatch(
                    f"{path}, line {number}, is no result of this version",
                    hint="use another folder for a new run, or remove the line",
                ) from error


class ResultLog:
    """Appends results to a file; use it as a context manager.

    Opening cuts off a last line that was not finished.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            self._file = path.open("ab+", buffering=0)
            self._mend()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, items: Iterable[Master | Cell]) -> None:
        """Writes ``items``; they are on the disk when this returns.

        Raises :class:`~provenance.errors.DiskFull` or :class:`~provenance.errors.OutputError`.
        """
        data = b"".join((to_line(item) + "\n").encode("utf-8", "replace") for item in items)
        with disk_errors(self._path):
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())

    def _mend(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        end = data.rfind(b"\n") + 1
        if end != len(data):
            self._file.truncate(end)

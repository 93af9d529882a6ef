"""One attack on one file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.base import Desk, describe, ladder_step, restore
from attacks.catalog import find_attack, kinds
from attacks.clip import encode, open_clip
from provenance.disk import disk_errors
from provenance.errors import (
    DiskFull,
    EveryframeError,
    MediaTooShort,
    OptionError,
    OutputError,
)
from provenance.sealing import check_output
from provenance.video import OUTPUT_SUFFIXES, EncodeSettings, remux

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from attacks.base import Transform
    from attacks.clip import Clip
    from provenance.video import Picture

    PathLike = str | os.PathLike[str]


_CHANGED_CRF, _UNTOUCHED_CRF = 28, 18


def attack(
    source: PathLike,
    output: PathLike,
    name: str,
    *,
    strength: float | None = None,
    seed: int = 0,
    others: Sequence[PathLike] = (),
    crf: int | None = None,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Write ``source`` after the attack ``name`` to ``output``; returns what was drawn.

    ``strength``: None for the attack's default. ``others``: files that the attack needs besides.
    ``crf``: of the x264 that writes changed pictures (default 28, or 18 where only the sound was
    attacked). Sound is kept. ``alive`` is called for every picture and may raise to end it.
    ``output`` appears complete or not at all.

    Raises :class:`~provenance.errors.UnknownName`, :class:`~provenance.errors.MediaTooShort`,
    :class:`~provenance.errors.OptionError`, and what reading and writing raise.
    """
    kind = find_attack(name)
    clip = _open(source, output, alive)
    if clip.duration_s < kind.least_s:
        raise MediaTooShort(
            f"{source} has {clip.duration_s:.2f} s, {name} needs {kind.least_s:g} s",
            hint="use a longer clip",
        )
    transform = kind.draw(ladder_step(kind, strength), np.random.default_rng(seed))
    return _write(clip, Path(output), transform, others, crf)


def replay(
    source: PathLike,
    output: PathLike,
    drawn: Mapping[str, Any],
    *,
    others: Sequence[PathLike] = (),
    crf: int | None = None,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """As :func:`attack`, with what was drawn before: what that returned, or a result's ``params``.

    Raises :class:`~provenance.errors.OptionError` for what no attack has drawn, and what
    :func:`attack` raises.
    """
    transform = restore(drawn, kinds())
    clip = _open(source, output, alive)
    try:
        return _write(clip, Path(output), transform, others, crf)
    except (EveryframeError, OSError):
        raise
    except Exception as error:  # of the right types, and yet what no attack draws
        raise OptionError(
            f"the parameters cannot be applied to {source}: {type(error).__name__}: {error}",
            hint="give all parameters, as ltx-attack and ltx-bench print them",
        ) from error


def _open(source: PathLike, output: PathLike, alive: Callable[[], None]) -> Clip:
    check_output(Path(output), (Path(source),))
    if Path(output).suffix.lower() not in OUTPUT_SUFFIXES:
        raise OptionError(
            f"{output} has no suffix of a container that we write",
            hint=f"use one of {', '.join(OUTPUT_SUFFIXES)}",
        )
    clip = open_clip(Path(source))

    def pictures() -> Iterator[Picture]:
        for picture in clip.pictures():
            alive()
            yield picture

    # Unchanged: it is still what the file holds.
    return clip.watched(pictures)


def _write(
    clip: Clip, output: Path, transform: Transform, others: Sequence[PathLike], crf: int | None
) -> dict[str, Any]:
    from attacks.file_accomplice import FileAccomplice

    ally = FileAccomplice(others=tuple(Path(other) for other in others))
    with (
        disk_errors(output),
        tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.stem[:40]}-") as folder,
    ):
        desk = Desk(folder=Path(folder), accomplice=ally)
        attacked = transform.apply(clip, desk)
        finished = desk.new_file(output.suffix)
        if attacked.file is None:
            usual = _UNTOUCHED_CRF if attacked.pictures is clip.pictures else _CHANGED_CRF
            encode(attacked, finished, EncodeSettings(crf=usual if crf is None else crf))
        elif attacked.file.suffix.lower() == output.suffix.lower() and attacked.file != clip.file:
            finished = attacked.file
        else:
            _rewrap(attacked.file, finished)
        ally.check_all_used()
        finished.replace(output)
    return describe(transform)


def _rewrap(path: Path, target: Path) -> None:
    try:
        remux(path, target)
    except DiskFull:
        raise
    except OutputError as error:
        raise OptionError(
            f"{target.suffix} cannot hold what the attack has made",
            hint=f"write to {path.suffix} or .mkv",
        ) from error

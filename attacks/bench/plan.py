"""The tasks of an evaluation: every one says all that its result depends on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.base import Chain, describe
from attacks.bench.results import SCHEMA
from attacks.catalog import find_attack
from attacks.content_key import code_digest, file_digest, key_of
from attacks.systems.catalog import find_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from attacks.base import Attack, Transform
    from attacks.bench.results import Arm
    from attacks.bench.suite import Suite
    from attacks.systems.base import System

WRONG_KEY = 1_000_003
"""Added to a seed: a key and a message that the clip does not carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A clip under evaluation: ``digest`` is the SHA-256 of its file."""

    name: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all cells of a run have in common.

    ``seconds`` of each clip are used; None: all. ``master_crf``: the x264 quality with which the
    marked clip is written by its maker, and ``then_crf`` that with which an attack that changed
    pictures is written by whoever made it. ``peer_frames``: the most pictures that a system which
    asks for few is shown in a cell. ``vmaf``: measure it, where FFmpeg with libvmaf is installed.
    """

    seconds: float | None
    master_crf: int = 23
    then_crf: int = 28
    peer_frames: int | None = None
    vmaf: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterTask:
    """Mark a clip. ``stranger``: another one, for forgeries, or None. ``folder``: of the run."""

    key: str
    plain_key: str
    source: Source
    stranger: Source | None
    system: str
    seconds: float | None
    frames: int | None
    seed: int
    crf: int
    vmaf: bool
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """Attack a marked clip, and read it. ``transform`` is what was drawn, as JSON values."""

    key: str
    master: MasterTask
    arm: Arm
    attack: str
    strength: float
    seed: int
    transform: dict[str, Any]
    then_crf: int
    thumbnail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Masters come before the cells that need them."""

    masters: tuple[MasterTask, ...]
    cells: tuple[CellTask, ...]


def sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """The clips at ``paths``, each under a name of its own; the same content counts once."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(file_digest(path), path.resolve())
    names = _names(list(found.values()))
    return tuple(
        Source(name=name, path=path, digest=digest)
        for name, (digest, path) in zip(names, found.items(), strict=True)
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Stems, where they tell different ``paths`` apart; else as many last parts as it takes."""
    names, parts = [path.stem for path in paths], 0
    while shared := {name for name, count in Counter(names).items() if count > 1}:
        parts += 1
        names = [
            "/".join(path.parts[-parts:]) if name in shared else name
            for name, path in zip(names, paths, strict=True)
        ]
    return names


def plan(
    suite: Suite,
    clips: Sequence[Source],
    systems: Sequence[str],
    settings: Settings,
    folder: Path,
) -> Plan:
    """All that ``suite`` asks for. Every system meets the same draws, clip for clip; what has
    nothing to draw is done once.

    Raises :class:`~provenance.errors.UnknownName`.
    """
    masters: list[MasterTask] = []
    cells: list[CellTask] = []
    for index, source in enumerate(clips):
        stranger = clips[index - 1] if len(clips) > 1 else None
        for place, name in enumerate(systems):
            system = find_system(name)
            master = _master(source, stranger, name, system, settings, folder)
            masters.append(master)
            for attack, strength, draw in _steps(suite, system):
                shown = index == 0 and place == 0 and draw == 0
                cells += _cells(
                    master, attack, strength, draw, suite, settings, keyed=system.keyed, shown=shown
                )
    return Plan(masters=tuple(masters), cells=tuple({cell.key: cell for cell in cells}.values()))


def _steps(suite: Suite, system: System) -> Iterator[tuple[Attack, float, int]]:
    for name, strengths in suite.entries.items():
        attack = find_attack(name)
        if attack.hears == (system.medium == "audio") or name == "identity":
            for strength in strengths or attack.ladder:
                for draw in range(suite.draws):
                    yield attack, strength, draw


def _master(
    source: Source,
    stranger: Source | None,
    name: str,
    system: System,
    settings: Settings,
    folder: Path,
) -> MasterTask:
    frames = system.frames_most and (settings.peer_frames or system.frames_most)
    pictures: dict[str, Any] = {
        "seconds": settings.seconds,
        "frames": frames,
        "crf": settings.master_crf,
    }
    plain_key = key_of(schema=SCHEMA, medium=system.medium, digest=source.digest, **pictures)
    key = key_of(
        plain=plain_key, system=name, version=system.version, seed=settings.seed, vmaf=settings.vmaf
    )
    return MasterTask(
        key=key,
        plain_key=plain_key,
        source=source,
        stranger=stranger,
        system=name,
        seed=settings.seed,
        vmaf=settings.vmaf,
        folder=folder,
        **pictures,
    )


def _cells(
    master: MasterTask,
    attack: Attack,
    strength: float,
    draw: int,
    suite: Suite,
    settings: Settings,
    *,
    keyed: bool,
    shown: bool,
) -> Iterator[CellTask]:
    rng = np.random.default_rng(
        _number(master.source.digest, attack.name, strength, draw, settings.seed)
    )
    transform = attack.draw(strength, rng)
    arms: list[Arm] = ["forged" if attack.family == "forgery" else "marked"]
    if attack.name in suite.controls and draw == 0:
        arms += ["unmarked", "wrong_key"] if keyed else ["unmarked"]
    for arm in arms:
        causes: dict[str, Any] = {
            "master": master.key,
            "arm": arm,
            "attack": attack.name,
            "strength": strength,
            "transform": describe(transform),
            "code": code_of(transform),
            "then_crf": None if attack.encoded else settings.then_crf,
        }
        if attack.family == "forgery":
            causes["stranger"] = master.stranger and master.stranger.digest
        yield CellTask(
            key=key_of(**causes),
            master=master,
            arm=arm,
            attack=attack.name,
            strength=strength,
            seed=draw,
            transform=describe(transform),
            then_crf=settings.then_crf,
            thumbnail=shown and arm in ("marked", "forged") and not attack.hears,
        )


def code_of(transform: Transform) -> str:
    """Digest of the code of a transform, or of every step of a chain."""
    if isinstance(transform, Chain):
        return key_of(steps=[code_of(step) for step in transform.steps])
    return code_digest(type(transform))


def _number(*causes: object) -> int:
    """A seed that follows from what is drawn for, and not from the order of drawing."""
    return int.from_bytes(hashlib.sha256(repr(causes).encode()).digest()[:8], "big")

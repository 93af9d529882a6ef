"""Tampered files in a folder, each made once: named by the digest of all that it follows from.

The folder also holds the identity and the store with which the originals were stamped, so that a
later run can verify what an earlier one made.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from attacks.content_key import code_digest, file_digest, key_of
from benchmarks.takes import Take, at_rate, joined, read, shot, sound_of, write
from benchmarks.tampering_controls import CONTROLS
from benchmarks.tampering_kinds import PICTURE_KINDS, SOUND_KINDS, Material, Truth
from provenance.watermark.marker import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from provenance.keys import Identity

BYTES_FLIPPED = "bytes_flipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``clip``: what is tampered with. ``other``: what it is replaced by. ``sounds``: one for each,
    where they have none of their own; may be empty.
    """

    clip: Path
    other: Path
    sounds: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """``path``: the file. ``truth``: what was done to it, None for nothing."""

    key: str
    path: Path
    truth: Truth | None


class TamperedFiles:
    """Makes what ``folder`` does not hold yet: ``seconds`` of each clip at no more than ``short``
    pixels on the short side, encoded by x264's ``preset``.
    """

    def __init__(self, folder: Path, *, seconds: float, short: int, preset: str) -> None:
        self._folder, self._seconds, self._short, self._preset = folder, seconds, short, preset
        folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "store.sqlite"
        self.identity: Identity = _identity(folder / "keys")
        self._loaded: tuple[Source, Material, Path] | None = None

    def key(self, source: Source, name: str) -> str:
        """The name under which ``name``, done to ``source``, is kept."""
        code = {
            "stamped": code_digest(ClipMarker),
            "taken": code_digest(shot, write, at_rate, sound_of),
        }
        made = (PICTURE_KINDS | SOUND_KINDS).get(name)
        if made is not None:
            code["made"] = code_digest(made)  # type: ignore[arg-type]
        elif name in CONTROLS:
            change, crf = CONTROLS[name]
            code |= {"made": code_digest(change), "crf": str(crf)}  # type: ignore[arg-type]
        return key_of(
            clips=[file_digest(path) for path in (source.clip, source.other, *source.sounds)],
            name=name,
            seconds=float(self._seconds),
            short=self._short,
            preset=self._preset,
            code=code,
        )

    def file(self, source: Source, name: str) -> Made | None:
        """``name`` done to ``source``; None where it cannot be, for lack of sound."""
        key = self.key(source, name)
        path, said = self._folder / f"{key}.mp4", self._folder / f"{key}.json"
        if not said.exists():
            material, signed = self._material(source)
            has_sound = material.marked.sound is not None and material.other.sound is not None
            if name in SOUND_KINDS and not has_sound:
                return None
            rng = np.random.default_rng(zlib.crc32(f"{source.clip.name} {name}".encode()))
            truth = self._make(name, replace(material, rng=rng), signed, path)
            said.write_text(json.dumps(None if truth is None else asdict(truth)), encoding="utf-8")
        return Made(key=key, path=path, truth=_truth(json.loads(said.read_text(encoding="utf-8"))))

    def _make(self, name: str, material: Material, signed: Path, target: Path) -> Truth | None:
        if name == BYTES_FLIPPED:
            data = bytearray(signed.read_bytes())
            at = data.index(b"mdat") + len(data) // 3
            data[at] ^= 1
            target.write_bytes(data)
            return Truth(kind="binding_broken")
        if name in CONTROLS:
            change, crf = CONTROLS[name]
            if crf is None:
                target.write_bytes(signed.read_bytes())
                return None
            take = change(material.marked)
            if name.startswith("twice"):
                take = read(write(take, target, crf=crf, preset=self._preset))
            write(take, target, crf=crf, preset=self._preset)
            return None
        take, truth = (PICTURE_KINDS | SOUND_KINDS)[name](material)
        write(take, target, preset=self._preset)
        return truth

    def _material(self, source: Source) -> tuple[Material, Path]:
        if self._loaded is not None and self._loaded[0] == source:
            return self._loaded[1:]
        self._loaded = None
        plain = shot(source.clip, seconds=self._seconds, short=self._short)
        other = at_rate(shot(source.other, seconds=99, size=plain.size), plain.rate)
        other = _as_long(other, plain)
        if source.sounds:
            plain, other = (
                replace(take, sound=_or(take, sound))
                for take, sound in zip((plain, other), source.sounds, strict=True)
            )
        elif plain.sound is None:
            other = replace(other, sound=None)
        signed = self._stamped(self.key(source, "signed"), plain)
        other_signed = self._stamped(self.key(source, "other signed"), other)
        material = Material(marked=read(signed), other=other, other_marked=read(other_signed))
        self._loaded = source, material, signed
        return material, signed

    def _stamped(self, key: str, take: Take) -> Path:
        from provenance.stamping import stamp
        from provenance.store import open_store

        target = self._folder / f"{key}.mp4"
        if target.exists():
            return target
        plain = write(take, self._folder / f"{key}-plain.mp4", crf=10, preset="superfast")
        with open_store(self.store) as store:
            stamp(plain, target, model="ltx-2.3", identity=self.identity, store=store)
        plain.unlink()
        return target


def names() -> list[str]:
    """All that can be done to a clip: the kinds of tampering, then the controls."""
    return [*PICTURE_KINDS, *SOUND_KINDS, BYTES_FLIPPED, *CONTROLS]


def sources(clips: Sequence[Path], sounds: Sequence[Path]) -> list[Source]:
    """Each of ``clips`` with the next one, in a ring, as what it is replaced by."""
    return [
        Source(
            clip=clip,
            other=clips[(index + 1) % len(clips)],
            sounds=tuple(sounds[(index + k) % len(sounds)] for k in range(2)) if sounds else (),
        )
        for index, clip in enumerate(clips)
    ]


def _identity(directory: Path) -> Identity:
    from provenance.keys import create_development_identity, load_identity

    if directory.exists():
        return load_identity(directory)
    return create_development_identity(directory, now=datetime.now(UTC))


def _truth(said: dict[str, object] | None) -> Truth | None:
    if said is None:
        return None
    places: list[tuple[float, float, list[int]]] = said["places"]  # type: ignore[assignment]
    cuts: list[float] = said["cuts"]  # type: ignore[assignment]
    return Truth(
        kind=str(said["kind"]),
        places=tuple((start_s, end_s, tuple(box)) for start_s, end_s, box in places),  # type: ignore[misc]
        cuts=tuple(cuts),
    )


def _or(take: Take, sound: Path) -> NDArray[np.float32]:
    return take.sound if take.sound is not None else sound_of(sound, take.seconds)


def _as_long(take: Take, as_this: Take) -> Take:
    while take.seconds < as_this.seconds:
        take = joined(take, take)
    return take.part(0, as_this.seconds)

"""Tampering of twenty-three kinds: mark, tamper, encode again (x264, CRF 23), verify.

Each clip is stamped as ltx-stamp does (marks in pictures and sound, credentials, store), tampered
with, encoded without its credentials, and verified with the store at hand. The same clips, merely
encoded again, resized, cropped and trimmed, must give no finding.

"kind" counts where the right kind was found and, beside what must follow from it, no other.
"overlap" counts findings of regions with an intersection over union of 0.5 or more with the box
around what was changed meanwhile, on average over the time that was changed. "time" counts where
every moment at which the origin of the material changes has a finding that begins or ends within
half a second.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.tables import markdown
from benchmarks.takes import Take, at_rate, joined, read, resized, shot, sound_of, write
from benchmarks.tampering_kinds import (
    BYTES_FLIPPED,
    PICTURE_KINDS,
    SOUND_KINDS,
    Material,
    Truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.tampering_kinds import Box
    from detectors.result import Result, Tampering
    from provenance.keys import Identity

OVERLAP, TIME_S = 0.5, 0.5
# What follows from a change is no second finding: what was added makes the file longer, and sound
# that was cut along with its pictures is cut, too. Where most of the picture is another one, it is
# not the one that was marked.
FOLLOWS = frozenset(
    {"lengthened", "audio_replaced", "audio_shifted", "audio_muted", "watermark_copied"}
)


def _cropped(take: Take) -> Take:
    width, height = take.size
    x, y = 2 * (width // 20), 2 * (height // 20)
    return take.with_frames(lambda _, f: np.ascontiguousarray(f[y : height - y, x : width - x]))


def _smaller(take: Take) -> Take:
    width, height = (2 * round(side / 3) for side in take.size)
    return take.with_frames(lambda _, f: resized(f, width, height))


CONTROLS: dict[str, tuple[Callable[[Take], Take], int]] = {
    "CRF 18": (lambda take: take, 18),
    "CRF 23": (lambda take: take, 23),
    "CRF 26": (lambda take: take, 26),
    "CRF 28": (lambda take: take, 28),
    "CRF 30": (lambda take: take, 30),
    "twice CRF 23": (lambda take: take, 23),
    "resized to 2/3": (_smaller, 23),
    "cropped to 80 %": (_cropped, 23),
    "trimmed": (lambda take: take.part(1.3, take.seconds - 0.5), 23),
    "cropped and trimmed, CRF 28": (lambda take: _cropped(take.part(0.7, take.seconds)), 28),
}


@click.command(
    help=__doc__, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--seconds", default=6.0, help="Use the start of each clip.")
@click.option("--short", default=480, help="Pixels on the short side, at most.")
@click.option(
    "--sound",
    "sounds",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sound for clips that have none, for the kinds that need it; may be repeated.",
)
@click.option("--only", default="", metavar="TEXT", help="Kinds and controls whose names hold it.")
@click.option("--preset", default="veryfast", help="Of x264.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Lines of JSON, one for each file verified; what is there already is not done again.",
)
def main(
    clips: tuple[Path, ...],
    seconds: float,
    short: int,
    sounds: tuple[Path, ...],
    only: str,
    preset: str,
    output: Path | None,
) -> None:
    if len(clips) < 2:
        raise click.UsageError("name at least two clips: one is what the other is replaced by")
    lines = _lines(output)
    with tempfile.TemporaryDirectory() as name:
        studio = _Studio(Path(name), seconds=seconds, short=short, preset=preset)
        for index, clip in enumerate(clips):
            done = {line["name"] for line in lines if line["clip"] == clip.name}
            wanted = [each for each in _names() if only in each and each not in done]
            other = clips[(index + 1) % len(clips)]
            sound = [sounds[(index + k) % len(sounds)] for k in range(2)] if sounds else []
            for line in studio.verified(clip, other, sound, wanted):
                lines.append(line)
                if output is not None:
                    with output.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(line) + "\n")
    click.echo(report(lines))


def _names() -> list[str]:
    return [*PICTURE_KINDS, *SOUND_KINDS, BYTES_FLIPPED, *CONTROLS]


def _lines(output: Path | None) -> list[dict[str, Any]]:
    if output is None or not output.exists():
        return []
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


class _Studio:
    """Stamps, tampers and verifies, all in ``folder``."""

    def __init__(self, folder: Path, *, seconds: float, short: int, preset: str) -> None:
        from provenance.keys import create_development_identity

        self._folder, self._seconds, self._short, self._preset = folder, seconds, short, preset
        self._store = folder / "store.sqlite"
        self._identity: Identity = create_development_identity(
            folder / "keys", now=datetime.now(UTC)
        )

    def verified(
        self, clip: Path, other: Path, sounds: Sequence[Path], wanted: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """A line for each of ``wanted``, kinds and controls, made of ``clip``."""
        if not wanted:
            return
        plain = shot(clip, seconds=self._seconds, short=self._short)
        others = _as_long(at_rate(shot(other, seconds=99, size=plain.size), plain.rate), plain)
        if sounds:
            plain, others = (
                replace(take, sound=_or(take, sound))
                for take, sound in zip((plain, others), sounds, strict=True)
            )
        elif plain.sound is None:
            others = replace(others, sound=None)
        signed, other_signed = self._stamped("one", plain), self._stamped("other", others)
        material = Material(marked=read(signed), other=others, other_marked=read(other_signed))
        has_sound = material.marked.sound is not None and material.other.sound is not None
        for name in wanted:
            if name in SOUND_KINDS and not has_sound:
                continue
            rng = np.random.default_rng(zlib.crc32(f"{clip.name} {name}".encode()))
            file, truth = self._made(name, replace(material, rng=rng), signed)
            result = self._verify(file)
            yield {"clip": clip.name, "name": name, **score(result, truth)}

    def _stamped(self, name: str, take: Take) -> Path:
        from provenance.stamping import stamp
        from provenance.store import open_store

        target = self._folder / f"{name}.mp4"
        target.unlink(missing_ok=True)
        source = write(take, self._folder / f"{name}-plain.mp4", crf=10, preset="superfast")
        with open_store(self._store) as store:
            stamp(source, target, model="ltx-2.3", identity=self._identity, store=store)
        source.unlink()
        return target

    def _made(self, name: str, material: Material, signed: Path) -> tuple[Path, Truth | None]:
        target = self._folder / "made.mp4"
        if name == BYTES_FLIPPED:
            data = bytearray(signed.read_bytes())
            at = data.index(b"mdat") + len(data) // 3
            data[at] ^= 1
            target.write_bytes(data)
            return target, Truth(kind="binding_broken")
        if name in CONTROLS:
            change, crf = CONTROLS[name]
            take = change(material.marked)
            if name.startswith("twice"):
                take = read(write(take, target, crf=crf, preset=self._preset))
            return write(take, target, crf=crf, preset=self._preset), None
        take, truth = (PICTURE_KINDS | SOUND_KINDS)[name](material)
        return write(take, target, preset=self._preset), truth

    def _verify(self, file: Path) -> Result:
        from detectors import verify

        return verify(file, keys=self._identity.directory, store=self._store)


def _or(take: Take, sound: Path) -> Any:
    return take.sound if take.sound is not None else sound_of(sound, take.seconds)


def _as_long(take: Take, as_this: Take) -> Take:
    while take.seconds < as_this.seconds:
        take = joined(take, take)
    return take.part(0, as_this.seconds)


def score(result: Result, truth: Truth | None) -> dict[str, Any]:
    """What was found beside what was done; ``truth`` None: nothing was."""
    found = [
        [sign.kind, sign.start_s, sign.end_s, sign.region, sign.confidence]
        for sign in result.tampering
    ]
    line: dict[str, Any] = {"found": found, "tampered": result.tampered}
    line["read"] = result.mark.content_id is not None
    if truth is None:
        return line | {"clean": not found}
    kinds = {sign.kind for sign in result.tampering}
    line["kind"] = truth.kind in kinds and kinds <= FOLLOWS | {truth.kind}
    line["named"] = truth.kind in kinds
    if truth.places:
        line["overlap"] = overlap(result.tampering, truth)
    if truth.cuts:
        line["error_s"] = [near(result.tampering, cut) for cut in truth.cuts]
    return line


def overlap(signs: Sequence[Tampering], truth: Truth) -> float:
    """Mean over the time that was changed of the intersection over union of what was found then.

    What was found is the box around all regions at that time; what was done, the box around all
    that was changed while they last.
    """
    start_s, end_s = truth.places[0][0], truth.places[-1][1]
    told = []
    for time in np.arange(start_s + 0.05, end_s - 0.05, 0.1).tolist():
        now = [
            (sign.start_s, sign.end_s, sign.region)
            for sign in signs
            if sign.region is not None and sign.start_s is not None and sign.end_s is not None
            if sign.start_s <= time < sign.end_s
        ]
        if not now:
            told.append(0.0)
            continue
        first, last = max(s for s, _, _ in now), min(e for _, e, _ in now)
        done = _around([box for s, e, box in truth.places if s < last and e > first])
        told.append(_iou(_around([box for _, _, box in now]), done))
    return float(np.mean(told))


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return left, top, right - left, bottom - top


def _iou(one: Box, other: Box) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def near(signs: Sequence[Tampering], cut_s: float) -> float:
    """Seconds from ``cut_s`` to the next beginning or end of a finding; 99 without one."""
    times = [t for sign in signs for t in (sign.start_s, sign.end_s) if t is not None]
    return round(min((abs(t - cut_s) for t in times), default=99.0), 2)


def report(lines: Sequence[dict[str, Any]]) -> str:
    """Tables by kind and by control, with the sums."""
    names = [name for name in _names() if any(line["name"] == name for line in lines)]
    done = {name: [line for line in lines if line["name"] == name] for name in names}
    rows = [
        [name, str(len(done[name])), *(_share(each) for each in _told(done[name]))]
        for name in names
        if name not in CONTROLS
    ]
    changed = [line for line in lines if "clean" not in line]
    if changed:
        rows.append(["all", str(len(changed)), *(_share(each) for each in _told(changed))])
    text = markdown(["tampering", "clips", "kind", "named", "overlap", "time"], rows)
    controls = [
        [name, str(len(done[name])), _share([line["clean"] for line in done[name]])]
        for name in names
        if name in CONTROLS
    ]
    clean = [line["clean"] for line in lines if "clean" in line]
    if clean:
        controls.append(["all", str(len(clean)), _share(clean)])
    return text + "\n\n" + markdown(["no tampering", "clips", "no finding"], controls)


def _told(lines: Sequence[dict[str, Any]]) -> list[list[bool]]:
    return [
        [line["kind"] for line in lines],
        [line["named"] for line in lines],
        [line["overlap"] >= OVERLAP for line in lines if "overlap" in line],
        [max(line["error_s"]) <= TIME_S for line in lines if "error_s" in line],
    ]


def _share(told: Sequence[bool]) -> str:
    return f"{100 * sum(told) / len(told):.1f} %" if told else "-"


if __name__ == "__main__":
    main()

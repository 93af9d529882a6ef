"""A folder of anything: ``python -m benchmarks.mixed_files --files 1000``.

Marked and unmarked clips, truncated, damaged and hostile files, playlists, archives, text, pictures
that claim to be huge, links that lead to themselves and names that lead nowhere. ``ltx-verify`` is
killed on the way (SIGKILL) and resumed. Every file must have exactly one result, what was answered
before the kill must stay as it was, nobody may be called over the network, and memory must not
grow with the number of files.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.service_hostile import Canary, hostile
from provenance.clip import VideoSpec
from provenance.keys import ensure_identity
from provenance.programs import run_program
from provenance.stamping import stamp
from provenance.store import open_store
from provenance.video import EncodeSettings, MediaWriter, picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = EncodeSettings(preset="veryfast", crf=18, threads=1)
_SAMPLE_S = 1.0
_ENDED_S = 30.0
# Of each ten files: what a folder of uploads holds, with more that means harm.
_TEN = ("marked", "unmarked", "hostile", "odd", "hostile", "marked", "odd", "hostile", "cut", "odd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One run of the command: how it ended, and (seconds, bytes) of memory, summed over processes.

    ``left``: processes of it that were there ``_ENDED_S`` after its end.
    """

    code: int
    seconds: float
    memory: list[tuple[float, int]] = field(default_factory=list)
    left: int = 0


def draw(path: Path, seed: int, *, width: int = 256, height: int = 192, frames: int = 24) -> Path:
    """A small moving clip."""
    rng = np.random.default_rng(seed)
    scene = rng.normal(0, 9, (height, 2 * width, 3)) + rng.uniform(80, 160, 3)
    scene += 40 * np.sin(np.arange(2 * width) / rng.uniform(9, 30))[None, :, None]
    spec = VideoSpec(width=width, height=height, rate=24)
    with MediaWriter(path, video=spec, settings=QUICK) as writer:
        for index in range(frames):
            frame = np.clip(scene[:, 2 * index :][:, :width], 0, 255).astype(np.uint8)
            writer.write(picture_from_rgb(frame, time=index / spec.rate, spec=spec))
    return path


def make(folder: Path, count: int, rng: random.Random, canary: int) -> dict[str, str]:
    """``count`` files in ``folder``: path → kind. Names that lead nowhere are among them."""
    clips, marked = folder.parent / "clips", []
    clips.mkdir()
    identity, _ = ensure_identity(clips / "keys", now=datetime.now(UTC))
    plain = [draw(clips / f"{seed}.mp4", seed) for seed in range(2)]
    for clip in plain:
        made = clip.with_suffix(".marked.mp4")
        with open_store(clips / "store.sqlite") as store:
            stamp(clip, made, model="ltx-2.3", identity=identity, store=store, settings=QUICK)
        marked.append(made.read_bytes())
    unmarked = [clip.read_bytes() for clip in plain]
    harm = hostile(marked[0], count, rng, canary, plain[0])
    odd = cycle(_ODD)
    kinds = {}
    for index in range(count):
        kind = _TEN[index % len(_TEN)]
        path = folder / f"{index % 7}" / f"{index:05}.mp4"
        path.parent.mkdir(exist_ok=True)
        if kind == "hostile":
            path.write_bytes(next(harm))
        elif kind == "odd":
            kind = next(odd)
            _make_odd(kind, path, rng)
        else:
            source = rng.choice(unmarked if kind == "unmarked" else marked)
            data = source + _unlike(rng)
            path.write_bytes(data[: rng.randrange(40, len(source))] if kind == "cut" else data)
        kinds[str(path)] = kind
    # Not followed: else there would be no end of files.
    (folder / "0" / "loop").symlink_to(folder)
    return kinds


_ODD = ("text", "empty", "archive", "huge", "link_to_itself", "gone", "noise", "zeros")


def _make_odd(kind: str, path: Path, rng: random.Random) -> None:
    if kind == "link_to_itself":
        path.symlink_to(path)
    elif kind != "gone":
        path.write_bytes(_odd(kind, rng))


def _odd(kind: str, rng: random.Random) -> bytes:
    if kind == "text":
        return b"Dear diary, today I shot no film.\n" * rng.randrange(9, 99)
    if kind == "archive":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("clip.mp4", bytes(1 << 24))
        return packed.getvalue()
    if kind == "huge":
        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + rng.randbytes(99)
    return {"empty": b"", "zeros": bytes(1 << 16)}.get(kind, rng.randbytes(1 << 14))


def _unlike(rng: random.Random) -> bytes:
    """A free box: no two files have the same content."""
    return struct.pack(">I4s", 24, b"free") + rng.randbytes(16)


def leg(command: list[str], results: Path, kill_at: int | None) -> Leg:
    """Runs ``command`` to its end, or until ``results`` has ``kill_at`` lines, and kills it."""
    start = time.monotonic()
    memory, family = [], set()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 our own command
        while process.poll() is None:
            sizes = dict(_sizes(process.pid))
            family |= sizes.keys()
            memory.append((time.monotonic() - start, sum(sizes.values())))
            if kill_at is not None and lines(results) >= kill_at:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(_SAMPLE_S)
        code = process.wait()
    seconds, until = time.monotonic() - start, time.monotonic() + _ENDED_S
    while (left := sum(_runs(pid) for pid in family)) and time.monotonic() < until:
        time.sleep(0.2)
    return Leg(code=code, seconds=seconds, memory=memory, left=left)


def answered(results: Path) -> list[bytes]:
    """The lines that count: those that the journal beside them knows.

    A program that is killed after a line and before its entry answers once more.
    """
    journal = results.with_name(f"{results.name}.journal")
    whole = [line for line in journal.read_bytes().splitlines(keepends=True) if b"\n" in line]
    known = {json.loads(line)["line"] for line in whole}
    found = results.read_bytes().splitlines(keepends=True)
    return [line for line in found if hashlib.sha256(line).hexdigest() in known]


def lines(path: Path) -> int:
    """Whole lines in a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _sizes(root: int) -> Iterator[tuple[int, int]]:
    """(process id, resident bytes) of ``root`` and all that come from it (proc(5))."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(words[1]), int(words[21]) * os.sysconf("SC_PAGE_SIZE"))
    family = {root}
    while more := {pid for pid, (parent, _) in parents.items() if parent in family} - family:
        family |= more
    yield from ((pid, parents[pid][1]) for pid in family if pid in parents)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def tenths(memory: list[tuple[float, int]]) -> list[int]:
    """The most memory in each tenth of the time, in MB."""
    end = memory[-1][0] or 1.0
    most = [0] * 10
    for second, size in memory:
        place = min(int(10 * second / end), 9)
        most[place] = max(most[place], size >> 20)
    return most


def measure(
    folder: Path, *, count: int, jobs: int, kill_at: float, seed: int, options: list[str]
) -> dict[str, Any]:
    """Makes the files under ``folder`` and scans them: what became of them, as a report."""
    canary, files = Canary(), folder / "files"
    files.mkdir()
    kinds = make(files, count, random.Random(seed), canary.port)  # noqa: S311 no secret
    (folder / "gone").write_text("".join(f"{path}\n" for path, k in kinds.items() if k == "gone"))
    results = folder / "results.jsonl"
    command = [sys.executable, "-m", "detectors.cli", str(files), "--files-from"]
    command += [str(folder / "gone"), "--jobs", str(jobs), "--resume", "--format", "jsonl"]
    command += ["-o", str(results), "--keys", str(folder / "clips" / "keys"), "--quiet", *options]
    first = leg(command, results, max(1, round(kill_at * count)))
    before = answered(results)
    second = leg(command, results, None)
    third = leg(command, results, None)
    after = results.read_bytes().splitlines(keepends=True)
    records = [json.loads(line) for line in after]
    answers = Counter(record["file"]["path"] for record in records)
    verdicts = Counter(f"{kinds.get(r['file']['path'], '?')}: {r['verdict']}" for r in records)
    return {
        "files": count,
        "answered_once": sum(answers[path] == 1 for path in kinds),
        "answered_beside": len(answers.keys() - kinds.keys()),
        "results_before_the_kill": len(before),
        "of_these_lost_or_changed": len(set(before) - set(after)),
        "processes_left_by_the_kill": first.left,
        "exit_codes": [first.code, second.code, third.code],
        "seconds": [round(one.seconds, 1) for one in (first, second, third)],
        "files_per_second": round(count / (first.seconds + second.seconds), 2),
        "memory_mb_by_tenths": [tenths(one.memory) for one in (first, second)],
        "verdicts": dict(sorted(verdicts.items())),
        "errors": dict(Counter((r["error"] or {}).get("code", "none") for r in records)),
        "network_calls": canary.calls,
    }


def faults(report: dict[str, Any]) -> list[str]:
    """What of a report must not be."""
    wrong = [name for name in _NEVER if report[name]]
    if report["answered_once"] != report["files"]:
        wrong.append("answered_once")
    kinds = {name.partition(":")[0] for name in report["verdicts"]}
    wrong += [f"marked: {n}" for n in report["verdicts"] if _is_wrong(n)]
    return wrong if kinds else [*wrong, "verdicts"]


_NEVER = (
    "answered_beside",
    "of_these_lost_or_changed",
    "processes_left_by_the_kill",
    "network_calls",
)


def _is_wrong(name: str) -> bool:
    kind, _, verdict = name.partition(": ")
    good = {"marked": "ai_generated", "unmarked": "no_evidence", "cut": verdict, "hostile": verdict}
    return verdict != good.get(kind, "unreadable")


@click.command()
@click.option("--files", type=int, default=1000, show_default=True)
@click.option("--jobs", type=int, default=2, show_default=True)
@click.option("--kill-at", type=float, default=0.4, show_default=True, help="Part that is done.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--option", "options", multiple=True, help="One more word for ltx-verify.")
def main(files: int, jobs: int, kill_at: float, seed: int, options: tuple[str, ...]) -> None:
    """Scan mixed files, with a kill on the way; say what became of them, and of memory."""
    with tempfile.TemporaryDirectory() as name:
        report = measure(
            Path(name), count=files, jobs=jobs, kill_at=kill_at, seed=seed, options=list(options)
        )
    click.echo(json.dumps(report, indent=2))
    sys.exit(bool(faults(report)))


if __name__ == "__main__":
    run_program(main)

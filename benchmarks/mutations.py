"""Thousands of mutations of signed files: no crash, no hang, no request, nothing else opened.

Small files of several containers are drawn and signed (or given), changed in one of many ways
(bits, lengths, cuts, swaps, repeats, addresses of a canary server written into the manifest), and
their credentials read, in a process of its own. A signal or an exception there is a crash; no
answer in time is a hang. Where strace is installed, it notes every file that the process opens and
every socket that it makes, in the library's native code too; without it, Python's audit hooks see
Python's own. Any connection to the canary counts as well.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.mutants import mutate, signed_samples
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, END = "/everyframe-mutations-begin", "/everyframe-mutations-end"
_CALL = re.compile(r"(open|openat|openat2|socket|connect|sendto|execve)\((.*)")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came out: states by name, and the mutants (number, why) that broke a promise."""

    states: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    crashes: list[tuple[int, str]] = field(default_factory=list)
    hangs: list[int] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    requests: int = 0
    slowest_s: float = 0.0

    @property
    def broken(self) -> bool:
        return bool(self.crashes or self.hangs or self.touched or self.requests)


def run(samples: list[Path], *, count: int, seed: int, timeout_s: float, trace: bool) -> Tally:
    """Reads ``count`` mutants of ``samples``; the same seed makes the same mutants."""
    tally = Tally()
    with (
        tempfile.TemporaryDirectory() as name,
        socket.create_server(("127.0.0.1", 0), backlog=64) as canary,
    ):
        canary.setblocking(False)
        port = canary.getsockname()[1]
        start = 0
        while start < count:
            start = _batch(
                samples, Path(name), start, count, seed, port, timeout_s, tally, trace=trace
            )
        tally.requests = _calls(canary)
    return tally


def _batch(
    samples: list[Path],
    folder: Path,
    start: int,
    count: int,
    seed: int,
    port: int,
    timeout_s: float,
    tally: Tally,
    *,
    trace: bool,
) -> int:
    """One child, until it is done or dies; gives the number to go on with."""
    log = folder / "trace"
    mutant = folder / "mutant"
    command = [sys.executable, "-m", "benchmarks.mutations", "--child"]
    command += [f"{start}:{count}:{seed}:{port}", str(mutant), *map(str, samples)]
    if trace:
        watch = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-o", str(log)]
        command = [*watch, "-e", "trace=open,openat,openat2,socket,connect,execve", *command]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as child:  # noqa: S603 ourselves
        assert child.stdout is not None
        assert child.stderr is not None
        number = start
        for line in _lines(child, timeout_s):
            if line is None:
                tally.hangs.append(number)
                child.kill()
                return number + 1
            answer = json.loads(line)
            number = answer["number"] + 1
            tally.states[answer["state"]] += 1
            tally.ways[answer["way"]] += 1
            tally.touched += answer["touched"]
            tally.slowest_s = max(tally.slowest_s, answer["seconds"])
        child.wait()
        if child.returncode != 0:
            said = child.stderr.read().decode(errors="replace").strip()[-300:]
            tally.crashes.append((number, f"exit {child.returncode}: {said}"))
            number += 1
        if trace:
            tally.touched += _foreign(log, mutant)
        return number


def _lines(child: subprocess.Popen[bytes], timeout_s: float) -> Iterator[bytes | None]:
    """Lines of the child's output; None when none came in time."""
    assert child.stdout is not None
    rest = b""
    while True:
        # The first takes imports, too.
        ready, _, _ = select.select([child.stdout], [], [], timeout_s + 60 * (not rest))
        if not ready:
            yield None
            return
        block = os.read(child.stdout.fileno(), 1 << 16)
        if not block:
            return
        *lines, rest = (rest + block).split(b"\n")
        yield from lines


def _foreign(log: Path, mutant: Path) -> list[str]:
    """Calls between the two marks in a trace that are about anything but the mutant."""
    found, watching = [], False
    for line in log.read_text(errors="replace").splitlines():
        if BEGIN in line or END in line:
            watching = BEGIN in line
            continue
        call = _CALL.search(line)
        if not watching or call is None:
            continue
        path = _PATH.search(call[2])
        opened = call[1].startswith("open") and path is not None
        if not (opened and path is not None and path[1] == str(mutant)):
            found.append(line[:200])
    return found


def _calls(canary: socket.socket) -> int:
    calls = 0
    while True:
        try:
            canary.accept()[0].close()
        except BlockingIOError:
            return calls
        calls += 1


def _child(job: str, mutant: Path, samples: list[Path]) -> None:
    from provenance.manifest import read_manifest
    from provenance.trust import TrustSettings

    start, count, seed, port = map(int, job.split(":"))
    originals = [sample.read_bytes() for sample in samples]
    trust = TrustSettings().with_anchor(
        (samples[0].parent / "anchor.pem").read_bytes()
        if (samples[0].parent / "anchor.pem").exists()
        else None
    )
    touched: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]) != str(mutant) and isinstance(arguments[0], str):
            touched.append(f"open {arguments[0]}")
        elif event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.exec"}:
            touched.append(f"{event} {arguments!r}"[:200])

    for original in originals:  # whatever the library loads on first use is loaded now
        mutant.write_bytes(original)
        read_manifest(mutant, trust)
    sys.addaudithook(hook)
    for number in range(start, count):
        rng = random.Random(f"{seed}:{number}")  # noqa: S311 to be repeated, not to be secret
        way, data = mutate(originals, rng, port=port)
        mutant.write_bytes(data)
        _mark(BEGIN)
        begun = time.perf_counter()
        report = read_manifest(mutant, trust)
        seconds = time.perf_counter() - begun
        _mark(END)
        answer = {
            "number": number,
            "way": way,
            "state": report.state or ("absent" if not report.present else "unchecked"),
            "seconds": round(seconds, 4),
            "touched": [one for one in touched if BEGIN not in one and END not in one],
        }
        touched.clear()
        print(json.dumps(answer), flush=True)  # noqa: T201 the parent reads it


def _mark(name: str) -> None:
    """A call that the trace shows, of a file that is not there."""
    with suppress(FileNotFoundError):
        os.close(os.open(name, os.O_RDONLY))


@click.command(help=__doc__)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--count", default=10_000, show_default=True, help="Mutants to read.")
@click.option("--seed", default=1, show_default=True)
@click.option("--timeout", default=20.0, show_default=True, help="Seconds that are a hang.")
@click.option("--trace/--no-trace", default=None, help="[default: where strace is installed]")
@click.option("--child", hidden=True)
def main(
    files: tuple[Path, ...],
    count: int,
    seed: int,
    timeout: float,
    trace: bool | None,
    child: str | None,
) -> None:
    if child is not None:
        mutant, *samples = files
        _child(child, mutant, samples)
        return
    watched = shutil.which("strace") is not None if trace is None else trace
    with tempfile.TemporaryDirectory() as name:
        samples = list(files) or signed_samples(Path(name), now=datetime.now(UTC))
        begun = time.perf_counter()
        tally = run(samples, count=count, seed=seed, timeout_s=timeout, trace=watched)
        seconds = time.perf_counter() - begun
    names = ", ".join(sample.name for sample in samples)
    click.echo(f"{sum(tally.states.values())} mutants of {names} in {seconds:.0f} s")
    click.echo(f"watched: {'every system call (strace)' if watched else 'Python only'}")
    for title, counts in (("states", tally.states), ("ways", tally.ways)):
        click.echo(f"{title}: " + ", ".join(f"{k} {v}" for k, v in counts.most_common()))
    click.echo(f"slowest: {tally.slowest_s:.3f} s")
    click.echo(f"crashes: {len(tally.crashes)}, hangs: {len(tally.hangs)}")
    click.echo(f"requests: {tally.requests}, other files or sockets: {len(tally.touched)}")
    for broken in (*tally.crashes[:5], *tally.hangs[:5], *tally.touched[:20]):
        click.echo(f"  {broken}")
    sys.exit(int(tally.broken))


if __name__ == "__main__":
    run_program(main)

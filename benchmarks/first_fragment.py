"""How soon a stream can be seen, and how fast it goes on: ``python -m benchmarks.first_fragment``.

Three ways, each of which marks, encodes, sends and signs: in this process with open weights; by
``helios-generate --stream`` from nothing (loading included); and over HTTP from a server of its
own, where the first request opens the weights and the second one finds them open. A stream can be
seen when its first fragment, ``moof`` and ``mdat``, is whole.

Without --model the weights have the size of the preset ``helios-1.0-small`` and are random: the
time is real, and the pictures are noise, which is harder to encode than any footage.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, running
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterable

PRESET = "helios-1.0-small"
PROMPT = "a red ball bounces"


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """A sink that notes when fragments are whole, in seconds after ``started``."""

    started: float
    fragments_s: list[float] = field(default_factory=list)
    first_byte_s: float | None = None
    bytes: int = 0
    _open: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes, /) -> None:
        now = time.perf_counter() - self.started
        if self.first_byte_s is None:
            self.first_byte_s = now
        self.bytes += len(data)
        self._open += data
        while len(self._open) >= 8:
            size = int.from_bytes(self._open[:4], "big")
            if len(self._open) < size:
                return
            if self._open[4:8] == b"mdat":
                self.fragments_s.append(now)
            del self._open[:size]

    def told(self, frames: int, *, rate: float) -> dict[str, Any]:
        """Steady: what came after the first fragment, without the ending."""
        first, last = self.fragments_s[0], self.fragments_s[-2]
        share = (len(self.fragments_s) - 2) / (len(self.fragments_s) - 1)
        steady = frames * share / (last - first)
        return {
            "first_byte_s": round(self.first_byte_s or 0.0, 3),
            "first_fragment_s": round(first, 3),
            "last_fragment_s": round(self.fragments_s[-1], 3),
            "longest_gap_s": round(
                max(b - a for a, b in zip(self.fragments_s, self.fragments_s[1:], strict=False)), 3
            ),
            "steady_frames_per_s": round(steady, 1),
            "times_real_time": round(steady / rate, 2),
            "megabits_per_s": round(self.bytes * 8e-6 * rate / frames, 2),
        }


def untrained(folder: Path) -> Path:
    """A folder of random weights of the preset's size, with the codec that comes with us."""
    import torch

    from generators.bundle import DESCRIPTION, write_bundle
    from generators.causal_dit import CausalDiT
    from generators.presets import config_as_json, streaming_preset
    from generators.weight_file import save_packed

    config = streaming_preset(PRESET)
    random = torch.Generator().manual_seed(0)
    model = CausalDiT(config)
    model.initialise(random)
    with torch.no_grad():
        for weight in model.parameters():
            if not weight.any():  # gates that training opens
                weight.normal_(0, 0.02, generator=random)
    save_packed(folder / "dit.safetensors", model)
    codec = folder / "video_codec.safetensors"
    codec.write_bytes(
        (resources.files("generators") / "weights" / "video_codec.safetensors").read_bytes()
    )
    write_bundle(
        folder / DESCRIPTION,
        model="helios-1.0",
        about="random weights, for measuring",
        trained=False,
        size=config_as_json(config),
        vocabulary=frozenset(PROMPT.split()),
        files={"dit": folder / "dit.safetensors", "video_codec": codec},
    )
    return folder


@click.command(help=__doc__)
@click.option("--model", type=click.Path(exists=True, file_okay=False), help="A folder of weights.")
@click.option("--resolution", default="480x272", show_default=True)
@click.option("--fps", default="24", show_default=True)
@click.option("--seconds", default=6.0, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--way", "ways", multiple=True, type=click.Choice(["here", "command", "http"]))
def main(
    model: str | None,
    resolution: str,
    fps: str,
    seconds: float,
    device: str,
    ways: tuple[str, ...],
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        weights = model
        if weights is None:
            (folder / "weights").mkdir()
            weights = str(untrained(folder / "weights"))
        wish = {"resolution": resolution, "fps": fps, "duration": seconds}
        frames = round(seconds * float(fps))
        found: dict[str, Any] = {}
        for way in ways or ("here", "command", "http"):
            run = {"here": _here, "command": _command, "http": _http}[way]
            for name, arrivals in run(folder, weights, wish, device):
                found[name] = arrivals.told(frames, rate=float(fps))
                click.echo(name, err=True)
        facts = {"resolution": resolution, "fps": fps, "seconds": seconds, "device": device}
        click.echo(json.dumps(facts | {"cores": os.cpu_count(), "ways": found}, indent=2))


def _here(
    folder: Path, weights: str, wish: dict[str, Any], device: str
) -> Iterable[tuple[str, Arrivals]]:
    from datetime import UTC, datetime

    from generators.base import Watch
    from generators.generation import make_request, open_streaming, write
    from provenance.keys import ensure_identity
    from provenance.store import open_store

    identity, _ = ensure_identity(folder / "keys", now=datetime.now(UTC))
    generator = open_streaming(weights, device)
    request = make_request(
        PROMPT, **wish, audio=False, style=None, images=(), sound=None, seed=0, live=True
    )
    with open_store(folder / "store.sqlite") as store:
        for name in ("here, first time", "here"):  # the first one warms up
            arrivals = Arrivals(started=time.perf_counter())
            write(
                generator, request, folder / f"{name}.mp4", identity=identity, store=store,
                stream=arrivals, watch=Watch(),
            )  # fmt: skip
            yield name, arrivals


def _command(
    folder: Path, weights: str, wish: dict[str, Any], device: str
) -> Iterable[tuple[str, Arrivals]]:
    code = "from generators.helios_cli import main; main()"
    arrivals = Arrivals(started=time.perf_counter())
    options = [f"--{name}={value}" for name, value in wish.items()]
    with subprocess.Popen(  # noqa: S603 our own command
        [sys.executable, "-c", code, "--model", weights, "--prompt", PROMPT, "--device", device,
         "--stream", "-", "--quiet", "--output", str(folder / "command.mp4"), *options,
         "--keys", str(folder / "keys"), "--store", str(folder / "store.sqlite")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while block := os.read(process.stdout.fileno(), 1 << 16):
            arrivals.write(block)
    if process.returncode:
        raise click.ClickException("helios-generate failed")
    yield "helios-generate, from nothing", arrivals


def _http(
    folder: Path, weights: str, wish: dict[str, Any], device: str
) -> Iterable[tuple[str, Arrivals]]:
    options = ["--generator-bundle", weights, "--generator-device", device, "--workers", "0"]
    options += ["--keys", str(folder / "keys"), "--store", str(folder / "served.sqlite")]
    with running(ServiceProcess(folder / "service", *options, port=free_port())) as service:
        for seed, name in enumerate(("HTTP, first request", "HTTP")):
            arrivals = Arrivals(started=time.perf_counter())
            body = {"prompt": PROMPT, "model": "helios-1.0", "seed": seed} | wish
            body["fps"] = float(wish["fps"])
            headers = {"Authorization": f"Bearer {service.key}"}
            with httpx.stream(
                "POST", f"{service.url}/v1/stream", json=body, headers=headers, timeout=600
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise click.ClickException(answer.read().decode())
                for block in answer.iter_raw():
                    arrivals.write(block)
            yield name, arrivals


if __name__ == "__main__":
    run_program(main)

"""Files that mean harm: ``python -m benchmarks.service_hostile CLIP --files 500``.

Mutations of CLIP, playlists that name other files and addresses, truncations, bombs of boxes. None
may reach another upload, a file of the system or the network; none may pass because it broke
something; and the service must answer afterwards as before.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, running
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 3600.0


class Canary:
    """A server that nobody should call; ``calls`` counts who did."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.calls = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            self.calls += 1
            connection.close()


def hostile(
    clip: bytes, count: int, rng: random.Random, canary: int, secret: Path
) -> Iterator[bytes]:
    """``count`` files, of each kind in turn."""
    kinds = (_flipped, _cut, _spliced, _grown, _nested, _concat, _playlist, _renamed, _remote)
    for index in range(count):
        yield kinds[index % len(kinds)](
            bytearray(clip), rng, f"http://127.0.0.1:{canary}/x", secret
        )


def _flipped(clip: bytearray, rng: random.Random, *_: Any) -> bytes:
    for _number in range(rng.choice([1, 10, 100])):
        clip[rng.randrange(len(clip))] = rng.randrange(256)
    return bytes(clip)


def _cut(clip: bytearray, rng: random.Random, *_: Any) -> bytes:
    return bytes(clip[: rng.randrange(32, len(clip))])


def _spliced(clip: bytearray, rng: random.Random, *_: Any) -> bytes:
    start, length = rng.randrange(len(clip)), rng.randrange(1, 4096)
    return bytes(clip[:start] + rng.randbytes(length) + clip[start + length :])


def _grown(clip: bytearray, rng: random.Random, *_: Any) -> bytes:
    """Sizes and counts in the index, as large as they can be."""
    at = clip.find(b"moov")
    for _number in range(3):
        where = rng.randrange(max(at, 0), len(clip) - 4)
        clip[where : where + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)])
    return bytes(clip)


def _nested(clip: bytearray, rng: random.Random, *_: Any) -> bytes:
    """Boxes in boxes in boxes."""
    inner = b""
    for _number in range(rng.choice([100, 2000])):
        inner = struct.pack(">I4s", 8 + len(inner), rng.choice([b"moov", b"trak", b"udta"])) + inner
    return bytes(clip[:32]) + inner + bytes(clip[32:])


def _concat(_clip: bytearray, _rng: random.Random, address: str, secret: Path) -> bytes:
    return f"ffconcat version 1.0\nfile {secret}\nfile {address}\n".encode()


def _playlist(_clip: bytearray, _rng: random.Random, address: str, secret: Path) -> bytes:
    return f"#EXTM3U\n#EXTINF:3,\n{address}\n#EXTINF:3,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()


def _renamed(clip: bytearray, _rng: random.Random, address: str, secret: Path) -> bytes:
    """A playlist behind the first bytes of a video: past our own look at them."""
    return bytes(clip[:24]) + _concat(clip, _rng, address, secret)


def _remote(clip: bytearray, _rng: random.Random, address: str, _secret: Path) -> bytes:
    """A data reference and an XMP packet that name an address."""
    link = struct.pack(">I4sI", 13 + len(address), b"url ", 0) + address.encode() + b"\0"
    text = f'<x:xmpmeta><rdf:RDF><rdf:Description dcterms:provenance="{address}"/>'
    identifier = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    xmp = identifier + text.encode()
    return bytes(clip) + link + struct.pack(">I4s", 8 + len(xmp), b"uuid") + xmp


@click.command()
@click.argument("clip", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--files", type=int, default=500, show_default=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--scan-seconds", type=float, default=60.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(clip: Path, files: int, workers: int, scan_seconds: float, seed: int) -> None:
    """Send hostile files made from CLIP; say what became of them, and of the service."""
    rng, canary, data = random.Random(seed), Canary(), clip.read_bytes()  # noqa: S311 no secret
    with tempfile.TemporaryDirectory() as name:
        secret = Path(name) / "secret.mp4"
        secret.write_bytes(data)
        options = ("--workers", str(workers), "--scan-seconds", str(scan_seconds))
        service = ServiceProcess(Path(name) / "service", *options, port=free_port())
        headers = {"Authorization": f"Bearer {service.key}", "Content-Type": "video/mp4"}
        with (
            running(service),
            httpx.Client(base_url=service.url, headers=headers, timeout=60) as client,
        ):
            server = service.server
            refused: Counter[str] = Counter()
            scans = []
            for file in hostile(data, files, rng, canary.port, secret):
                answer = client.post("/v1/scans", content=file)
                if answer.status_code == 202:
                    scans.append(answer.json()["id"])
                else:
                    refused[answer.json()["code"]] += 1
            found = [_result(client, scan) for scan in scans]
            last = client.post("/v1/scans", content=data, headers={"Prefer": "wait=60"})
            restarts = (Path(name) / "service" / "log").read_text().count("a worker ended with")
            alive = service.server == server
        left = [path.name for path in (Path(name) / "service" / "uploads").iterdir()]
    errors = Counter((one["error"] or {}).get("code", "none") for one in found)
    report = {
        "files": files,
        "refused": dict(refused),
        "verdicts": dict(Counter(one["verdict"] for one in found)),
        "actions": dict(Counter(one["action"] for one in found)),
        "errors": dict(errors),
        "unreadable_and_not_for_review": sum(
            one["verdict"] == "unreadable" and one["action"] != "review" for one in found
        ),
        "network_calls": canary.calls,
        "worker_restarts": restarts,
        "server_lived": alive,
        "a_good_file_afterwards": last.json().get("verdict"),
        "uploads_left": len(left),
    }
    click.echo(json.dumps(report, indent=2))
    bad = ("unreadable_and_not_for_review", "network_calls", "worker_restarts", "uploads_left")
    sys.exit(any(report[name] for name in bad) or not alive)


def _result(client: httpx.Client, scan: str) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        document: dict[str, Any] = client.get(
            f"/v1/scans/{scan}", headers={"Prefer": "wait=60"}
        ).json()
        if document["state"] == "done":
            return document
    raise RuntimeError(f"{scan} has no result")


if __name__ == "__main__":
    run_program(main)

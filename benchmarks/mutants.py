"""Small signed files of several containers, and the ways in which they are spoilt."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from provenance.clip import AudioSpec, VideoSpec
from provenance.keys import create_development_identity
from provenance.manifest import ManifestRequest, publish, sign_file
from provenance.payload import Payload, model_by_key
from provenance.video import EncodeSettings, MediaWriter, picture_from_rgb

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

_WIDTH, _HEIGHT, _RATE, _FRAMES = 64, 48, Fraction(12), 6
_EXTREMES = (0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_MANIFEST_HEAD = b"jumb"


def signed_samples(folder: Path, *, now: datetime) -> list[Path]:
    """Signed MP4 (one alone, one with a signed parent) and MOV files of a few kB.

    Beside them stands ``anchor.pem``, which trusts them.
    """
    identity = create_development_identity(folder / "keys", now=now)
    assert identity.trust_anchor is not None
    (folder / "anchor.pem").write_bytes(identity.trust_anchor)
    made: list[Path] = []
    for name in ("plain.mp4", "child.mp4", "plain.mov"):
        unsigned = folder / f"unsigned-{name}"
        _draw(unsigned)
        request = ManifestRequest(
            model=model_by_key("ltx-2.3"),
            title="AI Generated Video",
            created=now,
            payload=Payload(model=1, day=now.date(), content_id=1),
            carrier=identity.carrier_key.name,
            width=_WIDTH,
            height=_HEIGHT,
            duration_s=float(_FRAMES / _RATE),
            tool_version="benchmark",
            parent=made[0] if name.startswith("child") else None,
        )
        target = folder / name
        publish_to = folder / f"signed-{name}"
        publish(publish_to, target, sign_file(unsigned, publish_to, request, identity))
        unsigned.unlink()
        made.append(target)
    return made


def _draw(path: Path) -> None:
    video = VideoSpec(width=_WIDTH, height=_HEIGHT, rate=_RATE)
    audio = AudioSpec(sample_rate=48_000, channels=1)
    settings = EncodeSettings(preset="ultrafast", crf=40, threads=1)
    rng = np.random.default_rng(0)
    with MediaWriter(path, video=video, audio=audio, settings=settings) as writer:
        for index in range(_FRAMES):
            frame = rng.integers(90, 140, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
            writer.write(picture_from_rgb(frame, time=index / _RATE, spec=video))
        writer.write_audio(np.zeros((24_000, 1), np.float32))


def mutate(originals: list[bytes], rng: random.Random, *, port: int) -> tuple[str, bytes]:
    """The name of a way, and one of ``originals`` changed in that way."""
    data = bytearray(rng.choice(originals))
    way = rng.choice(sorted(WAYS))
    if way == "address":
        _address(data, rng, port)
    elif way == "splice":
        other = rng.choice(originals)
        data = data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]
    else:
        WAYS[way](data, rng)
    return way, bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Half of the time in the manifest, which is what is read most closely."""
    start = data.find(_MANIFEST_HEAD)
    if start >= 0 and rng.random() < 0.5:
        return min(len(data) - 1, start + rng.randrange(12_000))
    return rng.randrange(len(data))


def _bit(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _bytes(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randrange(1, 40)):
        data[_place(data, rng)] = rng.randrange(256)


def _length(data: bytearray, rng: random.Random) -> None:
    """An extreme number where a box has its length, or a CBOR head stands."""
    heads = [data.find(kind) - 4 for kind in (b"jumb", b"jumd", b"cbor", b"uuid", b"moov", b"mdat")]
    later = data.find(b"jumb", rng.randrange(len(data))) - 4
    at = rng.choice([head for head in (*heads, later) if head >= 0] or [0])
    data[at : at + 4] = rng.choice(_EXTREMES).to_bytes(4, "big")


def _cbor(data: bytearray, rng: random.Random) -> None:
    """Heads of arrays, maps and texts that promise more than there is."""
    at = _place(data, rng)
    major = rng.choice((0x5B, 0x7B, 0x9B, 0xBB, 0xDB, 0x9F, 0xBF, 0x5F))
    data[at : at + 9] = bytes([major]) + rng.getrandbits(64).to_bytes(8, "big")


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def _gap(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.randrange(1, 400)]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(rng.randrange(1, 400))


def _repeat(data: bytearray, rng: random.Random) -> None:
    at, size = _place(data, rng), rng.randrange(8, 4000)
    data[at:at] = data[at : at + size]


def _swap(data: bytearray, rng: random.Random) -> None:
    size = rng.randrange(8, 400)
    a, b = sorted((_place(data, rng), _place(data, rng)))
    first, second = data[a : a + size], data[b : b + size]
    data[b : b + size] = first
    data[a : a + size] = second


def _address(data: bytearray, rng: random.Random, port: int) -> None:
    """An address of the canary in place of a text of the manifest."""
    words = (b"self#jumbf=", b"http://cv.iptc.org", b"org.everyframe", b"xmp.iid:", b"everyframe")
    found = [at for word in words if (at := data.find(word)) >= 0]
    at = rng.choice(found) if found else _place(data, rng)
    text = f"http://127.0.0.1:{port}/{rng.getrandbits(32):08x}".encode()
    data[at : at + len(text)] = text


WAYS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "address": _bit,  # made by mutate, which knows the address
    "bit": _bit,
    "bytes": _bytes,
    "cbor": _cbor,
    "cut": _cut,
    "gap": _gap,
    "insert": _insert,
    "length": _length,
    "repeat": _repeat,
    "splice": _bit,  # made by mutate, which knows the other files
    "swap": _swap,
}
"""How a file is changed in place; ``address`` and ``splice`` need more than the file."""

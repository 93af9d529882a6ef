"""What of a stream comes over HTTP: the mark in all of it, and nothing else, however it is cut."""

from __future__ import annotations

import json
import random
import socket
import sqlite3
import struct
import time
from contextlib import closing, suppress
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np

from provenance.clip import VideoSpec
from provenance.keys import DEFAULT_CARRIER_KEY, load_identity
from provenance.payload import Payload, model_by_key
from provenance.video import MediaWriter, open_media, picture_from_rgb
from provenance.video.live import live_settings
from provenance.watermark import ClipDetector, ClipMarker
from tests.drawn import moving_frames
from tests.service.generation.conftest import Drawing

WIDTH, HEIGHT, RATE = 192, 128, Fraction(24)
SPEC = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
ALIKE = 0.06  # of a picture's change with the mark's: four times what chance gives, half of marked


def lumas_of(path):
    with open_media(path) as media:
        return [picture.luma.copy() for picture in media.pictures()]


def test_the_mark_is_in_any_five_seconds(drawn, tmp_path):
    drawing = Drawing(waves=True)
    drawing.go.set()
    server = drawn(drawing)
    with server.streaming(duration=6.5) as answer:
        (tmp_path / "came.mp4").write_bytes(answer.read())
    made = server.wait(answer.headers["generation-id"], "done")
    came = lumas_of(tmp_path / "came.mp4")
    assert len(came) == 156
    key = load_identity(server.services.clips.keys).carrier_key
    for start in (0, 7, 19, 36):  # key frames stand at 0, 24, 48, …
        detector = ClipDetector(keys=[key], width=WIDTH, height=HEIGHT, fast=True, reach="straight")
        for index, luma in enumerate(came[start : start + 120]):
            detector.add(luma, time_s=float(index / RATE))
        found = detector.finish().payload
        assert found is not None, start
        assert f"{found.content_id:016x}" == made["contentId"]


class Cut:
    """A client that closes its connection after some bytes of the answer, head included."""

    def __init__(self, server, seed) -> None:
        self._host, self._port = server.url.removeprefix("http://").split(":")
        wish = {
            "prompt": "a red ball", "model": "helios-1.0", "duration": 20, "seed": seed,
            "resolution": f"{WIDTH}x{HEIGHT}",
        }  # fmt: skip
        body = json.dumps(wish)
        self._request = (
            f"POST /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def take(self, more, *, rudely: bool) -> bytes:
        """Reads until ``more(came)`` says 0 bytes. ``rudely``: resets instead of closing."""
        came = b""
        with socket.create_connection((self._host, int(self._port)), timeout=20) as connection:
            connection.sendall(self._request)
            while size := more(came):
                came += connection.recv(size)
            if rudely:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return came


def body_of(came: bytes) -> bytes:
    """Without head and chunk sizes (RFC 9112, 7.1)."""
    _head, _, left = came.partition(b"\r\n\r\n")
    body = b""
    while b"\r\n" in left:
        size, _, left = left.partition(b"\r\n")
        body += left[: int(size, 16)]
        left = left[int(size, 16) + 2 :]
    return body


def whole_fragments(body: bytes) -> tuple[bytes, int]:
    """Up to the last ``mdat`` that is all there, and how many there are."""
    at = end = count = 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        at += size
        if at <= len(body) and body[at - size + 4 : at - size + 8] == b"mdat":
            end, count = at, count + 1
    return body[:end], count


def likeness(path, payload, key):
    """Of each picture's change to what the mark changes in it: 1 the same, 0 nothing of it."""
    marker = ClipMarker(payload=payload, key=key, width=WIDTH, height=HEIGHT)
    found = []
    lumas = lumas_of(path)
    for index, frame in enumerate(moving_frames(len(lumas), HEIGHT, WIDTH)):
        plain = picture_from_rgb(frame, time=index / RATE, spec=SPEC).luma
        mark = marker.mark(plain, time_s=float(index / RATE)).astype(float) - plain
        change = lumas[index].astype(float) - plain
        found.append((mark * change).sum() / np.sqrt((mark**2).sum() * (change**2).sum()))
    return found


def announced(server):
    """What the mark of the newest clip says, by the store."""
    with closing(sqlite3.connect(server.services.clips.store)) as store:
        content_id, model, day = store.execute(
            "SELECT content_id, model, day FROM manifests ORDER BY created DESC"
        ).fetchone()
    return Payload(
        model=model_by_key(model).number,
        day=date.fromisoformat(day),
        content_id=int(content_id, 16),
    )


def open_for_clips(server):
    """Connections, and files of clips that are being made."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found.append(str(one.readlink()))
    making = str(server.services.settings.making)
    return sorted(one for one in found if one.startswith(("socket:", making)))


def test_a_stream_may_be_left_at_any_byte(drawn, tmp_path):
    server = drawn(Drawing(waves=True, free=32))  # three fragments, and no end
    key = load_identity(server.services.clips.keys).carrier_key
    rng = random.Random(9)
    came = Cut(server, 0).take(
        lambda came: 4096 * (whole_fragments(body_of(came))[1] < 3), rudely=False
    )
    lengths = [0, 1, *(rng.randrange(2, int(0.9 * len(came))) for _ in range(10))]
    server.settle()
    before, pictures = len(open_for_clips(server)), 0
    for seed, length in enumerate([len(came), *lengths]):
        if seed:
            came = Cut(server, seed).take(
                lambda came, length=length: length - len(came), rudely=bool(seed % 2)
            )
            assert len(came) == length
        server.settle()
        sent, fragments = whole_fragments(body_of(came))
        if fragments:
            (tmp_path / "sent.mp4").write_bytes(sent)
            marked = likeness(tmp_path / "sent.mp4", announced(server), key)
            pictures += len(marked)
            assert min(marked) > ALIKE, length
    assert pictures > 30
    assert server.stored() == []
    with closing(sqlite3.connect(server.services.settings.data / "service.sqlite")) as database:
        ends = database.execute("SELECT DISTINCT state FROM generations").fetchall()
    assert ends == [("cancelled",)]
    for _ in range(200):  # the last connection closes a little later than its clip ends
        if len(open_for_clips(server)) <= before:
            return
        time.sleep(0.02)
    raise AssertionError(f"still open: {open_for_clips(server)}")


def test_a_picture_without_the_mark_would_be_found(tmp_path):
    class Nobody:
        def write(self, _data):
            pass

    path = tmp_path / "plain.mp4"
    live = (Nobody(), lambda _beginning: None)
    with MediaWriter(path, video=SPEC, settings=live_settings(None, SPEC), live=live) as writer:
        for index, frame in enumerate(moving_frames(12, HEIGHT, WIDTH)):
            writer.write(picture_from_rgb(frame, time=index / RATE, spec=SPEC))
    payload = Payload(model=1, day=date(2026, 1, 2), content_id=5)
    assert max(likeness(path, payload, DEFAULT_CARRIER_KEY)) < ALIKE

"""Records as stores keep them."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from provenance.fingerprint import (
    SoundFingerprint,
    SoundFingerprinter,
    VideoFingerprint,
    VideoFingerprinter,
)
from provenance.store import StoredManifest

ID = "000000000000ab"


def record(content_id: str = ID, manifest: bytes = b"signed", **changes: Any) -> StoredManifest:
    plain = StoredManifest(
        content_id=content_id,
        manifest=manifest,
        mime="video/mp4",
        model="ltx-2.3",
        day=date(2026, 3, 24),
        prompt_hash="hmac-sha256:00",
        created=datetime(2026, 3, 24, 12, tzinfo=UTC),
        width=1920,
        height=1080,
        duration_s=4.5,
    )
    return replace(plain, **changes)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def superbox(label: str, *inner: bytes) -> bytes:
    description = box(b"jumd", bytes(16) + b"\x03" + label.encode() + b"\0")
    return box(b"jumb", description + b"".join(inner))


def manifest_store(*labels: str) -> bytes:
    """A JUMBF manifest store as C2PA lays it out, with nothing in its manifests."""
    return superbox("c2pa", *(superbox(label, box(b"cbor", label.encode())) for label in labels))


def scene(seed: int, *, seconds: int = 4, rate: int = 8) -> np.ndarray:
    """(T, 90, 160) uint8: blobs that drift and change, of their own in every scene."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:90, 0:160].astype(np.float32)
    blobs = rng.uniform((0, 0, 4, -1, 20, -6, -4), (90, 160, 14, 1, 70, 6, 4), (45, 7))
    frames = []
    for index in range(seconds * rate):
        frame = np.full((90, 160), 110, np.float32)
        for top, left, size, sign, level, right, down in blobs:
            at = index / rate
            away = (y - top - down * at) ** 2 + (x - left - right * at) ** 2
            frame += np.copysign(level, sign) * np.exp(-away / size**2)
        frames.append(frame.clip(16, 235).astype(np.uint8))
    return np.stack(frames)


def seen(frames: np.ndarray, *, rate: float = 8, start_s: float = 0.0) -> VideoFingerprint:
    maker = VideoFingerprinter(rate)
    maker.add(frames, start_s + np.arange(len(frames)) / rate)
    return maker.finish()


def heard(samples: np.ndarray, rate: int, *, block: int = 5_000) -> SoundFingerprint:
    maker = SoundFingerprinter(rate)
    for start in range(0, len(samples), block):
        maker.add(samples[start : start + block])
    return maker.finish()

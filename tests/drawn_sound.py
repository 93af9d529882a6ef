"""Marked sound for tests: drawn by :mod:`benchmarks.drawn_sound`, marked in one go."""

from __future__ import annotations

import struct
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from provenance.audio_watermark import SoundDetector, SoundMarker
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.payload import Payload

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from provenance.audio_watermark import SoundDetection
    from provenance.keys import CarrierKey

RATE = 16_000
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1437_8600_0000_01)


def marked(
    samples: NDArray[np.float32],
    *,
    rate: int = RATE,
    payload: Payload = PAYLOAD,
    key: CarrierKey = DEFAULT_CARRIER_KEY,
    block: int | None = None,
    start_s: float = 0.0,
) -> NDArray[np.float32]:
    """``samples`` (N, channels) with the mark, pushed in blocks of ``block``."""
    marker = SoundMarker(
        payload=payload, key=key, rate=rate, channels=samples.shape[1], start_s=start_s
    )
    step = block or max(1, len(samples))
    parts = [marker.push(samples[at : at + step]) for at in range(0, len(samples), step)]
    return np.concatenate([*parts, marker.finish()])


def float_wav(
    path: Path,
    samples: NDArray[np.float32],
    *,
    rate: int = RATE,
    data_bytes: int | None = None,
    long: bool = False,
) -> Path:
    """A WAV file of floats as they are; its head says that it has ``data_bytes`` of them.

    ``long``: as RF64 (EBU Tech 3306), which says it elsewhere.
    """
    raw = np.asarray(samples, "<f4").tobytes()
    stated = len(raw) if data_bytes is None else data_bytes
    channels = samples.shape[1]
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, channels, rate, 4 * rate * channels,
                       4 * channels, 32)  # fmt: skip
    sizes = b""
    if long:
        sizes = struct.pack("<4sIQQQI", b"ds64", 28, 72 + stated, stated, len(samples), 0)
        stated = 0xFFFF_FFFF
    data = struct.pack("<4sI", b"data", stated)
    head = struct.pack("<4sI4s", b"RF64" if long else b"RIFF", min(stated, 0xFFFF_FF00), b"WAVE")
    path.write_bytes(head + sizes + form + data + raw)
    return path


def detected(
    samples: NDArray[np.float32],
    *,
    rate: int = RATE,
    keys: tuple[CarrierKey, ...] = (DEFAULT_CARRIER_KEY,),
    block: int = 5000,
    reach: str = "any",
) -> SoundDetection:
    """What a detector says of ``samples`` (N, channels) that come in blocks of ``block``."""
    detector = SoundDetector(keys=keys, rate=rate, reach=reach)  # type: ignore[arg-type]
    for at in range(0, len(samples), block):
        detector.add(samples[at : at + block])
    return detector.finish()

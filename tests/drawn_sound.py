"""Marked sound for tests: drawn by :mod:`benchmarks.drawn_sound`, marked in one go."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from provenance.audio_watermark import SoundDetector, SoundMarker
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.payload import Payload

if TYPE_CHECKING:
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

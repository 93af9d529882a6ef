"""What the tests of ``ProvenanceWriter`` write, and what they look at."""

from __future__ import annotations

import contextlib

from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import DiskFull
from tests.desk import HEIGHT, RATE, WIDTH
from tests.drawn import tone

SPEC = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
STEREO = AudioSpec(sample_rate=48_000, channels=2)
BLOCK = 5
SOUND = tone(float(BLOCK / RATE))


def write_all(writer, *blocks) -> None:
    for block in blocks:
        writer.write(block)


def write_and_fail(writer, block) -> None:
    writer.write(block)
    raise ZeroDivisionError


def write_and_go_on(writer, *blocks) -> None:
    """As somebody does who hides errors."""
    with contextlib.suppress(DiskFull):
        write_all(writer, *blocks)


def rows(store) -> list:
    return store._database._connection.execute(
        "SELECT content_id, manifest FROM manifests"
    ).fetchall()

"""How quickly a store of many manifests answers: by content id, by label and by fingerprint.

Records have manifests of --bytes random bytes under a label of their own and random fingerprints of
five seconds. Look-ups by fingerprint are asked with a fifth of the levels changed by one, and with
part of the sound's signs flipped, and end with the comparison side by side. Without --postgres only
SQLite is measured. (Real fingerprints share more keys than random ones.)

Beside the times of the clock stands what other programs on the machine change less: the processor
time of a look-up in this program (of SQLite all of it, of Postgres the client's part). Beside those
by id and label stands the time of a ``SELECT 1`` before each.
"""

from __future__ import annotations

import struct
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.tables import markdown
from provenance.fingerprint import SoundFingerprint, VideoFingerprint
from provenance.programs import run_program
from provenance.resolver.queries import by_fingerprint
from provenance.store import StoredManifest, open_managed_store
from provenance.store.postgres import PostgresDatabase
from provenance.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provenance.store import ManagedStore
    from provenance.store.database import Database

SECONDS = 5
BATCH = 200


def _video(rng: np.random.Generator) -> VideoFingerprint:
    return VideoFingerprint(
        duration_s=float(SECONDS),
        levels=rng.integers(0, 8, (SECONDS, 10, 16), dtype=np.uint8),
        texture=np.full(SECONDS, 20, np.float32),
    )


def _sound(rng: np.random.Generator) -> SoundFingerprint:
    return SoundFingerprint(
        duration_s=float(SECONDS),
        signs=(2 * rng.integers(0, 2, (SECONDS * 15, 32)) - 1).astype(np.int8),
        loudness=np.full(SECONDS, -20, np.float32),
    )


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _manifest(label: str, size: int, rng: np.random.Generator) -> bytes:
    """A JUMBF manifest store with one manifest under ``label`` and noise in it."""

    def named(name: str, *inner: bytes) -> bytes:
        description = _box(b"jumd", bytes(16) + b"\x03" + name.encode() + b"\0")
        return _box(b"jumb", description + b"".join(inner))

    return named("c2pa", named(label, _box(b"cbor", rng.bytes(size))))


def _content_id(number: int) -> str:
    # Spread as drawn ids are.
    return f"{(number * 0x9E3779B97F4A7C15) % (1 << 53):014x}"


def _records(count: int, size: int, printed: int) -> Iterator[StoredManifest]:
    for number in range(count):
        rng = np.random.default_rng(number)
        video, sound = _video(rng), _sound(rng)
        yield StoredManifest(
            content_id=_content_id(number),
            manifest=_manifest(f"urn:c2pa:{number}", size, rng),
            mime="video/mp4",
            model="ltx-2.3",
            day=date(2026, 3, 24),
            prompt_hash=None,
            created=datetime(2026, 3, 24, tzinfo=UTC),
            width=1920,
            height=1080,
            duration_s=float(SECONDS),
            video_fingerprint=video.to_bytes() if number < printed else None,
            audio_fingerprint=sound.to_bytes() if number < printed else None,
        )


def _fill(store: ManagedStore, count: int, size: int, printed: int) -> float:
    start, batch = time.perf_counter(), list[StoredManifest]()
    for record in _records(count, size, printed):
        batch.append(record)
        if len(batch) == BATCH:
            store.put(*batch)
            batch.clear()
    store.put(*batch)
    return time.perf_counter() - start


def _timed(
    ask: Callable[[int], bool], numbers: list[int], nothing: Callable[[], object] | None = None
) -> str:
    """The cell of a table. ``nothing`` is timed before each, to compare with."""
    times, busy, empty, right = [], [], [], 0
    for number in numbers:
        begin = time.perf_counter()
        if nothing is not None:
            nothing()
        start, start_cpu = time.perf_counter(), time.thread_time()
        right += ask(number)
        busy.append(1000 * (time.thread_time() - start_cpu))
        times.append(1000 * (time.perf_counter() - start))
        empty.append(1000 * (start - begin))
    text = f"{_middle_and_worst(times)} ms, CPU {_middle_and_worst(busy)} ms"
    if nothing is not None:
        text += f", SELECT 1 {_middle_and_worst(empty)} ms"
    return f"{text}; {right} of {len(numbers)}"


def _middle_and_worst(values: list[float]) -> str:
    middle, worst = np.percentile(values, [50, 99])
    return f"{middle:.3f} / {worst:.3f}"


def _database(location: str) -> Database:
    """A connection of its own, for questions that have nothing to look up."""
    if "://" in location:
        return PostgresDatabase(location, writable=False)
    return SqliteDatabase(Path(location), writable=False)


def _measure(
    name: str, location: str, count: int, size: int, printed: int, looks: int
) -> list[str]:
    picks = np.random.default_rng(1).integers(0, count, looks).tolist()
    with open_managed_store(location) as store:
        filled = _fill(store, count, size, printed)
    with open_managed_store(location) as store, closing(_database(location)) as beside:

        def nothing() -> object:
            return beside.rows("SELECT 1")

        def by_id(number: int) -> bool:
            return store.get(_content_id(number)) is not None

        def by_label(number: int) -> bool:
            return store.get_manifest(f"urn:c2pa:{number}") is not None

        def by_pictures(number: int) -> bool:
            rng = np.random.default_rng(number)
            video, change = _video(rng), np.random.default_rng(number + 1)
            moved = video.levels + change.choice((-1, 0, 0, 0, 0, 0, 0, 0, 0, 1), (SECONDS, 10, 16))
            levels = moved.clip(0, 7).astype(np.uint8)
            asked = VideoFingerprint(duration_s=5.0, levels=levels, texture=video.texture)
            found = by_fingerprint(store, asked, limit=1)
            return [hit.manifest_id for hit in found] == [f"urn:c2pa:{number}"]

        def by_sound(number: int) -> bool:
            rng = np.random.default_rng(number)
            _video(rng)
            sound, change = _sound(rng), np.random.default_rng(number + 1)
            flips = np.where(change.random(sound.signs.shape) < 0.1, -1, 1).astype(np.int8)
            asked = SoundFingerprint(
                duration_s=5.0, signs=sound.signs * flips, loudness=sound.loudness
            )
            found = by_fingerprint(store, asked, limit=1)
            return [hit.manifest_id for hit in found] == [f"urn:c2pa:{number}"]

        few = [number % max(1, printed) for number in picks[: max(1, looks // 40)]]
        return [
            name,
            f"{store.facts().manifests:,}, {printed:,} with fingerprints",
            f"{filled:.0f} s",
            _timed(by_id, picks, nothing),
            _timed(by_label, picks, nothing),
            _timed(by_pictures, few),
            _timed(by_sound, few),
        ]


@click.command(help=__doc__)
@click.option("--count", default=100_000, show_default=True, help="Manifests.")
@click.option("--printed", type=int, help="How many have fingerprints. [default: all]")
@click.option("--no-sqlite", is_flag=True, help="Leave SQLite out.")
@click.option("--bytes", "size", default=12_000, show_default=True, help="Size of each.")
@click.option("--looks", default=2_000, show_default=True, help="Look-ups of each kind.")
@click.option("--postgres", help="URL of an empty database.")
@click.option("--own-postgres", is_flag=True, help="Start a Postgres for it, as the tests do.")
def main(
    count: int,
    printed: int | None,
    no_sqlite: bool,
    size: int,
    looks: int,
    postgres: str | None,
    own_postgres: bool,
) -> None:
    rows, how = [], (count, size, count if printed is None else printed, looks)
    if not no_sqlite:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_measure("SQLite", str(Path(folder) / "store"), *how))
    if postgres:
        rows.append(_measure("Postgres", postgres, *how))
    if own_postgres:
        from benchmarks.postgres import running_postgres

        with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as server:
            rows.append(_measure("Postgres", server.new_database(), *how))
    header = ["", "manifests", "filled in"]
    header += [f"by {what}: median / 99 %; found" for what in ("id", "label", "pictures", "sound")]
    click.echo(markdown(header, rows))


if __name__ == "__main__":
    run_program(main)

"""Disks, stores and processes that fail while a file is written: nothing of it appears."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provenance.errors import (
    DiskFull,
    FrameError,
    OutputError,
    StoreError,
)
from provenance.manifest import read_manifest
from provenance.store import open_store
from provenance.store.sql import SqlStore
from provenance.store.sqlite import SqliteDatabase
from provenance.trust import TrustSettings
from tests.desk import HEIGHT, WIDTH, names
from tests.drawn import tone
from tests.provenance.writing import (
    rows,
    write_all,
    write_and_go_on,
)

ROOT = Path(__file__).parents[2]


class FailingStore(SqlStore):
    """A store whose disk breaks down between reserving and keeping."""

    broken = False

    def put(self, *records):
        self.broken = True
        raise StoreError("the disk is gone", hint="")

    def release(self, content_id):
        if self.broken:
            raise StoreError("the disk is gone", hint="")
        super().release(content_id)


def test_without_its_manifest_in_the_store_no_file_appears(tmp_path, frames, writer_for, store):
    failing = FailingStore(SqliteDatabase(store._database._path, writable=True))
    with (
        failing,
        pytest.raises(StoreError, match="the disk is gone"),
        writer_for(tmp_path / "out.mp4", store=failing) as writer,
    ):
        writer.write(frames[:4])
    assert names(tmp_path) == set()


SCRIPT = """
import sys
import numpy as np
from fractions import Fraction
from pathlib import Path
from provenance import ProvenanceWriter, VideoSpec, open_store
from provenance.keys import load_identity
from provenance.video import EncodeSettings

out, keys, store = map(Path, sys.argv[1:4])
spec = VideoSpec(width={width}, height={height}, rate=Fraction(12))
settings = EncodeSettings(preset="ultrafast", crf=0, threads=1)
noise = np.random.default_rng(1).integers(0, 255, (4, {height}, {width}, 3), np.uint8)
with open_store(store) as opened:
    with ProvenanceWriter(out, spec, load_identity(keys), model="ltx-2.3", store=opened,
                          settings=settings) as writer:
        {work}
"""


def start(work: str, *arguments: Path, before: str = "") -> subprocess.Popen:
    script = before + SCRIPT.format(
        width=WIDTH, height=HEIGHT, work=textwrap.indent(work, " " * 8).strip()
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_writers_at_once_share_keys_and_store(tmp_path, identity):
    outs = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    store = tmp_path / "store.sqlite"
    running = [start("writer.write(noise)", out, identity.directory, store) for out in outs]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert names(tmp_path) == {"one.mp4", "two.mp4", "store.sqlite"}
    with open_store(store) as opened:
        reports = [read_manifest(out, TrustSettings()) for out in outs]
        assert len({report.content_id for report in reports}) == 2
        assert all(opened.get(report.content_id) for report in reports)


def test_a_killed_process_leaves_nothing_under_the_name(tmp_path, identity):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the film of yesterday")
    process = start(
        "writer.write(noise); print('half', flush=True)\nwhile True: writer.write(noise)",
        out,
        identity.directory,
        tmp_path / "store.sqlite",
    )
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert out.read_bytes() == b"the film of yesterday"
    assert all(name.startswith((".out-", "out.mp4", "store")) for name in names(tmp_path))


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
"""


def test_a_disk_that_fills_up_while_writing(tmp_path, identity):
    with open_store(tmp_path / "store.sqlite"):
        pass
    process = start(
        "for _ in range(50): writer.write(noise)",
        tmp_path / "out.mp4",
        identity.directory,
        tmp_path / "store.sqlite",
        before=LIMITED,
    )
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "DiskFull" in errors
    assert names(tmp_path) == {"store.sqlite"}


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("blocks", [4, 50])
def test_a_full_disk(small_disk, noise, writer_for, store, blocks):
    """Full while the pictures are written, or only while they are signed: that takes a copy."""
    with (
        pytest.raises(DiskFull) as caught,
        writer_for(small_disk / "out.mp4", audio=None) as writer,
    ):
        write_all(writer, *[noise] * blocks)
    assert caught.value.exit_code == 4
    assert names(small_disk) == set()
    assert rows(store) == []


def test_after_a_failed_write_nothing_is_completed(small_disk, noise, writer_for, store):
    with (
        pytest.raises(OutputError),
        writer_for(small_disk / "out.mp4", audio=None) as writer,
    ):
        write_and_go_on(writer, *[noise] * 50)
    assert names(small_disk) == set()
    assert rows(store) == []


def write_again(writer, frames, audio) -> None:
    with pytest.raises(FrameError, match="before the first picture"):
        writer.write(frames[:0], audio=audio)
    writer.write(frames, audio=audio)


def test_a_write_that_failed_is_not_made_good_by_another(tmp_path, frames, writer_for, store):
    """Half of it stands in the file: written again, it would be there twice."""
    with (
        pytest.raises(OutputError, match="failed on the way"),
        writer_for(tmp_path / "out.mp4") as writer,
    ):
        write_again(writer, frames, tone(31.0))
    assert names(tmp_path) == set()
    assert rows(store) == []

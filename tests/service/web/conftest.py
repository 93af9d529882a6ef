"""A service in processes of its own, open to everybody, with files to send to it."""

from __future__ import annotations

import pytest

from benchmarks.service_process import ServiceProcess, free_port, running
from tests.bad_inputs import make_bad
from tests.browser import chromium
from tests.detectors.conftest import identity, spec, studio

__all__ = ["identity", "spec", "studio"]


@pytest.fixture(scope="session")
def site(tmp_path_factory, studio):
    folder = tmp_path_factory.mktemp("site")
    options = (
        *("--public", "everybody", "--workers", "1", "--visitor-per-minute", "1000"),
        *("--keys", str(studio.keys), "--store", str(studio.store), "--max-upload-mib", "16"),
        *("--links", "--private-targets", "--drain-seconds", "0.5"),
    )
    with running(ServiceProcess(folder / "data", *options, port=free_port())) as service:
        yield service


@pytest.fixture(scope="session")
def uploads(tmp_path_factory, studio):
    """Files by what they are."""
    folder = tmp_path_factory.mktemp("uploads")
    broken = folder / "broken.mp4"
    broken.write_bytes(studio.plain.read_bytes()[:4000])
    hostile = folder / "playlist.mp4"
    hostile.write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    empty = folder / "empty.mp4"
    empty.touch()
    return {
        "marked": studio.signed,
        "plain": studio.plain,
        "broken": broken,
        "hostile": hostile,
        "empty": empty,
    }


@pytest.fixture(scope="session")
def browser():
    with chromium() as opened:
        yield opened

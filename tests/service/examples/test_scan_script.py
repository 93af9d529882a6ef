"""The client of the documents, in sh and curl, against a real service."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.service_chaos import free_port
from benchmarks.service_process import ServiceProcess, running

SCRIPT = Path(__file__).parents[3] / "service" / "examples" / "scan.sh"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripted")
    options = ("--workers", "1", "--drain-seconds", "0")
    with running(ServiceProcess(folder / "data", *options, port=free_port())) as started:
        yield started


def run(url, key, video, **more):
    environ = {"PATH": os.environ["PATH"], "LTX_URL": url, "LTX_API_KEY": key, **more}
    return subprocess.run(
        ["sh", str(SCRIPT), str(video)],
        env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_result_and_the_same_one_again(service, clip, tmp_path):
    video = tmp_path / "a clip.mp4"
    video.write_bytes(clip)
    first = run(service.url, service.key, video)
    assert first.returncode == 0, first.stderr
    scan = json.loads(first.stdout)
    assert (scan["state"], scan["verdict"], scan["depth"]) == ("done", "no_evidence", "full")
    assert json.loads(run(service.url, service.key, video).stdout)["id"] == scan["id"]


def test_what_is_refused_is_said(service, tmp_path):
    video = tmp_path / "text.mp4"
    video.write_text("this is no video, whatever it is called" * 10)
    found = run(service.url, service.key, video)
    assert found.returncode == 3
    assert json.loads(found.stderr)["code"] == "media.unsupported"
    assert run(service.url, "ltx_no_key", video).returncode == 3
    assert run(service.url, service.key, tmp_path / "none.mp4").returncode == 2


def test_nobody_there(tmp_path, clip):
    video = tmp_path / "clip.mp4"
    video.write_bytes(clip)
    found = run(f"http://127.0.0.1:{free_port()}", "", video, LTX_TRIES="1")
    assert found.returncode == 4
    assert "did not take the file" in found.stderr

"""Each recipe runs as it stands, and what it makes verifies."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from provenance.manifest import read_manifest
from provenance.own_trust import own_trust
from provenance.video import open_media
from tests.drawn import draw_clip
from tests.service.generation.conftest import makes, one_thread, serving, weights

__all__ = ["makes", "one_thread", "weights"]
FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a recipe as a program, in this process: PyTorch takes seconds to import anew."""

    def start(name, *arguments):
        monkeypatch.setattr(sys, "argv", [str(FOLDER / name), *map(str, arguments)])
        capsys.readouterr()
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    return start


def facts(path):
    """Of a file that has to be signed and to say that a model made it."""
    report = read_manifest(path, own_trust(Path(os.environ["LTX_KEYS"])))
    assert report.state == "trusted"
    assert report.ai_generated
    with open_media(path) as media:
        return media.info


def test_a_demo_passes_through_screenshots_with_narration(places, weights, run):
    shots = []
    for index in range(2):
        shots.append(places / f"{index}.png")
        cv2.imwrite(str(shots[-1]), np.full((72, 128, 3), 90 + 60 * index, np.uint8))
    voice = draw_clip(places / "voice.mp4", frames=12)
    output = places / "demo.mp4"
    run("product_demo.py", output, *shots, "--narration", voice, "--seconds", 0.5,
        "--model", weights[0], "--resolution", "192x128")  # fmt: skip
    assert facts(output).audio is not None


def test_an_explainer_is_made_by_the_command(places, weights):
    output = places / "explainer.mp4"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = os.environ | {
        "PATH": path, "PYTHONPATH": str(FOLDER.parent), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    ran = subprocess.run(
        ["sh", str(FOLDER / "explainer.sh"), str(output), "--model", weights[0],
         "--resolution", "192x128", "--duration", "0.3"],
        env=environ, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    facts(output)


def test_social_clips_have_their_formats_and_an_upload_of_one_is_labelled(places, weights, run):
    run("social_clips.py", places / "clips", "--title", "a", "--summary", "b", "--point", "c",
        "--model", weights[0], "--scale", 0.25, "--seconds", 0.3)  # fmt: skip
    sizes = {}
    for path in (places / "clips").iterdir():
        video = facts(path).video
        sizes[path.stem] = (video.width, video.height)
    assert sizes == {"vertical": (180, 320), "horizontal": (320, 180), "banner": (384, 128)}
    told = json.loads(run("upload_check.py", places / "clips" / "banner.mp4"))
    assert told == {"verdict": "ai_generated", "action": "label: made with AI"}
    plain = draw_clip(places / "plain.mp4", frames=6, channels=None)
    assert json.loads(run("upload_check.py", plain))["action"] == "allow"
    (places / "broken.mp4").write_bytes(plain.read_bytes()[:2000])
    assert json.loads(run("upload_check.py", places / "broken.mp4"))["action"] == "flag for review"


def test_clips_for_a_pipeline_have_their_rates(places, weights, run):
    run("pipeline_clips.py", places / "clips", "--model", weights[0], "--resolution", "192x128",
        "--seconds", 0.3)  # fmt: skip
    rates = {path.stem: facts(path).video.rate for path in (places / "clips").iterdir()}
    assert rates == {
        "fast-motion": 50, "low-light": 24, "crowded-scene": 30, "static-scene": 15,
    }  # fmt: skip


def test_a_welcome_video_is_made_once_for_a_plan(tmp_path, makes):
    assert shutil.which("node"), "this recipe is JavaScript: apt-get install nodejs"
    with serving(tmp_path, makes) as server:
        environ = os.environ | {
            "LTX_URL": server.url, "LTX_API_KEY": server.key, "PORT": "0",
            "LTX_WISH": '{"resolution": "192x128", "fps": 24, "duration": 0.5}',
        }  # fmt: skip
        with subprocess.Popen(
            ["node", str(FOLDER / "welcome_video.mjs")], env=environ, stdout=subprocess.PIPE
        ) as route:
            try:
                url = f"http://127.0.0.1:{int(route.stdout.readline())}/api/welcome-video"
                first, second = (
                    httpx.get(url, params={"plan": "Pro", "name": name}, timeout=120)
                    for name in ("Ada", "Grace")
                )
                assert httpx.get(url, params={"plan": "no such"}).status_code == 404
            finally:
                route.terminate()
        assert first.headers["generation-cached"] == "false"
        assert second.headers["generation-cached"] == "true"
        assert second.content == first.content
        one = server.ask("GET", f"/v2/generations/{first.headers['generation-id']}").json()
        assert b"c2pa.claim" in httpx.get(one["combinedUrl"]).content

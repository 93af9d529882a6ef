"""The calls of the models' own documentation, with nothing changed but the host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from provenance.manifest import read_manifest
from provenance.own_trust import own_trust
from provenance.video import open_media
from tests.desk import packets_of

# Types are left out: node runs JavaScript.
CALLS = """
async function generateVideoLTX(prompt) {
  const response = await fetch(`${process.env.HOST}/v2/generate`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${process.env.LTX_API_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      prompt,
      model: "ltx-2.3",
      resolution: "1920x1080",
      fps: 30,
      duration: 10,
      audio: true,
      style: "photorealistic",
    }),
  });
  const { videoUrl, audioUrl, combinedUrl } = await response.json();
  return combinedUrl;
}

async function generateVideoHelios(prompt) {
  const response = await fetch(`${process.env.HOST}/v1/stream`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${process.env.HELIOS_API_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      prompt,
      model: "helios-base",
      resolution: "1080p",
      fps: 30,
      duration: 15,
      format: "mp4-stream",
    }),
  });
  return response.body;
}

const fs = require("node:fs");
(async () => {
  const made = await fetch(await generateVideoLTX("a red ball bounces"));
  fs.writeFileSync("made.mp4", Buffer.from(await made.arrayBuffer()));
  const blocks = [];
  for await (const block of await generateVideoHelios("a red ball")) blocks.push(block);
  fs.writeFileSync("stream.mp4", Buffer.concat(blocks));
})();
"""


def has_credentials(path):
    return b"c2pa.claim" in path.read_bytes()


@pytest.fixture
def environment(server):
    return os.environ | {
        "HOST": server.url, "LTX_API_KEY": server.key, "HELIOS_API_KEY": server.key,
    }  # fmt: skip


def test_the_javascript_calls_work(server, environment, tmp_path):
    assert shutil.which("node"), "this test runs JavaScript: apt-get install nodejs"
    subprocess.run(["node", "-e", CALLS], cwd=tmp_path, env=environment, check=True, timeout=120)
    made = read_manifest(tmp_path / "made.mp4", own_trust(Path(server.services.clips.keys)))
    assert made.state == "trusted"
    assert made.ai_generated
    with open_media(tmp_path / "made.mp4") as media:
        assert media.info.audio is not None
    # The stream is the signed file in pieces, so that it carries the same mark.
    with server.streaming("a red ball", resolution="1080p", fps=30, duration=15) as again:
        assert again.headers["Generation-Cached"] == "true"
        assert again.read() == (tmp_path / "stream.mp4").read_bytes()
    one = server.ask("GET", f"/v2/generations/{again.headers['Generation-Id']}").json()
    signed = tmp_path / "signed.mp4"
    signed.write_bytes(httpx.get(one["combinedUrl"]).content)
    assert packets_of(signed, "video") == packets_of(tmp_path / "stream.mp4", "video")
    assert has_credentials(signed)
    assert not has_credentials(tmp_path / "stream.mp4")


def test_the_curl_call_works(server, environment, tmp_path):
    subprocess.run(
        """curl -sS -X POST $HOST/v2/generate \
  -H "Authorization: Bearer $LTX_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "A software developer reviewing code on dual monitors, modern office, natural lighting, 4K",
    "model": "ltx-2.3",
    "resolution": "1920x1080",
    "fps": 30,
    "duration": 10,
    "audio": true
  }' \
  -o response.json""",  # noqa: E501 as it is written there
        shell=True, cwd=tmp_path, env=environment, check=True, timeout=120,
    )  # fmt: skip
    answer = json.loads((tmp_path / "response.json").read_text())
    assert answer["reduced"]
    assert answer["trained"] is False
    for name in ("videoUrl", "audioUrl", "combinedUrl"):
        assert answer[name].startswith(server.url)

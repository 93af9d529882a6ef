from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.generate import main
from generators.blocks import StreamConfig
from generators.dit import DiTConfig
from generators.presets import PRESETS
from generators.text import TextConfig
from provenance.video import open_media

SHAPE = DiTConfig(
    video=StreamConfig(parts=(96, 64), heads=1, head_dim=32, mlp_ratio=1),
    audio=StreamConfig(parts=(128,), heads=1, head_dim=16, mlp_ratio=1),
    text=TextConfig(heads=1, head_dim=16, layers=1, max_bytes=64),
    blocks=2,
)


@pytest.mark.parametrize("way", ["--no-float8", "--float8", "--offload"])
def test_every_stage_runs_in_the_shape_of_the_full_size(monkeypatch, tmp_path, way):
    monkeypatch.setitem(PRESETS, "ltx-2.3", SHAPE)
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    output = tmp_path / "out.mp4"
    arguments = ["--size", "256x144", "--seconds", "0.5", "--runs", "1", "--device", "cpu"]
    arguments += ["--no-compile", way]
    if way != "--offload":
        arguments += ["--half", "--output", str(output)]
    ran = CliRunner().invoke(main, arguments)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    facts = json.loads(ran.stdout)
    assert facts["frames"] == 15
    assert facts["tokens"] == [3 * 2 * 2, 3 * 3 * 4]
    assert set(facts["stages_s"]) >= {"text", "sampling, small", "sampling, large"}
    assert (facts["unlike_plain"] > 0) == facts["float8"] == (way == "--float8")
    assert facts["unlike_plain"] < 0.1
    if way != "--offload":
        with open_media(output) as media:
            assert sum(1 for _ in media.pictures()) == 15

from __future__ import annotations

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.full_size import Encoding
from benchmarks.generate import main
from generators.blocks import StreamConfig
from generators.dit import DiTConfig
from generators.presets import PRESETS
from generators.text import TextConfig
from provenance.errors import FrameError, OutputForbidden
from provenance.video import open_media
from tests.desk import small_clip

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
        arguments += ["--half", "--output", str(output), "--x264", "ultrafast"]
    if way == "--float8":
        arguments += ["--footage", str(small_clip(tmp_path / "footage.mp4"))]
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
            shown = [picture.luma for picture in media.pictures()]
            assert media.info.audio is not None
        assert len(shown) == 15
        if way == "--float8":
            with open_media(tmp_path / "footage.mp4") as media:
                first = cv2.resize(
                    next(media.pictures()).luma, (256, 144), interpolation=cv2.INTER_AREA
                )
            assert np.abs(shown[0].astype(int) - first).mean() < 6


def test_a_file_that_cannot_be_made_is_refused_at_once(tmp_path):
    ran = CliRunner().invoke(main, ["--output", str(tmp_path / "none" / "out.mp4")])
    assert isinstance(ran.exception, OutputForbidden)


def test_what_a_file_is_made_of_may_fail_and_holds_nobody_up(monkeypatch, tmp_path):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    encoding = Encoding(tmp_path / "out.mp4", (256, 144), Fraction(30))
    for _ in range(3):
        encoding.put(torch.zeros((1, 100, 256, 3), dtype=torch.uint8))
    with pytest.raises(FrameError):
        encoding.finish()
    assert not (tmp_path / "out.mp4").exists()

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.stream import main
from generators.blocks import StreamConfig
from generators.causal_dit import CausalConfig
from generators.presets import STREAMING
from generators.text import TextConfig

SHAPE = CausalConfig(
    video=StreamConfig(parts=(96, 64), heads=2, head_dim=16, mlp_ratio=1),
    text=TextConfig(heads=1, head_dim=16, layers=1, max_bytes=64),
    blocks=2,
    fold=2,
    window_moments=2,
)


@pytest.mark.parametrize(
    "ways", [["--offload"], ["--record", "--float8", "--half"], ["--show-on", "cpu"]]
)
def test_every_stage_runs_in_the_shape_of_the_full_size(monkeypatch, ways):
    monkeypatch.setitem(STREAMING, "helios-1.0", SHAPE)
    arguments = ["--size", "256x144", "--seconds", "0.3", "--device", "cpu"]
    ran = CliRunner().invoke(main, [*arguments, *ways])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    facts = json.loads(ran.stdout)
    assert facts["frames"] == 9
    assert facts["ways"]["float8"] == facts["ways"]["recorded"] == ("--float8" in ways)
    assert (facts["unlike_plain"] == 0) == ("--float8" not in ways)
    assert facts["unlike_plain"] < 0.1
    assert 0 < facts["first_frame_s"] < facts["total_s"]
    assert set(facts["stages_s"]) == {
        "transformer", "decoding and super-resolution", "mark", "to the host",
    }  # fmt: skip
    assert 0 < facts["mark_share"] < 1

"""The same result from inside the sandbox, and nothing taken from there without a look at it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.cli import main
from detectors.confined import Look, verify_confined
from detectors.parcel import pack_result, unpack_result
from detectors.result import Shot, TamperMap
from detectors.verification import verify
from provenance.errors import SandboxTimeout
from provenance.keys import carrier_keys
from provenance.sandbox import SandboxLimits
from provenance.trust import TrustSettings


@pytest.fixture(scope="session")
def both(studio):
    keys = carrier_keys(studio.keys)
    trust = TrustSettings()
    there = verify_confined(
        studio.unsigned,
        Look(keys=keys, trust=trust, fast=True),
        store=str(studio.store),
        mode="auto",
    )
    here = verify(studio.unsigned, keys=keys, store=studio.store, trust=trust, fast=True)
    return here, there


def test_the_result_is_the_same_and_the_store_is_asked(both):
    here, there = both
    assert there.manifest.source == "recovered"
    assert replace(there, timings_ms={}) == replace(here, timings_ms={})


def test_a_result_survives_its_journey(both):
    grid = np.array([[[0.0, 1.0], [np.nan, 0.5]]], np.float32)
    full = replace(
        both[0],
        tamper_map=TamperMap(times_s=(0.0, 1.0), grid=grid, width=64, height=64),
        storyboard=(Shot(time_s=0.5, width=2, height=2, jpeg=b"\xff\xd8\x00"),),
    )
    back = unpack_result(json.loads(json.dumps(pack_result(full))))
    assert back == full
    assert np.array_equal(back.tamper_map.grid, grid, equal_nan=True)
    assert back.storyboard == full.storyboard


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("verdict",), "authentic"),
        (("verdict",), None),
        (("reasons",), "text"),
        (("reasons",), [5]),
        (("tampered",), 1),
        (("file",), {}),
        (("file", "bytes"), "5"),
        (("watermark", "confidence"), [0.9]),
        (("timings_ms",), {"open": "now"}),
        (("storyboard",), [{"time_s": 1.0}]),
        (("tamper_map",), {"shape": [1]}),
        (("extra",), 1),
    ],
)
def test_what_is_no_result_is_refused(both, place, value):
    packed = pack_result(both[0])
    inner = packed
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(ValueError, match=r"."):
        unpack_result(packed)
    with pytest.raises(ValueError, match=r"."):
        unpack_result(None)


def test_time_is_bounded(studio):
    look = Look(keys=(), trust=TrustSettings())
    with pytest.raises(SandboxTimeout):
        verify_confined(
            studio.plain, look, store=None, mode="auto", limits=SandboxLimits(wall_s=0.01)
        )


def test_the_command_has_it(studio, tmp_path):
    arguments = ["--sandbox", "required", "--fast", "--keys", str(studio.keys)]
    arguments += ["--store", str(studio.store), "--format", "json"]
    result = CliRunner().invoke(main, [str(studio.signed), *arguments])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["verdict"] == "ai_generated"
    assert document["file"]["name"] == "signed.mp4"
    sidecar = tmp_path / "clip.mp4"
    sidecar.write_text("no video")
    assert CliRunner().invoke(main, [str(sidecar), *arguments]).exit_code == 3

"""The weights that come with the package make what words say; the demo makes its clip with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.demo import _generate
from detectors.verification import verify
from generators.base import Request, Watch
from generators.bundle import open_bundle
from generators.helios import HeliosGenerator
from generators.ltx import LtxGenerator

BEACH = "a red ball bounces on a beach, waves breaking"


@pytest.fixture(scope="module")
def generator():
    few = replace(open_bundle("ltx-2.3"), sampling={"steps": 3})
    return LtxGenerator(few, torch.device("cpu"))


def made(generator, prompt, seed=0):
    request = Request(
        prompt=prompt, width=256, height=144, duration_s=0.375, audio=False, seed=seed
    )
    return np.concatenate([chunk.frames for chunk in generator.generate(request, Watch())])


@pytest.fixture(scope="module")
def beach(generator):
    return made(generator, BEACH)


def sky(frames):
    """Mean colour (3,), 0…255, of the upper fifth of the first frame."""
    return frames[0, : frames.shape[1] // 5].mean((0, 1))


def test_places_are_those_of_the_words(generator, beach):
    night = sky(made(generator, "a red ball bounces under a starry night sky"))
    red, _, blue = sky(beach)
    assert blue > red + 30, "the sky of a beach is blue"
    assert night.mean() < sky(beach).mean() - 60, "at night it is dark"


def test_other_seeds_make_other_clips_and_the_same_seed_the_same(generator, beach):
    np.testing.assert_array_equal(beach, made(generator, BEACH))
    assert np.abs(beach.astype(int) - made(generator, BEACH, seed=1)).mean() > 2


def test_the_streaming_one_has_places_of_its_own():
    streaming = HeliosGenerator(open_bundle("helios-1.0"), torch.device("cpu"))
    beach = made(streaming, BEACH)
    night = made(streaming, "a red ball bounces under a starry night sky")
    red, _, blue = sky(beach)
    assert blue > red + 10, "the sky of a beach is blue"
    assert sky(night).mean() < sky(beach).mean() - 60, "at night it is dark"


def test_words_that_it_was_not_taught_are_named(generator):
    request = Request(prompt="a red zebra")
    assert generator.unknown_words(request) == ["zebra"]


def test_the_clip_of_the_demo_is_marked_and_signed(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # beside other tests, two wait for each other
    clip = tmp_path / "clip.mp4"
    places = {"keys": tmp_path / "keys", "store": tmp_path / "store.sqlite"}
    _generate(clip, "a red ball bounces on a beach", 1, **places)
    result = verify(clip, keys=places["keys"])
    assert result.verdict == "ai_generated"
    assert result.watermark.detected
    assert result.manifest.state == "trusted"

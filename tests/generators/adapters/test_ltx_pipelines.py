"""What ltx-pipelines returns, in the shapes of its two versions.

The package itself cannot run without its weights: a program in its shape stands in for it.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from generators.adapters.ltx_pipelines import LtxPipelinesGenerator
from generators.base import Request, Watch
from provenance.errors import OptionError

REQUEST = Request(prompt="a red ball", width=192, height=130, duration_s=0.5)


class InTheShape:
    """``floats`` and ``more`` as version 1.2 returns; bytes in an iterator as version 1.0."""

    def __init__(self, *, floats=False, more=(), rate=24_000):
        self.floats, self.more, self.rate = floats, more, rate

    def __call__(self, prompt, seed, height, width, num_frames, frame_rate, images, tiling=None):
        self.asked = (height, width, num_frames, frame_rate)
        gen = torch.Generator().manual_seed(seed)
        pictures = torch.rand(num_frames, height, width, 3, generator=gen)
        if not self.floats:
            pictures = (pictures * 255).round().byte()

        def pieces():
            assert torch.is_inference_mode_enabled()
            yield pictures[:8]
            assert torch.is_inference_mode_enabled()
            yield pictures[8:]

        sound = SimpleNamespace(waveform=torch.full((2, 14_000), 0.5), sampling_rate=self.rate)
        return (pieces(), sound, *self.more)


def test_both_versions_give_the_same_frames():
    old, new = InTheShape(), InTheShape(floats=True, more=(1, 2))
    clips = []
    for pipeline in (old, new):
        generator = LtxPipelinesGenerator(pipeline=pipeline)
        chunks = []
        for chunk in generator.generate(REQUEST, Watch()):
            assert not torch.is_inference_mode_enabled()
            chunks.append(chunk)
        clips.append(np.concatenate([chunk.frames for chunk in chunks]))
        assert np.concatenate([chunk.audio for chunk in chunks]).shape == (12_000, 2)
    assert old.asked == (192, 192, 17, 24.0)
    assert clips[0].shape == (12, 130, 192, 3)
    assert np.array_equal(*clips)


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match="16000 Hz"):
        list(LtxPipelinesGenerator(pipeline=InTheShape(rate=16_000)).generate(REQUEST, Watch()))
    generator = LtxPipelinesGenerator(pipeline=InTheShape(), call={"steps": 3})
    with pytest.raises(OptionError, match="not called with steps"):
        list(generator.generate(REQUEST, Watch()))

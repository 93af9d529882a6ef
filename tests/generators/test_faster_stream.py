"""What makes a stream faster leaves it what it is."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import count, islice

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from benchmarks.showing import Showing
from generators.float8 import Float8Linear, to_float8
from generators.recorded import RecordedSteps
from generators.rollout import Stage, roll
from generators.superres import SuperResolution, upscale
from generators.video_codec import VideoCodec, VideoCodecConfig
from provenance.clip import VideoSpec
from provenance.to_host import HostCopies
from provenance.video import picture_from_rgb
from provenance.video.torch_planes import planes_of
from tests.generators.streaming import CAUSAL, tiny_causal

DEEP = replace(CAUSAL, blocks=9)  # more than dynamo compiles anew
STAGE = Stage(rows=2, columns=3, rate=Fraction(24), steps=2)


def _stream(model, player=None, *, words=(1,), moments=6) -> torch.Tensor:
    """What is said changes from word to word in the middle of it."""
    with torch.inference_mode():
        read = [model.read(torch.full((1, 32), word)) for word in words]
        asked = count()
        stream = roll(
            player or model, STAGE, lambda: read[next(asked) * len(read) // (moments + 1)],
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        return torch.stack(list(islice(stream, moments)), 1)


def _unlike(made: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((made.float() - wanted.float()).norm() / wanted.float().norm())


def test_a_recorded_stream_is_the_stream_also_when_the_text_changes():
    model = tiny_causal()
    player = RecordedSteps(model)
    for words in ((1,), (2, 5), (1,)):  # in the memory of the stream before
        made = _stream(model, player, words=words)
        torch.testing.assert_close(made, _stream(model, words=words), rtol=0, atol=0)
    assert _unlike(_stream(model, words=(2, 5)), _stream(model, words=(2,))) > 0.01


def test_a_compiled_stream_is_the_stream_and_blocks_share_what_is_compiled():
    plain, model = tiny_causal(DEEP), tiny_causal(DEEP)
    wanted = _stream(plain)
    counters.clear()
    torch._dynamo.reset()
    model.compile_looks(backend="aot_eager", dynamic=False)
    torch.testing.assert_close(_stream(model), wanted, rtol=1e-4, atol=1e-4)
    assert counters["stats"]["unique_graphs"] == 2


def test_a_stream_in_8_bit_floating_point_is_near_the_stream():
    plain, model = tiny_causal().bfloat16(), tiny_causal().bfloat16()
    assert to_float8(model.blocks) == 2 * 8
    made, wanted = _stream(model), _stream(plain)
    assert 0 < _unlike(made, wanted) < 0.1


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_a_layer_in_8_bit_floating_point_errs_by_4_percent_whatever_the_size(size):
    random = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(256, 64)
    x = size * torch.randn(2, 30, 256, generator=random)
    x[0, 0] = 0
    with torch.no_grad():
        linear.bias *= size
        wanted, made = linear(x), Float8Linear(linear)(x)
    assert made.shape == wanted.shape
    assert made.dtype == wanted.dtype
    assert 0.005 < _unlike(made, wanted) < 0.05
    torch.testing.assert_close(made[0, 0], linear.bias)


def test_layers_whose_sides_no_gpu_takes_stay_as_they_are():
    layers = torch.nn.ModuleList([torch.nn.Linear(16, 24), torch.nn.Linear(32, 16)])
    assert to_float8(layers) == 1
    assert [type(one) for one in layers] == [torch.nn.Linear, Float8Linear]


def test_planes_are_those_of_the_encoder_to_a_level():
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (2, 48, 64, 3), dtype=np.uint8)
    frames[0, :24] = (255, 0, 0)
    luma, chroma = planes_of(torch.from_numpy(frames).permute(0, 3, 1, 2))
    spec = VideoSpec(width=64, height=48, rate=Fraction(24))
    for frame, grey, colour in zip(frames, luma, chroma, strict=True):
        picture = picture_from_rgb(frame, time=Fraction(0), spec=spec)
        for made, wanted in zip((grey, *colour), picture.planes, strict=True):
            assert np.abs(made.numpy().astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("half", [False, True])
def test_pictures_are_shown_as_codec_and_super_resolution_make_them(half):
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        codec, upscaler = VideoCodec(VideoCodecConfig()).eval(), SuperResolution().eval()
        steps = torch.randn(3, 1, 2, 2 * 160)[..., :160].clamp(-3, 3)  # 1×2 tokens of 2×2 latents
        showing = Showing(codec, upscaler, (120, 62), 1, half=half, compiled=False)
        made = torch.cat([showing.levels(step) for step in steps])
        grids = [step.transpose(1, 2).reshape(1, 160, 1, 2) for step in steps]
        latents = torch.stack([torch.pixel_shuffle(grid, 2) for grid in grids], 2)
        frames = codec.decode(latents).unbind(2)
        wanted = torch.cat(list(upscale(upscaler.first, iter(frames))))[:, :, :62, :120]
        wanted = ((wanted + 1) * 127.5).round()
        showing.begin()
        torch.testing.assert_close(showing.levels(steps[0]), made[:1])
    assert made.shape == (17, 3, 62, 120)
    off = (made.float() - wanted).abs()
    assert off.max() <= (12 if half else 1)
    assert (off > 1).float().mean() < 0.05


def test_what_is_sent_to_the_host_arrives():
    sent = [torch.arange(6).view(2, 3), torch.ones(2)]
    arrive = HostCopies(torch.device("cpu")).send(sent)
    for one, wanted in zip(arrive(), sent, strict=True):
        assert torch.equal(one, wanted)

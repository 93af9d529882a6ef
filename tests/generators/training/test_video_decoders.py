"""Training of what decodes: latents keep their meaning, and deeper nets begin as shallow ones."""

from __future__ import annotations

import time

import pytest
import safetensors.torch
import torch

from generators.training.clips import PairPool
from generators.training.trainer import Run, start, work
from generators.training.video_decoders import load_shallower, objective
from generators.training.world import World
from generators.video_codec import VideoCodec, VideoCodecConfig
from generators.video_codec_nets import Widths
from generators.weight_file import save_weights
from provenance.errors import InputMissing, UnreadableMedia

SMALL = VideoCodecConfig(
    appearance=6, motion=4, looks=Widths(8, 12, 16), moves=Widths(8, 12, 16), synthesis=16
)
CPU = torch.device("cpu")


def small_codec() -> VideoCodec:
    """With blocks that do something, and statistics of latents that no batch has."""
    torch.manual_seed(3)
    net = VideoCodec(SMALL)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    for encoder in (net.appearance_encoder, net.motion_encoder):
        encoder.latent.mean.fill_(0.05)
    return net


def pool() -> PairPool:
    return PairPool(size=2, frames=9, width=48, height=32, seed=1, device=CPU, share=0, batch=2)


def test_decoders_learn_and_encoders_stay_as_they_are(tmp_path):
    run = Run(
        out=tmp_path, resume=False, seconds=1000, steps=12, batch=2, rate=3e-3, seed=1,
        world=World.join("cpu", 1), compiled=False, started_s=time.monotonic(),
    )  # fmt: skip
    training = start(small_codec(), run)
    clips = pool()
    frames = clips.draw(2)[:, 0]
    before = {name: tensor.clone() for name, tensor in training.net.state_dict().items()}
    latents = training.net.eval().encode(frames)
    errors = []

    def step(net, _share):
        loss, figures = objective(net, clips, 2)
        errors.append(float(loss.detach()))
        return loss, figures

    work(training, run, step)
    after = training.net.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"appearance_decoder", "motion_decoder", "synthesis"}
    assert torch.equal(training.net.eval().encode(frames), latents)
    assert sum(errors[-3:]) < sum(errors[:3])


def test_encoders_learn_where_that_is_asked_for():
    net = small_codec().train()
    loss, _ = objective(net, pool(), 2, encoders=True)
    loss.backward()
    slope = {name.split(".")[0] for name, w in net.named_parameters() if w.grad is not None}
    assert {"appearance_encoder", "motion_encoder"} <= slope


def test_blocks_that_the_weights_lack_begin_as_nothing(tmp_path):
    net = small_codec().eval()
    path = tmp_path / "codec.safetensors"
    save_weights(path, net)
    state = safetensors.torch.load_file(path)
    last = {name for name in state if name.startswith("synthesis.body.4.")}
    assert last
    safetensors.torch.save_file({n: t for n, t in state.items() if n not in last}, path)
    deeper = VideoCodec(SMALL).eval()
    assert load_shallower(path, deeper) == len(last)
    latents = torch.randn(1, SMALL.channels, 2, 2, 3, generator=torch.Generator().manual_seed(1))
    net.synthesis.body[4] = torch.nn.Identity()
    with torch.no_grad():
        assert torch.allclose(deeper.decode(latents), net.decode(latents), atol=2e-2)


def test_weights_of_another_net_are_refused(tmp_path):
    path = tmp_path / "codec.safetensors"
    with pytest.raises(InputMissing):
        load_shallower(path, VideoCodec(SMALL))
    safetensors.torch.save_file({"something": torch.zeros(2)}, path)
    with pytest.raises(UnreadableMedia):
        load_shallower(path, VideoCodec(SMALL))
    path.write_bytes(b"no weights")
    with pytest.raises(UnreadableMedia):
        load_shallower(path, VideoCodec(SMALL))

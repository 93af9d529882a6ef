"""The reader of attributes: it learns from what it sees, and scores what is wrong lower."""

from __future__ import annotations

import random

import pytest
import torch

from generators.metrics.attributes import (
    FRAMES,
    HEIGHT,
    READ,
    WIDTH,
    AttributeReader,
    agreement,
    load_reader,
    watched,
)
from generators.scenes import attributes, draw_scene, render_video
from generators.training.classifier import loss_of, targets
from generators.weight_file import save_weights
from provenance.errors import InputMissing


def test_it_learns_what_it_sees_and_shuffled_video_scores_worse():
    rng = random.Random(0)
    specs = [draw_scene(rng, duration_s=2.0) for _ in range(4)]
    video = render_video(specs, width=48, height=28, rate=3, frames=4, device="cpu")
    torch.manual_seed(0)
    reader = AttributeReader()
    optimizer = torch.optim.AdamW(reader.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss, _ = loss_of(reader, video, targets(specs, video.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
    reader.eval()
    with torch.no_grad():
        logits, _ = reader(video)
    best = {name: scores.argmax(dim=1) for name, scores in logits.items()}
    found = [{name: READ[name][best[name][row]] for name in READ} for row in range(4)]
    asked = [attributes(spec) for spec in specs]
    true = agreement(found, asked)["mean"]
    assert true > 0.9
    assert agreement(found, asked[1:] + asked[:1])["mean"] < true - 0.3


def test_weights_are_small_and_travel(tmp_path):
    torch.manual_seed(1)
    reader = AttributeReader()
    save_weights(tmp_path / "w.safetensors", reader)
    assert (tmp_path / "w.safetensors").stat().st_size < 1.5e6
    again = load_reader(tmp_path / "w.safetensors")
    assert torch.allclose(again.stem.weight, reader.stem.weight, atol=1e-3)
    with pytest.raises(InputMissing):
        load_reader(tmp_path / "none.safetensors")


@pytest.mark.parametrize(("rate", "frames"), [(24, 48), (30, 60), (50, 20)])
def test_any_video_is_brought_to_what_is_looked_at(rate, frames):
    time = torch.arange(frames).float() / rate - 0.5
    video = time.view(1, 1, -1, 1, 1).expand(1, 3, -1, 20, 30)
    seen = watched(video, rate=rate)
    assert seen.shape == (1, 3, FRAMES, HEIGHT, WIDTH)
    want = (torch.arange(FRAMES) / 12 - 0.5).clamp(max=float(time[-1]))
    assert torch.allclose(seen[0, 0, :, 0, 0], want, atol=0.6 / rate + 1e-6)

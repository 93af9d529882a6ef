"""The training program: runs, stops, goes on, and says what it measured."""

from __future__ import annotations

import json
import random
import sys

import torch

from generators.metrics import attributes as reading
from generators.metrics.attributes import load_reader
from generators.training import classifier
from generators.training.classifier import spoiled


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["classifier", *arguments])
    classifier.main()
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_it_runs_and_goes_on(tmp_path, monkeypatch, capsys):
    for module in (classifier, reading):  # the same network over smaller pictures
        monkeypatch.setattr(module, "WIDTH", 48)
        monkeypatch.setattr(module, "HEIGHT", 28)
        monkeypatch.setattr(module, "FRAMES", 6)
    options = ["--out", str(tmp_path), "--device", "cpu", "--steps", "1", "--batch", "1"]
    options += ["--test", "1", "--pool", "2"]
    first = run(monkeypatch, capsys, *options)
    assert first["step"] == 1
    assert 0 <= first["held_out_mean"] <= 1
    assert run(monkeypatch, capsys, *options, "--resume")["step"] == 2
    load_reader(tmp_path / "average.safetensors")


def test_what_is_spoiled_keeps_its_shape_and_range():
    video = torch.rand(2, 3, 4, 16, 24) * 2 - 1
    changed = 0
    for seed in range(12):
        other = spoiled(video, random.Random(seed))
        assert other.shape == video.shape
        assert other.abs().max() <= 1
        changed += not torch.equal(other, video)
    assert 3 <= changed <= 9


def gradients_of(loss):
    """Names of all the steps of the way back from ``loss``."""
    names, todo = set(), [loss.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in names:
            names.add(node)
            todo += [before for before, _ in node.next_functions]
    return {node.name() for node in names}


def test_gradients_are_finite_at_rest_and_compare_nothing():
    """A gradient that looks for what equals the largest divides by nought once it is compiled."""
    torch.manual_seed(2)
    reader = reading.AttributeReader()
    video = torch.rand(2, 3, 1, reading.HEIGHT // 4, reading.WIDTH // 4).expand(-1, -1, 24, -1, -1)
    asked = {name: torch.zeros(2, dtype=torch.long) for name in reading.READ}
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = classifier.loss_of(reader, video, asked)
    assert not {name for name in gradients_of(loss) if name.startswith(("Amax", "Amin"))}
    loss.backward()
    assert all(weight.grad.isfinite().all() for weight in reader.parameters())


def test_the_pool_gives_clips_with_their_own_words(monkeypatch):
    def made(rng, batch, *, split, device):
        del split
        shades = [rng.randrange(8) for _ in range(batch)]
        video = torch.tensor(shades).view(-1, 1, 1, 1, 1).expand(-1, 3, 24, 112, 192) / 4 - 1
        return video.to(device), shades

    monkeypatch.setattr(classifier, "batch_of", made)
    monkeypatch.setattr(classifier, "spoiled", lambda video, rng: video)
    monkeypatch.setattr(
        classifier,
        "targets",
        lambda specs, device: dict.fromkeys(reading.READ, torch.tensor(specs)),
    )
    pool = classifier.LabelledPool(random.Random(3), size=6, device=torch.device("cpu"), share=0.0)
    clips, words = pool.draw(8)
    assert clips.shape == (8, 3, 24, 112, 192)
    assert torch.equal(((clips[:, 0, 0, 0, 0] + 1) * 4).round().long(), words["shape"])

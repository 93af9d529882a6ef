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
    options += ["--test", "1"]
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

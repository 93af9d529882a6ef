"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from benchmarks.gpu import main as gpu
from benchmarks.stream import main as stream
from generators.devices import choose_device
from generators.training.student import main as student
from generators.training.student_eval import main as student_eval
from provenance.errors import DeviceMissing


def test_a_device_that_is_not_there_is_named():
    assert choose_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "abacus", "meta"):
        with pytest.raises(DeviceMissing):
            choose_device(name)


def test_programs_name_it_too(tmp_path, monkeypatch):
    for program in (gpu, stream):
        with pytest.raises(DeviceMissing):
            program(["--device", "cuda:99"], standalone_mode=False)
    with pytest.raises(DeviceMissing):
        stream(["--device", "cpu", "--show-on", "cuda:99"], standalone_mode=False)
    with pytest.raises(DeviceMissing):
        student_eval(["--dit", str(tmp_path / "dit"), "--device", "cuda:99"])
    monkeypatch.setenv("LOCAL_RANK", "99")
    with pytest.raises(DeviceMissing):
        student(["--out", str(tmp_path), "--device", "cuda"])

from __future__ import annotations

import pytest
import torch
from torch import nn

from generators.weight_file import load_weights, save_packed, save_weights
from provenance.errors import InputMissing, UnreadableMedia


def test_weights_come_back_as_half_precision(tmp_path):
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    save_weights(tmp_path / "w", net)
    load_weights(tmp_path / "w", other)
    assert torch.equal(other.weight, net.weight.half().float())
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_rounded_weights_are_read_by_the_same_function(tmp_path):
    net, other = nn.Linear(64, 8), nn.Linear(64, 8)
    save_packed(tmp_path / "w", net)
    load_weights(tmp_path / "w", other)
    largest = net.weight.abs().amax(1, keepdim=True)
    assert ((other.weight - net.weight).abs() <= largest / 250).all()
    assert not torch.equal(other.weight, net.weight)


def test_a_weight_that_is_called_scale_is_no_scale(tmp_path):
    net, other = (nn.ModuleDict({"part": nn.ParameterDict({"scale": torch.rand(3)})}) for _ in "ab")
    save_packed(tmp_path / "w", net)
    load_weights(tmp_path / "w", other)
    assert torch.equal(other["part"]["scale"], net["part"]["scale"].half().float())


def test_whoever_may_read_new_files_may_read_weights(tmp_path):
    """A service runs as another user than training did."""
    (tmp_path / "usual").touch()
    usual = (tmp_path / "usual").stat().st_mode
    for name, save in (("a", save_weights), ("b", save_packed)):
        save(tmp_path / name, nn.Linear(3, 2))
        assert (tmp_path / name).stat().st_mode == usual


def test_what_cannot_be_used_is_said(tmp_path):
    net = nn.Linear(3, 2)
    with pytest.raises(InputMissing):
        load_weights(tmp_path / "none", net)
    (tmp_path / "text").write_text("not weights at all")
    with pytest.raises(UnreadableMedia, match="cannot be read"):
        load_weights(tmp_path / "text", net)
    save_weights(tmp_path / "other", nn.Linear(4, 2))
    with pytest.raises(UnreadableMedia, match=r"weight is \(2, 4\) and should be \(2, 3\)"):
        load_weights(tmp_path / "other", net)
    save_weights(tmp_path / "more", nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(3, 2)}))
    with pytest.raises(
        UnreadableMedia, match=r"6 of 6 tensors .*, a.bias is \(2,\) and should be missing"
    ):
        load_weights(tmp_path / "more", net)
    nn.init.constant_(net.bias, float("nan"))
    save_weights(tmp_path / "nan", net)
    with pytest.raises(UnreadableMedia, match="finite"):
        load_weights(tmp_path / "nan", nn.Linear(3, 2))

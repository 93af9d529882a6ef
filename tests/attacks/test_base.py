"""Attacks as data: drawn, described, replayed."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from attacks.base import Attack, Chain, Desk, describe, ladder_step, restore
from provenance.errors import OptionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    amount: float
    place: tuple[float, ...] = ()

    def apply(self, clip, desk):
        return clip + self.amount


def test_a_record_of_json_restores_the_transform():
    chain = Chain(steps=(Add(amount=1.5, place=(0.25, 0.5)), Add(amount=2)))
    record = json.loads(json.dumps(describe(chain)))
    assert restore(record, {"Add": Add}) == chain
    assert chain.apply(1, None) == 4.5


def nested(depth):
    record = {"kind": "Add", "amount": 1}
    for _ in range(depth):
        record = {"kind": "Chain", "steps": [record]}
    return record


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kind": "Multiply"},
        {"kind": []},
        {"kind": "Add"},
        {"kind": "Add", "amount": 1, "x": 2},
        {"kind": "Add", "amount": "much"},
        {"kind": "Add", "amount": None},
        {"kind": "Add", "amount": True},
        {"kind": "Add", "amount": float("nan")},
        {"kind": "Add", "amount": 10**400},
        {"kind": "Add", "amount": 1, "place": 3},
        {"kind": "Add", "amount": 1, "place": [1, "x"]},
        {"kind": "Chain", "steps": 5},
        {"kind": "Chain", "steps": ["Add"]},
        {"kind": "Chain", "steps": [], "x": 1},
        nested(5000),
    ],
)
def test_other_records_are_refused(record):
    with pytest.raises(OptionError) as caught:
        restore(record, {"Add": Add})
    assert caught.value.code == "option.invalid"


def new_attack(**fields):
    values = {
        "name": "add",
        "family": "photometric",
        "summary": "adds",
        "unit": "levels",
        "ladder": (1.0, 2.0),
        "default": 2.0,
        "draw": lambda strength, _rng: Add(amount=strength),
    }
    return Attack(**{**values, **fields})


def test_the_default_is_on_the_ladder():
    assert ladder_step(new_attack(), None) == 2.0
    assert ladder_step(new_attack(), 7.0) == 7.0
    with pytest.raises(OptionError):
        new_attack(default=3.0)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(OptionError):
            ladder_step(new_attack(), bad)


def test_desks_give_out_every_name_once(tmp_path):
    desk = Desk(folder=tmp_path)
    files = [desk.new_file(".mp4") for _ in range(3)]
    assert len(set(files)) == 3
    assert all(file.parent.is_dir() and file.suffix == ".mp4" for file in files)


def test_knowing_the_system_cannot_be_assumed(tmp_path):
    with pytest.raises(OptionError, match="collusion"):
        Desk(folder=tmp_path).require_accomplice("collusion")

"""Results are stored under what they depend on, code included."""

from __future__ import annotations

import importlib
import sys

import pytest

from attacks.content_key import code_digest, file_digest, key_of

SOURCE = """
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

STEP = 2
RECIPES = MappingProxyType({"a": [1, 2], "b": [3]})


@lru_cache
def remembered(x):
    return x + 5


def chosen(x):
    return x + 6


def helper(x):
    from keyed import chosen

    return chosen(x) + STEP + RECIPES["a"][0] + remembered(x)


def unrelated(x):
    return x


@dataclass(frozen=True)
class Shift:
    amount: float

    def apply(self, clip, desk):
        return [helper(x) * self.amount for x in clip]


class Other:
    def apply(self, clip, desk):
        return unrelated(clip)
"""


@pytest.fixture
def digests(tmp_path, monkeypatch):
    """Writes a module and gives the digests of its two classes."""
    names = iter(range(100))

    def write(source: str) -> tuple[str, str]:
        folder = tmp_path / str(next(names))
        folder.mkdir()
        (folder / "keyed.py").write_text(source)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(folder)
            module = importlib.import_module("keyed")
            try:
                return code_digest(module.Shift), code_digest(module.Other)
            finally:
                del sys.modules["keyed"]

    return write


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("STEP = 2", "STEP = 3"),
        ("chosen(x) + STEP", "chosen(x) - STEP"),
        ("[1, 2]", "[1, 4]"),
        ("return x + 5", "return x - 5"),
        ("return x + 6", "return x - 6"),
        ("* self.amount", "/ self.amount"),
    ],
)
def test_what_an_attack_uses_changes_its_digest_alone(digests, old, new):
    before, after = digests(SOURCE), digests(SOURCE.replace(old, new))
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_what_it_does_not_use_does_not(digests):
    before = digests(SOURCE)
    after = digests(SOURCE.replace("def unrelated(x):\n    return x", "def unrelated(x):\n    1"))
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_keys_follow_from_every_cause_and_not_from_order():
    assert key_of(a=1, b="x") == key_of(b="x", a=1)
    assert len({key_of(a=1), key_of(a=2), key_of(b=1), key_of(a="1")}) == 4


def test_files_are_known_by_their_bytes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"abc")
    two.write_bytes(b"abc")
    assert file_digest(one) == file_digest(two)
    two.write_bytes(b"abd")
    assert file_digest(one) != file_digest(two)

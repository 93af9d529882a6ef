"""What docs/verification.md shows is what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from detectors.policy import FACTS, parse_condition, parse_policy
from detectors.policy.facts import WITH_ARGUMENT
from detectors.receipt import ReceiptCode
from detectors.result import VerdictName

GUIDE = (Path(__file__).parents[2] / "docs" / "verification.md").read_text()


def test_its_policy_is_one():
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert [rule.action for rule in parse_policy(text).rules] == ["review", "label"]


def test_its_requirements_can_be_parsed():
    found = re.findall(r'--require "((?:[^"\\]|\\.)*)"', GUIDE)
    assert found
    for text in found:
        parse_condition(text.replace('\\"', '"'))


def test_it_names_every_word_code_and_verdict():
    for word in (*FACTS, *WITH_ARGUMENT, *get_args(ReceiptCode), *get_args(VerdictName)):
        assert re.search(rf"`{re.escape(word)}[`(]", GUIDE), word

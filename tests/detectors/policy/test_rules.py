from __future__ import annotations

from dataclasses import asdict

import pytest

from detectors.policy import (
    All,
    Marked,
    Not,
    Policy,
    Rule,
    Tampered,
    load_policy,
    parse_policy,
)
from detectors.policy import rules as rules_module
from provenance.errors import InputMissing, OptionError
from tests.result_facts import result

TEXT = """\
# what uploads must fulfil
version = "7"
default = "allow"

[[rule]]
when = "tampered or conflicting"
action = "review"
reason = "does not fit"

[[rule]]
when = "marked and not tampered"
action = "label"
reason = "made with AI"
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "uploads.toml"
    path.write_text(TEXT)
    return load_policy(path)


def test_the_first_rule_that_holds_decides(policy):
    label = policy.decide(result())
    assert (label.action, label.reason, label.rule) == ("label", "made with AI", 2)
    review = policy.decide(result(tampered=True))
    assert (review.action, review.rule) == ("review", 1)
    allow = policy.decide(result(watermark=type(result().watermark)(detected=False)))
    assert (allow.action, allow.reason, allow.rule) == ("allow", "no rule holds", None)


def test_a_decision_names_its_policy(policy):
    decision = asdict(policy.decide(result()))
    assert decision["policy_name"] == "uploads"
    assert decision["policy_version"] == "7"
    assert len(decision["policy_sha256"]) == 64
    changed = parse_policy(TEXT + "\n# a comment\n").decide(result())
    assert changed.policy_sha256 != decision["policy_sha256"]


def test_no_rule_is_asked_about_a_file_that_could_not_be_read():
    careless = Policy(rules=(Rule(when=Not(Marked()), action="allow"),), default="allow")
    unreadable = result(verdict="unreadable", watermark=type(result().watermark)(detected=False))
    assert careless.decide(unreadable).action == "review"
    blocking = parse_policy(TEXT.replace('default = "allow"', 'unreadable = "block"'))
    assert blocking.decide(unreadable).action == "block"
    assert blocking.default == "review"


def test_policies_are_made_in_python_too():
    rule = Rule(when=All(Marked(), Not(Tampered())), action="label", reason='a "reason"\n')
    made = Policy(rules=(rule,), version="1", name="n")
    again = parse_policy(made.text())
    assert (again.rules, again.version, again.name) == (made.rules, "1", "n")
    assert made.decide(result()) == again.decide(result())


def test_the_example_in_the_documentation_is_a_policy():
    example = rules_module.__doc__.split("::\n", 1)[1]
    example = "\n".join(line.removeprefix("    ") for line in example.splitlines())
    assert [rule.action for rule in parse_policy(example).rules] == ["review", "label"]


@pytest.mark.parametrize(
    ("spoil", "message", "hint"),
    [
        (("not tampered", "not tamperd"), "line 11: unknown requirement 'tamperd'", "tampered"),
        (('"label"', '"lable"'), "line 12: unknown action 'lable'", "did you mean label?"),
        (('"allow"', '"alow"'), "line 3: unknown action 'alow'", "did you mean allow?"),
        (('reason = "m', 'raeson = "m'), "line 13: unknown setting 'raeson'", "mean reason?"),
        (("default", "defualt"), "line 3: unknown setting 'defualt'", "did you mean default?"),
        (('action = "review"\n', ""), "line 5: the rule has no 'action'", "when and action"),
        (('version = "7"\n', ""), "there is no version", "version ="),
        (('"7"', "7"), "line 2: version is not text", 'version = "'),
        (('"7"', '"7"\nformat = 2'), "line 3: format 2 is not known", "format = 1"),
        (('"7"', '"7'), "not valid TOML", "quotes"),
        (("[[rule]]", "[rule]"), "not valid TOML", "quotes"),
    ],
)
def test_mistakes_name_line_and_remedy(spoil, message, hint):
    with pytest.raises(OptionError) as caught:
        parse_policy(TEXT.replace(*spoil), where="uploads.toml")
    assert message in caught.value.message
    assert "uploads.toml" in caught.value.message
    assert hint in caught.value.hint


def test_files_that_are_no_policy(tmp_path):
    with pytest.raises(InputMissing):
        load_policy(tmp_path / "gone.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="UTF-8"):
        load_policy(tmp_path / "binary.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(OptionError, match="too large"):
        load_policy(tmp_path / "huge.toml")


def test_a_policy_of_an_editor_that_marks_its_files_is_read(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_bytes(b'\xef\xbb\xbfversion = "7"\r\ndefault = "block"\r\n')
    assert load_policy(path).version == "7"

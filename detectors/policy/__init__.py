"""What a file must fulfil, and what is then done with it: conditions, rules, policies.

A *condition* is a sentence about one result: ``marked and not tampered``, or in Python
``All(Marked(), Not(Tampered()))``. ``ltx-verify --require`` takes one. A *policy* is an ordered
list of rules, each a condition with an action, in a TOML file: see :func:`load_policy`.
"""

from detectors.policy.condition import All, Any, Condition, Not
from detectors.policy.facts import (
    FACTS,
    Ai,
    AiEdited,
    AiGenerated,
    Authenticated,
    Conflicting,
    Damaged,
    Issuer,
    Marked,
    Model,
    Modified,
    NoEvidence,
    Present,
    Readable,
    Recovered,
    Signed,
    Tampered,
    Trusted,
    Unchecked,
    Untampered,
)
from detectors.policy.language import parse_condition, parse_requirements
from detectors.policy.rules import (
    ACTIONS,
    PASSING,
    Policy,
    Rule,
    load_policy,
    parse_policy,
)
from detectors.result import Action, Decision

__all__ = [
    "ACTIONS",
    "FACTS",
    "PASSING",
    "Action",
    "Ai",
    "AiEdited",
    "AiGenerated",
    "All",
    "Any",
    "Authenticated",
    "Condition",
    "Conflicting",
    "Damaged",
    "Decision",
    "Issuer",
    "Marked",
    "Model",
    "Modified",
    "NoEvidence",
    "Not",
    "Policy",
    "Present",
    "Readable",
    "Recovered",
    "Rule",
    "Signed",
    "Tampered",
    "Trusted",
    "Unchecked",
    "Untampered",
    "load_policy",
    "parse_condition",
    "parse_policy",
    "parse_requirements",
]

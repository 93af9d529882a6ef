"""Verification: what a file's pixels and credentials say about where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.lazy_names import lazy_names

if TYPE_CHECKING:
    from detectors.policy import Policy, load_policy
    from detectors.report import to_html, to_json, to_text
    from detectors.result import Result
    from detectors.verification import verify

_HOME = {
    "Policy": "detectors.policy",
    "Result": "detectors.result",
    "load_policy": "detectors.policy",
    "to_html": "detectors.report",
    "to_json": "detectors.report",
    "to_text": "detectors.report",
    "verify": "detectors.verification",
}

__all__ = ["Policy", "Result", "load_policy", "to_html", "to_json", "to_text", "verify"]

__getattr__, __dir__ = lazy_names(__name__, _HOME, __all__)

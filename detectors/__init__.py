"""Verification: what a file's pixels and credentials say about where it came from."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)

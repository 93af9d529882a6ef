"""From what a scan found to what a platform does: the policy in force, and what failures mean.

Failures never let a file pass: a scan that broke, or took too long, is for people to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detectors.policy import load_policy, parse_policy
from service.scans import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from detectors.policy import Policy
    from provenance.errors import EveryframeError

BUILT_IN = """
format = 1
version = "1"
name = "everyframe"
default = "allow"
unreadable = "review"

[[rule]]
when = "conflicting or tampered"
action = "review"
reason = "what the file says of itself does not fit together"

[[rule]]
when = "damaged"
action = "review"
reason = "the file is damaged, so that not all of it could be looked at"

[[rule]]
when = "ai"
action = "label"
reason = "made or edited with AI"
"""
"""What happens where the operator says nothing."""


def open_policy(path: Path | None) -> Policy:
    """The policy in the file, or the built-in one.

    Raises :class:`~provenance.errors.OptionError`, :class:`~provenance.errors.InputError`.
    """
    return parse_policy(BUILT_IN, name="everyframe") if path is None else load_policy(path)


def failed(error: EveryframeError, *, attempts: int) -> Answer:
    """The answer for a scan that came to nothing: review, always."""
    return Answer(
        verdict="unreadable",
        action="review",
        document={
            "signals": [],
            "decision": {"action": "review", "reason": "the scan failed", "rule": None},
            "error": {"code": error.code, "message": error.message, "attempts": attempts},
            "result": None,
        },
    )


def signals_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """What speaks for the verdict in a result, for a program to act on."""
    signals = [
        _mark("watermark", record["watermark"]),
        _mark("audio_watermark", record["audio_watermark"]),
    ]
    manifest = record["manifest"]
    if manifest["present"]:
        signals.append(
            {
                "kind": "credentials",
                "state": manifest["state"],
                "source": manifest["source"],
                "issuer": manifest["issuer"],
                "digital_source_type": manifest["digital_source_type"],
            }
        )
    signals += [
        {"kind": "tampering", **{key: finding[key] for key in ("start_s", "end_s", "region")},
         "what": finding["kind"]}
        for finding in record["tampering"]
    ]  # fmt: skip
    return [signal for signal in signals if signal is not None]


def _mark(kind: str, facts: dict[str, Any] | None) -> dict[str, Any] | None:
    if facts is None or not facts["detected"]:
        return None
    names = ("authenticated", "model", "model_name", "date", "content_id", "confidence")
    return {"kind": kind, **{name: facts[name] for name in names}}

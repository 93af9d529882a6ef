"""What a protected process is told, and how it answers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from generators.protection.recording import Recording
    from provenance.errors import EveryframeError

VARIABLE = "EVERYFRAME_PROTECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """``model`` and ``prompt`` go into what is written; ``report``: a file for answers.

    ``begun``: recordings of this process that are not closed yet.
    """

    model: str
    report: str
    prompt: str | None = None
    begun: list[Recording] = field(default_factory=list, compare=False)

    @classmethod
    def from_text(cls, text: str) -> Orders:
        return cls(**json.loads(text))

    def as_text(self) -> str:
        return json.dumps({"model": self.model, "report": self.report, "prompt": self.prompt})

    def tell(self, event: str, **facts: Any) -> None:
        """Appends one line; lines of several processes do not mix (O_APPEND, one write)."""
        line = json.dumps({"event": event, "pid": os.getpid(), **facts}) + "\n"
        try:
            place = os.open(self.report, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:  # this process outlives ltx-protect
            if event == "started":
                raise
            return
        try:
            os.write(place, line.encode("utf-8", "surrogateescape"))
        finally:
            os.close(place)

    def record(self, path: Path, **settings: Any) -> Recording:
        """A new recording, see there."""
        from generators.protection.recording import Recording

        return Recording(path, self, **settings)

    def refuse(self, error: EveryframeError) -> EveryframeError:
        """``error``, told to ``ltx-protect`` too: programs swallow exceptions."""
        self.tell("refused", message=error.message, hint=error.hint, code=error.code)
        return error

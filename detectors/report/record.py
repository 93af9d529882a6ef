"""A result as JSON for programs."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detectors.result import Result

_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(result: Result, *, indent: int | None = None) -> str:
    """``result`` as one JSON object of the schema ``everyframe.verify/1``."""
    text = json.dumps(to_record(result), indent=indent, ensure_ascii=False, allow_nan=False)
    # A file name that is no UTF-8 has lone surrogates: they can only be written as escapes.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_record(result: Result) -> dict[str, Any]:
    """``result`` as JSON values. Pictures of the file and maps over them are left out."""
    document = asdict(replace(result, tamper_map=None, storyboard=()))
    del document["tamper_map"], document["storyboard"]
    # The schema's name goes first: it tells a reader what the rest is.
    return {"schema": document.pop("schema"), **document}


def schema_text() -> str:
    """The JSON Schema of :func:`to_json`'s output."""
    return files("detectors").joinpath("schema/verify-1.json").read_text(encoding="utf-8")

"""Names for results that follow from everything they depend on.

A result is stored under the digest of its causes: the clip's bytes, the system's version, what was
drawn, and the code that applies it. So an interrupted run finds what is done, and a changed attack
is run again while all others stand.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 20
_DIGITS = 24


def file_digest(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(**causes: Any) -> str:
    """A short digest of ``causes``, which are JSON values."""
    text = json.dumps(causes, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@lru_cache(maxsize=256)
def code_digest(*things: type | FunctionType) -> str:
    """Digest of the source of classes or functions, and of all that they use of their own package.

    Constants count by their value. What other packages do is not looked at: their versions belong
    among the causes where they matter.
    """
    seen: dict[str, str] = {}
    queue: list[Any] = list(things)
    package = things[0].__module__.split(".")[0]
    while queue:
        thing = queue.pop()
        name = f"{thing.__module__}.{thing.__qualname__}"
        if name in seen:
            continue
        seen[name] = inspect.getsource(thing)
        for used, value in _used(thing, package):
            code: list[type | FunctionType] = []
            written = _written(value, code)
            queue += [part for part in code if part.__module__.split(".")[0] == package]
            if written is not None:
                seen[f"{name} uses {used}"] = written
    return key_of(**seen)


def _written(value: Any, code: list[type | FunctionType]) -> str | None:
    """A constant as text that says all of its value, None for what is no constant. Classes and
    functions, in it too, are added to ``code``.
    """
    value = inspect.unwrap(value) if callable(value) else value
    if isinstance(value, type | FunctionType):
        code.append(value)
        return f"{value.__module__}.{value.__qualname__}"
    if value is None or isinstance(value, int | float | complex | str | bytes | Fraction):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, Mapping):
        value = tuple(value.items())
    elif is_dataclass(value):
        value = (type(value), *((part.name, getattr(value, part.name)) for part in fields(value)))
    if not isinstance(value, tuple | list | frozenset | set):
        return None
    parts = [str(_written(part, code)) for part in value]
    return f"({', '.join(sorted(parts) if isinstance(value, frozenset | set) else parts)})"


def _used(thing: type | FunctionType, package: str) -> Iterator[tuple[str, Any]]:
    """Global names that the code of ``thing`` mentions, and what it imports of ``package`` on its
    way, with their values.
    """
    functions = [thing] if isinstance(thing, FunctionType) else _methods(thing)
    for function in functions:
        names = list(_names(function.__code__))
        scope = dict(vars(sys.modules[thing.__module__]))
        for name in names:
            if name.partition(".")[0] == package:
                scope = vars(import_module(name)) | scope
        for name in names:
            if name in scope and not isinstance(scope[name], ModuleType):
                yield name, scope[name]


def _methods(kind: type) -> list[FunctionType]:
    found = []
    for value in vars(kind).values():
        inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        # Those that dataclasses write have no source of their own.
        if isinstance(inner, FunctionType) and inner.__code__.co_filename == _file(kind):
            found.append(inner)
    return found


def _file(kind: type) -> str | None:
    return getattr(sys.modules[kind.__module__], "__file__", None)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)

"""A result again, from its JSON: the way back from :func:`detectors.report.to_record`.

Reports can so be made later, and elsewhere, of results that came from a process that is not
trusted: every value is held against the type of its field, and unknown fields are refused.
"""

from __future__ import annotations

import sys
import types
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from detectors.result import Result
from provenance.payload import Source

_NOT_IN_JSON = frozenset({"tamper_map", "storyboard"})


def from_record(record: Any) -> Result:
    """The result that ``record`` (JSON values) says; without pictures, which JSON leaves out.

    Raises ``ValueError`` for anything that :func:`detectors.report.to_record` does not make.
    """
    found: Result = _made(Result, record, "result")
    return found


@lru_cache(maxsize=32)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns={"Source": Source})


def _made(kind: Any, record: Any, where: str) -> Any:
    if not isinstance(record, dict):
        raise _unfit(where, "an object")
    hints = {name: hint for name, hint in _hints(kind).items() if name not in _NOT_IN_JSON}
    if unknown := record.keys() - hints.keys():
        raise ValueError(f"{where} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
    needed = {
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    }
    if missing := needed - record.keys():
        raise ValueError(f"{where} lacks fields: {', '.join(sorted(missing))}")
    return kind(
        **{name: _value(hints[name], item, f"{where}.{name}") for name, item in record.items()}
    )


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        (inner,) = (one for one in arguments if one is not types.NoneType)
        return None if value is None else _value(inner, value, where)
    if origin is tuple:
        return _several(arguments, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise _unfit(where, "an object")
        return {str(key): _value(arguments[1], item, where) for key, item in value.items()}
    return _made(hint, value, where) if is_dataclass(hint) else _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is Literal:
        known = get_args(hint)
        if value not in known:
            raise _unfit(where, f"one of {', '.join(map(str, known))}")
        return value
    # JSON has one kind of number, and true is none.
    fits = isinstance(value, int | float) if hint is float else isinstance(value, hint)
    if not fits or (isinstance(value, bool) and hint is not bool):
        raise _unfit(where, f"of the type {hint.__name__}")
    if hint is float and not abs(value) <= sys.float_info.max:  # NaN too, and ints beyond it
        raise _unfit(where, "a finite number")
    return value


def _several(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _unfit(where, "a list")
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], item, where) for item in value)
    if len(kinds) != len(value):
        raise _unfit(where, f"a list of {len(kinds)}")
    return tuple(_value(kind, item, where) for kind, item in zip(kinds, value, strict=True))


def _unfit(where: str, wanted: str) -> ValueError:
    return ValueError(f"{where} is not {wanted}")

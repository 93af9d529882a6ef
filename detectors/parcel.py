"""A result on its way out of a process that may have been taken over: JSON values, checked by type.

Pickle would run what it is sent. Here everything is built by the types that
:mod:`detectors.result` states, and what does not fit them is refused.
"""

from __future__ import annotations

import base64
import types
from dataclasses import fields, is_dataclass
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from detectors.result import Result
from provenance.payload import Source

_NAMES: Final[dict[str, Any]] = {"np": np, "NDArray": NDArray, "Source": Source}
_FLOATS: Final = NDArray[np.float32]
_MOST_CELLS: Final = 1 << 24


def pack_result(result: Result) -> dict[str, Any]:
    """``result``, all of it, as values that JSON can carry."""
    packed: dict[str, Any] = _packed(result)
    return packed


def unpack_result(value: Any) -> Result:
    """The result that ``value`` is. Raises ``ValueError`` for anything that is none."""
    result: Result = _unpacked(Result, value)
    return result


def _packed(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _packed(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(value.astype("<f4").tobytes()).decode()
        return {"shape": list(value.shape), "data": data}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, tuple | list):
        return [_packed(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _packed(one) for name, one in value.items()}
    return value


def _unpacked(kind: Any, value: Any) -> Any:  # noqa: PLR0911 one line for each kind of type
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _one_of(parts, value)
    if origin in {Union, types.UnionType}:
        return _first_that_fits(parts, value)
    if kind == _FLOATS:
        return _floats(value)
    if origin is tuple:
        return _tuple(parts, value)
    if origin is dict:
        return {
            _unpacked(str, name): _unpacked(parts[1], one) for name, one in _dict(value).items()
        }
    if is_dataclass(kind):
        return _data(kind, _dict(value))
    return _plain(kind, value)


def _plain(kind: Any, value: Any) -> Any:
    if kind is bytes and isinstance(value, str):
        return base64.b64decode(value, validate=True)
    if kind is float and type(value) is int:
        return float(value)
    if kind not in {bool, int, float, str, types.NoneType} or type(value) is not kind:
        raise ValueError(f"{type(value).__name__} where {kind} belongs")
    return value


def _data(kind: Any, value: dict[str, Any]) -> Any:
    hints = get_type_hints(kind, localns=_NAMES)
    names = {field.name for field in fields(kind)}
    if value.keys() != names:
        raise ValueError(f"{kind.__name__} has other fields")
    return kind(**{name: _unpacked(hints[name], value[name]) for name in names})


def _one_of(parts: tuple[Any, ...], value: Any) -> Any:
    for part in parts:
        if value == part and type(value) is type(part):
            return part
    raise ValueError(f"not one of {parts}")


def _first_that_fits(parts: tuple[Any, ...], value: Any) -> Any:
    for part in parts:
        try:
            return _unpacked(part, value)
        except ValueError:
            continue
    raise ValueError(f"{type(value).__name__} fits none of {parts}")


def _tuple(parts: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 all that is wrong is a ValueError
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(_unpacked(parts[0], one) for one in value)
    if len(value) != len(parts):
        raise ValueError(f"{len(value)} where {len(parts)} belong")
    return tuple(_unpacked(part, one) for part, one in zip(parts, value, strict=True))


def _floats(value: Any) -> NDArray[np.float32]:
    given = _dict(value)
    shape = _tuple((int, Ellipsis), given.get("shape"))
    data = _plain(bytes, given.get("data"))
    if min(shape, default=0) < 0 or len(data) > 4 * _MOST_CELLS:
        raise ValueError("not the shape of an array")
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(shape)


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 all that is wrong is a ValueError
    return value

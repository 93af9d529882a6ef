"""Where a peak between samples has its top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def vertex(line: NDArray[Any], index: int, *, periodic: bool = False) -> float:
    """Where the parabola through the peak at ``index`` of ``line`` has its top, within ±0.5 of it.

    ``periodic``: the line's ends are neighbours; else a peak at an end has its top there.
    """
    if not periodic and not 0 < index < len(line) - 1:
        return float(index)
    size = len(line)
    left, top, right = float(line[index - 1]), float(line[index]), float(line[(index + 1) % size])
    curvature = left - 2 * top + right
    if not curvature:
        return float(index)
    return index + min(max(0.5 * (left - right) / curvature, -0.5), 0.5)

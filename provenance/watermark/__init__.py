"""The invisible mark: a keyed tile of cells under the bound of visibility, and the search for it.

:class:`ClipMarker` writes, :class:`ClipDetector` reads, :class:`Detection` is what was read. The
roles around the exact part, :class:`Embedder` and :class:`Extractor`, are in ``roles``.

Names are resolved on first use (PEP 562): what writes needs none of what searches.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provenance.watermark.detection import Detection, Geometry, Segment
    from provenance.watermark.detector import ClipDetector
    from provenance.watermark.marker import ClipMarker
    from provenance.watermark.roles import Embedder, Extractor
    from provenance.watermark.tile import too_small

_HOME = {
    "ClipDetector": "detector",
    "ClipMarker": "marker",
    "Detection": "detection",
    "Embedder": "roles",
    "Extractor": "roles",
    "Geometry": "detection",
    "Segment": "detection",
    "too_small": "tile",
}

__all__ = [
    "ClipDetector",
    "ClipMarker",
    "Detection",
    "Embedder",
    "Extractor",
    "Geometry",
    "Segment",
    "too_small",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""The invisible mark: a keyed tile of cells under the bound of visibility, and the search for it.

:class:`ClipMarker` writes, :class:`ClipDetector` reads, :class:`Detection` is what was read. The
roles around the exact part, :class:`Embedder` and :class:`Extractor`, are in ``roles``.

Names are resolved on first use (PEP 562): what writes needs none of what searches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.lazy_names import lazy_names

if TYPE_CHECKING:
    from provenance.watermark.detection import Detection, Geometry, Segment
    from provenance.watermark.detector import ClipDetector
    from provenance.watermark.marker import ClipMarker
    from provenance.watermark.roles import Embedder, Extractor
    from provenance.watermark.tile import too_small

_HOME = {
    "ClipDetector": "provenance.watermark.detector",
    "ClipMarker": "provenance.watermark.marker",
    "Detection": "provenance.watermark.detection",
    "Embedder": "provenance.watermark.roles",
    "Extractor": "provenance.watermark.roles",
    "Geometry": "provenance.watermark.detection",
    "Segment": "provenance.watermark.detection",
    "too_small": "provenance.watermark.tile",
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

__getattr__, __dir__ = lazy_names(__name__, _HOME, __all__)

"""The invisible mark: a keyed tile of cells under the bound of visibility, and the search for it.

:class:`ClipMarker` writes, :class:`ClipDetector` reads, :class:`Detection` is what was read. The
roles around the exact part, :class:`Embedder` and :class:`Extractor`, are in ``roles``.
"""

from __future__ import annotations

from provenance.watermark.detection import Detection, Geometry, Segment
from provenance.watermark.detector import ClipDetector
from provenance.watermark.marker import ClipMarker
from provenance.watermark.roles import Embedder, Extractor
from provenance.watermark.tile import too_small

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

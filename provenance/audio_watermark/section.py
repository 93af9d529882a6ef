"""A stretch of sound that is searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.audio_watermark.coarse import CoarseMaps
from provenance.audio_watermark.softmap import halved, soft_map

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from provenance.audio_watermark.softmap import Stretch


class Section:
    """A stretch of sound, and the maps that were made of it: all keys look at the same.

    ``mono``: (N,) float32; ``rate`` in samples a second.
    """

    def __init__(self, mono: NDArray[np.float32], rate: int) -> None:
        self._mono, self._rate = halved(mono, rate)
        self._maps: dict[Stretch, NDArray[np.float32]] = {}
        self.coarse = CoarseMaps(self._mono, self._rate)

    def map_at(self, stretch: Stretch) -> NDArray[np.float32]:
        """See :func:`soft_map`."""
        found = self._maps.get(stretch)
        if found is None:
            found = self._maps[stretch] = soft_map(self._mono, self._rate, stretch)
        return found

"""The two roles around the exact part: what embeds a pattern, and what listens for one.

Keys, payloads and geometry are not their business: both work on a picture in which a cell has
``pixels_per_cell`` pixels a side, and the exact part around them does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns a pattern into a residual that suits the picture."""

    @property
    def pixels_per_cell(self) -> int: ...

    def residual(
        self,
        luma: NDArray[np.float32],
        pattern: NDArray[np.float32],
        previous: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """(H, W) change in 8-bit levels that writes ``pattern`` (H, W, ±1) into ``luma`` (0…255).

        ``previous`` is the picture of the update before, for motion; None at a clip's start.
        """
        ...


class Extractor(Protocol):
    """Listens for a pattern in a picture."""

    @property
    def pixels_per_cell(self) -> int: ...

    def soft_map(self, luma: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) evidence for a positive (or, below 0, negative) pattern at each pixel of ``luma``.

        ``luma``: (H, W) in 0…255, one frame or the mean of several. Proportional to the
        log-likelihood ratio, so that maps of many frames add up.
        """
        ...

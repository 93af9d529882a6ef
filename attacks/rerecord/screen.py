"""A display as a camera sees it: linear light, red, green and blue stripes, rows drawn in turn.

Its pixels are not drawn one by one. Light that leaves a panel is the picture times a grid that is
the same in every pixel; what a lens and a photosite make of such a grid is, at every place, its
mean over the point spread function, a periodic function that :func:`grid_table` holds. Sampled at
the places of the photosites it aliases as the real grid does: that is the moiré (Liu, Shu and Wu,
"Demoiréing of camera-captured screen images using deep convolutional neural network", 2018,
arXiv:1804.03809, draw the stripes and sample them; here the sum is done in closed form, exactly as
long as the picture is even over one pixel of the panel).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TABLE = 256  # places in a pixel of the panel
_HARMONICS = 4
STRIPE_OPEN = 0.28  # width of a colour's opening: a third less the black matrix
ROW_OPEN = 0.85
STRIPE_CENTRES = (1 / 6, 3 / 6, 5 / 6)  # red, green, blue from the left


def grid_table(*, centre: float, opening: float, sigma: float, site: float) -> NDArray[np.float32]:
    """(256,) light, on average 1, at places 0…1 of a pixel of the panel, along one axis.

    The opening is ``opening`` pixels wide around ``centre``; the lens blurs it by a Gaussian of
    ``sigma``, the photosite averages it over ``site``; all in pixels of the panel.
    """
    place = np.arange(TABLE) / TABLE
    light = np.ones(TABLE)
    for order in range(1, _HARMONICS + 1):
        seen = np.sinc(order * opening) * np.sinc(order * site)
        seen *= math.exp(-2 * (math.pi * order * sigma) ** 2)
        light += 2 * seen * np.cos(2 * np.pi * order * (place - centre))
    return np.asarray(light, np.float32)


def linear_light(gamma: float, white: tuple[float, float, float]) -> NDArray[np.float32]:
    """(1, 256, 3) light that a panel sends for each level; full white sends ``white``."""
    level = (np.arange(256) / 255) ** gamma
    return np.asarray((level[:, None] * np.asarray(white))[None], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How a panel changes its picture: ``hertz`` times a second, the first time ``phase`` of a
    period after 0, row after row during one period.
    """

    hertz: float
    phase: float

    def shown_at(self, time_s: float) -> float:
        """When the top row changes to a picture that a player gives out at ``time_s``."""
        return (math.ceil(time_s * self.hertz - self.phase - 1e-6) + self.phase) / self.hertz

    def shares(
        self,
        changes_s: Sequence[float],
        *,
        rows: NDArray[np.float64],
        opens_s: NDArray[np.float64],
        exposure_s: float,
    ) -> NDArray[np.float32]:
        """(N, R): what share of an exposure shows each of N pictures, in each of R rows.

        ``changes_s``: when the top row changed to the second picture, the third …, so that there
        are N − 1. ``rows``: heights of the rows on the panel, 0 (top) … 1. ``opens_s``: when
        their exposure begins. Every row adds up to 1.
        """
        change = np.asarray(changes_s, np.float64)[:, None] + rows[None] / self.hertz
        seen = np.clip((opens_s[None] + exposure_s - change) / exposure_s, 0.0, 1.0)
        full = np.concatenate([np.ones_like(opens_s)[None], seen])
        later = np.concatenate([seen, np.zeros_like(opens_s)[None]])
        return np.asarray(full - later, np.float32)

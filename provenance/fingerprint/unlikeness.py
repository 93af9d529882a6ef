"""How little moments of a film are like each second of another: the way to tell which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from provenance.fingerprint.geometry import WHOLE, comparison
from provenance.fingerprint.video_match import between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.fingerprint.outcome import FingerprintMatch
    from provenance.fingerprint.video import VideoFingerprint


def unlikeness(
    moments: NDArray[np.float32],
    reference: VideoFingerprint,
    found: FingerprintMatch,
    positions_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(T, S) squared distances, 0…4, of ``moments`` (T, 10, 16) and ``reference`` at
    ``positions_s`` (S,): 2 is what has nothing in common. NaN where there was no look.

    ``moments``: as :meth:`~provenance.fingerprint.video.Looks.between` gives them. ``found``: how
    the pictures lie on each other. Between the middles of its seconds, the reference is a mixture.
    """
    compared = comparison(found.window or WHOLE)
    if compared is None:
        return np.full((len(moments), len(positions_s)), 2.0)
    seen = moments[:, :, ::-1] if found.mirrored else moments
    ours = compared.of_query(np.nan_to_num(seen))
    theirs = compared.of_reference(between(reference.cells, positions_s - 0.5))
    apart = 2 - 2 * (ours @ theirs.T).astype(np.float64)
    apart[np.isnan(moments).any((1, 2))] = np.nan
    return np.asarray(apart, np.float64)

"""Keys by which a fingerprint is found among many: parts of it that survive unchanged.

As Haitsma and Kalker look sound up by sub-fingerprints that came through without an error, of many
keys a few are enough: each second of pictures gives four (signs of sixteen low frequencies each),
each second of sound ten. Pictures are also looked up mirrored and without bars. A crop changes all
of the keys: cropped pictures are found by their mark, or by their sound, and not here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from provenance.fingerprint.geometry import COLUMNS, ROWS, Window
from provenance.fingerprint.sound import FRAMES_A_SECOND
from provenance.fingerprint.sound_match import QUIETEST_DB
from provenance.fingerprint.video_match import LEAST_TEXTURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.fingerprint import SoundFingerprint, VideoFingerprint

TABLES, BITS = 4, 16
_SOUND_TABLE = 8  # the first of two
_STORED_EVERY = 3
_SOUGHT = 90  # moments
_MARGINS = (1.0, 1.12, 1.2, 1.33, 1.78)


def video_keys(fingerprint: VideoFingerprint) -> list[int]:
    """The keys under which pictures are stored."""
    return _video_keys(fingerprint.cells[fingerprint.texture >= LEAST_TEXTURE])


def video_queries(fingerprint: VideoFingerprint) -> list[int]:
    """The keys under which pictures are sought: as they are, mirrored, and with bars cut off."""
    cells = fingerprint.cells[fingerprint.texture >= LEAST_TEXTURE]
    found = _video_keys(cells[:, :, ::-1])
    for share in _MARGINS:
        for window in (Window(width=share), Window(height=share)):
            found += _video_keys(_inner(cells, window))
    return list(dict.fromkeys(found))


def sound_keys(fingerprint: SoundFingerprint) -> list[int]:
    """The keys under which sound is stored: of every third moment."""
    loud = np.repeat(fingerprint.loudness > QUIETEST_DB, FRAMES_A_SECOND)
    return _sound_keys(fingerprint.signs[::_STORED_EVERY][loud[::_STORED_EVERY]])


def sound_queries(fingerprint: SoundFingerprint) -> list[int]:
    """The keys under which sound is sought: of many moments, with up to one bit wrong."""
    loud = np.repeat(fingerprint.loudness > QUIETEST_DB, FRAMES_A_SECOND)
    signs = fingerprint.signs[loud]
    if len(signs) > _SOUGHT:
        signs = signs[np.linspace(0, len(signs) - 1, _SOUGHT).round().astype(int)]
    flips = [0, *(1 << bit for bit in range(BITS))]
    return list(dict.fromkeys(key ^ flip for flip in flips for key in _sound_keys(signs)))


def _video_keys(cells: NDArray[np.float32]) -> list[int]:
    if not len(cells):
        return []
    waves = np.einsum("tij,fij->tf", cells, _waves())
    return _packed(waves > 0, first_table=0)


def _sound_keys(signs: NDArray[np.int8]) -> list[int]:
    return _packed(signs > 0, first_table=_SOUND_TABLE) if len(signs) else []


def _packed(bits: NDArray[np.bool_], *, first_table: int) -> list[int]:
    """Each row in words of sixteen bits, with the number of its table in front."""
    words = bits.reshape(len(bits), -1, BITS) @ (1 << np.arange(BITS, dtype=np.int64))
    tables = first_table + np.arange(words.shape[1])
    return list(dict.fromkeys(((tables << BITS) + words).ravel().tolist()))


@lru_cache(maxsize=1)
def _waves() -> NDArray[np.float32]:
    """(64, ROWS, COLUMNS): cosines, dealt to the tables: each gets coarse and fine ones."""
    y = (np.arange(ROWS) + 0.5) * np.pi / ROWS
    x = (np.arange(COLUMNS) + 0.5) * np.pi / COLUMNS
    pairs = sorted(
        ((v, u) for v in range(8) for u in range(12) if u + v > 1),
        key=lambda p: (p[0] / ROWS) ** 2 + (p[1] / COLUMNS) ** 2,
    )[: TABLES * BITS]
    dealt = [pairs[index::TABLES] for index in range(TABLES)]
    waves = [np.outer(np.cos(v * y), np.cos(u * x)) for table in dealt for v, u in table]
    return np.asarray(np.stack(waves), np.float32)


def _inner(cells: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """What lies between bars: ``window`` is how much of the reference's size the query shows."""
    across, down = _middle(COLUMNS, window.width), _middle(ROWS, window.height)
    return np.asarray(down @ cells @ across.T, np.float32)


def _middle(cells: int, share: float) -> NDArray[np.float32]:
    places = (np.arange(cells) + 0.5) / share + cells * (1 - 1 / share) / 2 - 0.5
    near = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(cells)))
    return np.asarray(near / np.maximum(near.sum(1, keepdims=True), 1e-6), np.float32)

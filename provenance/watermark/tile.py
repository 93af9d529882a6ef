"""The keyed tile: which cell of the 32 × 32 says what.

A secret permutation deals the 1,024 cells out to three uses, and a secret sign on every cell hides
what it says from anyone without the key:

- 128 *pilot* cells have known signs: they show where the tile lies (shift, scale, mirror);
- 800 *payload* cells carry the coded payload, the same for the whole clip;
- 96 *clock* cells change every second: they say where in the original a piece comes from.

The tile repeats over the frame from its top-left corner. A cell is 1/120 of the short side of the
frame, but never less than 4 pixels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provenance import fec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.keys import CarrierKey

TILE = 32  # cells a side
PILOT_CELLS = 128
CLOCK_CELLS = 96
SLOT_S = 1.0  # how long the clock cells stand still: half of that doubles what a codec pays for it
CELLS_PER_SHORT_SIDE = 120
SMALLEST_CELL_PX = 4.0
SMALLEST_SIDE_PX = 128  # one whole tile of the smallest cells

assert PILOT_CELLS + CLOCK_CELLS + fec.CODED_BITS == TILE * TILE


def too_small(width: int, height: int) -> bool:
    """Whether a frame has no room for one whole tile, so that no mark can be written or read."""
    return min(width, height) < SMALLEST_SIDE_PX


def cell_size(width: int, height: int) -> float:
    """Side of a cell in pixels of a frame of this size, when it is marked."""
    return max(min(width, height) / CELLS_PER_SHORT_SIDE, SMALLEST_CELL_PX)


def _stream(key: CarrierKey, label: str, count: int) -> NDArray[np.uint32]:
    """``count`` secret 32-bit words: SHAKE-256 of the label under the key, the same everywhere."""
    digest = hashlib.shake_256(b"everyframe tile\0" + label.encode() + b"\0" + key.secret)
    return np.frombuffer(digest.digest(4 * count), dtype="<u4")


def _signs(key: CarrierKey, label: str, count: int) -> NDArray[np.float32]:
    return (1.0 - 2.0 * (_stream(key, label, count) & 1)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The layout of the tile under one key. Cells are numbered row by row.

    ``pilot``, ``payload`` and ``clock`` are cell numbers; ``pilot_signs`` and ``payload_mask`` ±1.
    """

    key: CarrierKey
    pilot: NDArray[np.intp]
    payload: NDArray[np.intp]
    clock: NDArray[np.intp]
    pilot_signs: NDArray[np.float32]
    payload_mask: NDArray[np.float32]

    def pilot_pattern(self) -> NDArray[np.float32]:
        """(32, 32) signs of the pilot, 0 on every other cell."""
        cells = np.zeros(TILE * TILE, np.float32)
        cells[self.pilot] = self.pilot_signs
        return cells.reshape(TILE, TILE)

    def steady_pattern(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(32, 32) signs of pilot and payload for (128,) payload ``bits``, 0 on clock cells."""
        cells = self.pilot_pattern().reshape(-1)
        cells[self.payload] = (1.0 - 2.0 * fec.encode(bits)) * self.payload_mask
        return cells.reshape(TILE, TILE)

    def clock_signs(self, slot: int) -> NDArray[np.float32]:
        """(96,) signs of the clock in the second number ``slot`` of the original."""
        return _signs(self.key, f"clock {slot}", CLOCK_CELLS)

    def pattern(self, bits: NDArray[np.uint8], slot: int) -> NDArray[np.float32]:
        """(32, 32) signs of the whole tile for (128,) payload ``bits`` in second ``slot``."""
        cells = self.steady_pattern(bits).reshape(-1)
        cells[self.clock] = self.clock_signs(slot)
        return cells.reshape(TILE, TILE)

    def pilot_heard(self, cells: NDArray[np.float32]) -> float:
        """How loud the pilot is in (32, 32) folded ``cells``, in standard deviations of chance."""
        values = cells.reshape(-1)
        said = float((values[self.pilot] * self.pilot_signs).mean())
        return float(said / (float(values.std()) + 1e-20) * np.sqrt(PILOT_CELLS))

    def payload_llr(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """(800,) log-likelihood ratios of the coded bits from (32, 32) folded ``cells``.

        The pilot gives the mark's amplitude; what is not amplitude in all cells is noise.
        """
        values = cells.reshape(-1)
        amplitude = float((values[self.pilot] * self.pilot_signs).mean())
        steady = values[np.concatenate([self.pilot, self.payload])]
        noise = max(
            float((steady**2).mean()) - amplitude**2, 1e-6 * float((steady**2).mean()), 1e-12
        )
        llr = 2 * max(amplitude, 0.0) / noise * values[self.payload] * self.payload_mask
        return llr.astype(np.float32)


def lay_out(key: CarrierKey) -> Tile:
    """The tile under ``key``."""
    order = np.argsort(_stream(key, "layout", TILE * TILE), kind="stable")
    pilot, clock, payload = np.split(order, [PILOT_CELLS, PILOT_CELLS + CLOCK_CELLS])
    return Tile(
        key=key,
        pilot=pilot,
        payload=payload,
        clock=clock,
        pilot_signs=_signs(key, "pilot", PILOT_CELLS),
        payload_mask=_signs(key, "payload", fec.CODED_BITS),
    )

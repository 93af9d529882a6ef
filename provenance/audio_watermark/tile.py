"""The keyed tile of the mark in the sound: which cell of time and frequency says what.

A tile is 44 bands by 64 columns of 40 ms, 2.56 s, and is repeated from the first sample on. Bands
are 70 Hz wide below 1.25 kHz and 5.6 % of their frequency above, from 280 Hz to 6.5 kHz: about as
wide as the ear's own resolution allows, so that a change of pitch stays within a cell until it is
searched for. Secret permutations deal the cells out to three uses, and a secret sign on each hides
what it says:

- 352 *pilot* cells have known signs: they show where the tile lies, and how it was stretched;
- 2,208 *payload* cells carry the 800 coded bits (:mod:`provenance.fec`) two or three times;
- 256 *clock* cells change from tile to tile: they say where in the original a piece comes from.

The bands that a telephone lets through (to 3.4 kHz) and those above are dealt out apart, so that
every coded bit is heard in either.
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

ROWS = 44
COLUMNS = 64
COLUMN_S = 0.04
TILE_S = COLUMNS * COLUMN_S
LOWEST_HZ = 280.0
_NARROWEST_HZ = 70.0
_RELATIVE_WIDTH = 0.056
_SPEECH_ROWS = 30  # to 3.4 kHz
# (cells, pilot, clock) of the rows of speech and of those above; the rest is payload.
_SHARES = ((_SPEECH_ROWS * COLUMNS, 240, 176), ((ROWS - _SPEECH_ROWS) * COLUMNS, 112, 80))
_CLOCK_BLOCK = 64  # tiles whose clocks come from one digest
_NEAR_ROWS, _FAR_ROWS = 7, 25  # over which noise and amplitude are averaged
_AMPLITUDE_POWER = 0.75  # of the energy, with which the amplitude goes in the maps of the listener
_LEAST_NOISE = 0.4  # of the energy: the pilot is too short to tell that a band has none
PILOT_CELLS = sum(pilot for _, pilot, _ in _SHARES)
CLOCK_CELLS = sum(clock for _, _, clock in _SHARES)
PAYLOAD_CELLS = ROWS * COLUMNS - PILOT_CELLS - CLOCK_CELLS


def band_edges() -> NDArray[np.float64]:
    """(45,) frequencies in Hz between which the bands lie, lowest first."""
    edges = [LOWEST_HZ]
    for _ in range(ROWS):
        edges.append(edges[-1] + max(_NARROWEST_HZ, _RELATIVE_WIDTH * edges[-1]))
    return np.array(edges)


def _stream(key: CarrierKey, label: str, count: int) -> NDArray[np.uint32]:
    """``count`` secret 32-bit words: SHAKE-256 of the label under the key, the same everywhere."""
    return np.frombuffer(_digest(key, label, 4 * count), dtype="<u4")


def _digest(key: CarrierKey, label: str, count: int) -> bytes:
    digest = hashlib.shake_256(b"everyframe sound tile\0" + label.encode() + b"\0" + key.secret)
    return digest.digest(count)


def _signs(key: CarrierKey, label: str, count: int) -> NDArray[np.float32]:
    return (1.0 - 2.0 * (_stream(key, label, count) & 1)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTile:
    """The layout of the tile under one key. Cells are numbered row by row, the lowest band first.

    ``pilot``, ``payload`` and ``clock`` are cell numbers; ``pilot_signs`` and ``payload_mask`` ±1.
    Payload cell number n carries coded bit n mod 800.
    """

    key: CarrierKey
    pilot: NDArray[np.intp]
    payload: NDArray[np.intp]
    clock: NDArray[np.intp]
    pilot_signs: NDArray[np.float32]
    payload_mask: NDArray[np.float32]

    def pilot_pattern(self) -> NDArray[np.float32]:
        """(44, 64) signs of the pilot, 0 on every other cell."""
        cells = np.zeros(ROWS * COLUMNS, np.float32)
        cells[self.pilot] = self.pilot_signs
        return cells.reshape(ROWS, COLUMNS)

    def steady_pattern(self, bits: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(44, 64) signs of pilot and payload for (128,) payload ``bits``, 0 on clock cells."""
        cells = self.pilot_pattern().reshape(-1)
        coded = np.resize(1.0 - 2.0 * fec.encode(bits), PAYLOAD_CELLS)
        cells[self.payload] = coded * self.payload_mask
        return cells.reshape(ROWS, COLUMNS)

    def clock_signs(self, slot: int) -> NDArray[np.float32]:
        """(256,) signs of the clock in the tile number ``slot`` of the original."""
        first = slot // _CLOCK_BLOCK * _CLOCK_BLOCK
        return np.asarray(self.clock_block(first // _CLOCK_BLOCK)[slot - first], np.float32)

    def clock_block(self, number: int) -> NDArray[np.float32]:
        """(64, 256) signs of the clock in the tiles from 64 × ``number`` on."""
        digest = _digest(self.key, f"clock {number}", _CLOCK_BLOCK * CLOCK_CELLS // 8)
        bits = np.unpackbits(np.frombuffer(digest, np.uint8))
        signs = 1.0 - 2.0 * bits.reshape(_CLOCK_BLOCK, CLOCK_CELLS)
        return np.asarray(signs, np.float32)

    def pattern(self, bits: NDArray[np.uint8], slot: int) -> NDArray[np.float32]:
        """(44, 64) signs of the whole tile number ``slot`` for (128,) payload ``bits``."""
        cells = self.steady_pattern(bits).reshape(-1)
        cells[self.clock] = self.clock_signs(slot)
        return cells.reshape(ROWS, COLUMNS)

    def payload_llr(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """(800,) log-likelihood ratios of the coded bits from (44, 64) folded ``cells``.

        The pilot gives the mark's amplitude in all bands, and as far as it is heard there, how much
        more or less there is in some; what is not amplitude is noise. Bands that noise lies over,
        or of which a codec left nothing, thus say little.
        """
        values = cells.reshape(-1)
        amplitude, noise = self._heights(cells)
        weights = np.repeat(2 * amplitude / noise, COLUMNS)[self.payload]
        told = values[self.payload] * self.payload_mask * weights
        summed = np.bincount(np.arange(PAYLOAD_CELLS) % fec.CODED_BITS, weights=told)
        return summed.astype(np.float32)

    def agreement(self, cells: NDArray[np.float32]) -> float:
        """How far the cells that carry the same bit agree in (44, 64) folded ``cells``.

        In standard deviations of what fair coins would; the payload need not be known.
        """
        told = cells.reshape(-1)[self.payload] * self.payload_mask
        bit = np.arange(PAYLOAD_CELLS) % fec.CODED_BITS
        sums, squares, fourths = (np.bincount(bit, weights=told**n) for n in (1, 2, 4))
        variance = 2 * (squares**2 - fourths).sum()
        return float((sums**2 - squares).sum() / np.sqrt(max(variance, 1e-12)))

    def _heights(
        self, cells: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(44,) amplitudes of the mark and (44,) variances of the noise in the bands."""
        energy = _around(np.square(cells, dtype=np.float64).mean(1), _NEAR_ROWS)
        energy = np.maximum(energy, max(1e-6 * float(energy.max()), 1e-12))
        rows = self.pilot // COLUMNS
        told = np.bincount(
            rows, weights=cells.reshape(-1)[self.pilot] * self.pilot_signs, minlength=ROWS
        )
        count = np.bincount(rows, minlength=ROWS)
        # A band whose noise is louder is believed to hold more of the mark, as the listener does.
        shape = energy**_AMPLITUDE_POWER
        heard = _around(told * shape / energy, _FAR_ROWS)
        weight = _around(count * shape**2 / energy, _FAR_ROWS)
        everywhere = float((told / shape).sum()) / PILOT_CELLS
        prior = float(weight.mean())
        amplitude = np.maximum((heard + prior * everywhere) / (weight + prior), 0.0) * shape
        return amplitude, np.maximum(energy - amplitude**2, _LEAST_NOISE * energy)


def _around(values: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Means of (44,) ``values`` over as many ``rows`` (odd), the nearest counting most."""
    weights = np.hanning(rows + 2)[1:-1]
    padded = np.pad(values, rows // 2, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def lay_out(key: CarrierKey) -> SoundTile:
    """The tile under ``key``."""
    words = _stream(key, "layout", ROWS * COLUMNS)
    pilot, clock, payload = [], [], []
    first = 0
    for cells, pilots, clocks in _SHARES:
        order = first + np.argsort(words[first : first + cells], kind="stable")
        first += cells
        pilot.append(order[:pilots])
        clock.append(order[pilots : pilots + clocks])
        payload.append(order[pilots + clocks :])
    return SoundTile(
        key=key,
        pilot=np.concatenate(pilot),
        payload=np.concatenate(payload),
        clock=np.concatenate(clock),
        pilot_signs=_signs(key, "pilot", PILOT_CELLS),
        payload_mask=_signs(key, "payload", PAYLOAD_CELLS),
    )

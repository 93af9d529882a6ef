"""Writing the mark into the frames of one clip, in order, at full size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from provenance.errors import FrameError, MediaTooSmall, OptionError
from provenance.payload import Payload, pack
from provenance.watermark.carrier import SpreadSpectrumEmbedder
from provenance.watermark.shots import Shots, glance
from provenance.watermark.tile import SLOT_S, TILE, cell_size, lay_out, too_small

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from provenance.keys import CarrierKey
    from provenance.watermark.roles import Embedder

_UPDATE_S = 0.2  # how long a residual is used before it is drawn anew
_STRENGTHS = (0.5, 4.0)
_PSNR_DB = (34.0, 60.0)


def _loudness(cell_px: float) -> float:
    """Amplitude for a cell of this size, 1 at 720 lines: fewer pixels have to speak up."""
    return min(max(6.0 / cell_px, 0.9), 1.5)


def louder_until(error: Callable[[Any], Any], psnr: float) -> Any:
    """The largest factor, up to 4, whose ``error`` (mean square, levels) stays at ``psnr`` dB.

    A number where ``error`` gives numbers, and a () tensor where it gives those: without branches,
    so that an error that lives on a GPU is not waited for.
    """
    allowed = 255.0**2 / 10 ** (psnr / 10)
    low, high = 0.0, _STRENGTHS[1]
    for _ in range(9):
        middle = (low + high) / 2
        quiet = error(middle) <= allowed
        low, high = low + quiet * (middle - low), middle + quiet * (high - middle)
    return low


def moment_of(time_s: float) -> tuple[int, int]:
    """(second of the clock, update within it): frames with the same moment share a residual."""
    return int(time_s // SLOT_S), int(time_s % SLOT_S / _UPDATE_S)


class ClipMarker:
    """Marks the luma of one clip, frame by frame, in display order.

    ``width`` and ``height`` are the frame's in pixels. ``strength`` scales the amplitude that the
    eye's bound allows (1 is invisible by design). ``psnr`` in dB asks instead for the strongest
    mark that keeps every frame's luma at least so near to the original (saturation aside, 8-bit
    scale), up to strength 4. ``shift`` moves the tile by so many cells right and down: a second
    mark in a clip that holds one already must not lie on the first.

    Raises :class:`MediaTooSmall` when a frame has no room for a tile and :class:`OptionError` for
    a strength outside 0.5…4 or a PSNR outside 34…60 dB.
    """

    def __init__(
        self,
        *,
        payload: Payload,
        key: CarrierKey,
        width: int,
        height: int,
        strength: float = 1.0,
        psnr: float | None = None,
        shift: tuple[int, int] = (0, 0),
        embedder: Embedder | None = None,
    ) -> None:
        if too_small(width, height):
            raise MediaTooSmall(
                f"a frame of {width}×{height} pixels has no room for a mark",
                hint="the short side must be 128 pixels or more",
            )
        low, high = _STRENGTHS
        if not low <= strength <= high:
            raise OptionError(f"strength {strength} is outside {low}…{high}", hint="default: 1.0")
        if psnr is not None and not _PSNR_DB[0] <= psnr <= _PSNR_DB[1]:
            raise OptionError(
                f"a PSNR of {psnr} dB is outside {_PSNR_DB[0]}…{_PSNR_DB[1]}",
                hint="44 dB is a usual wish",
            )
        self.psnr = psnr
        self._bits = pack(payload, key.secret)
        self._tile = lay_out(key)
        self._shift = shift
        self.levels = strength * _loudness(cell_size(width, height))
        self._embedder: Embedder = embedder or SpreadSpectrumEmbedder()
        self.size = (width, height)
        self.pixels_per_cell = self._embedder.pixels_per_cell
        scale = self.pixels_per_cell / cell_size(width, height)
        self.working = (round(width * scale), round(height * scale))
        self._previous: NDArray[np.float32] | None = None
        self._louder: NDArray[Any] | None = None
        self._quieter: NDArray[Any] | None = None
        self._drawn_at: tuple[int, int, int] | None = None
        self._shots = Shots()

    def mark(self, luma: NDArray[Any], *, time_s: float, bits: int = 8) -> NDArray[Any]:
        """A marked copy of ``luma`` (H, W), uint8, or uint16 with values below 2**``bits``.

        ``time_s`` is the frame's time in the original, 0 for the first. Raises :class:`FrameError`
        for another shape or type than the clip's.
        """
        width, height = self.size
        wanted = np.uint8 if bits == 8 else np.uint16
        if luma.shape != (height, width) or luma.dtype != wanted:
            raise FrameError(
                f"luma of shape {luma.shape} and type {luma.dtype} in a clip of "
                f"({height}, {width}) {np.dtype(wanted)}",
                hint="all frames of a clip have one size and depth",
            )
        moment = (*moment_of(time_s), bits)
        begins = self._shots.begins(glance(luma), bits=bits)
        if begins:
            self._previous = None  # what was before hides nothing, and is not to be seen
        if begins or moment != self._drawn_at:
            self._draw(luma, moment[0], bits)
            # What the first frame of a shot hides is for it alone.
            self._drawn_at = None if begins else moment
        assert self._louder is not None
        assert self._quieter is not None
        marked = cv2.subtract(cv2.add(luma, self._louder), self._quieter)
        if bits > 8:
            np.minimum(marked, (1 << bits) - 1, out=marked)
        return marked

    def _draw(self, luma: NDArray[Any], slot: int, bits: int) -> None:
        """Compute the residual for the frames from here on: what to add and what to take away."""
        small = cv2.resize(luma, self.working, interpolation=cv2.INTER_AREA).astype(np.float32)
        unit = float(1 << (bits - 8))
        small /= unit
        residual = self._embedder.residual(small, self.pattern(slot), self._previous)
        drawn = cv2.resize(residual, self.size, interpolation=cv2.INTER_CUBIC)
        full = np.asarray(drawn, np.float32)
        levels = self.levels
        if self.psnr is not None:
            levels = louder_until(
                lambda factor: float(np.mean(np.square(np.rint(full * np.float32(factor))))),
                self.psnr,
            )
        full *= np.float32(levels * unit)
        # Small integers first: what follows then moves a quarter of the memory.
        signed = np.dtype(np.int8 if bits == 8 else np.int16)
        change: NDArray[Any] = np.rint(full, out=full).astype(signed)
        none = np.zeros_like(change)  # an array: with a number this takes three times as long
        self._louder = np.maximum(change, none).view(luma.dtype)
        self._quieter = np.maximum(-change, none).view(luma.dtype)
        self._previous = small

    def tile(self, slot: int) -> NDArray[np.float32]:
        """(32, 32) signs of the tile of ``slot`` as it lies in the frame's top-left corner."""
        return np.roll(self._tile.pattern(self._bits, slot), self._shift[::-1], (0, 1))

    def pattern(self, slot: int) -> NDArray[np.float32]:
        """The tile of ``slot`` repeated over the working picture, ``pixels_per_cell`` a cell."""
        width, height = self.working
        grain = self.pixels_per_cell
        drawn = np.kron(self.tile(slot), np.ones((grain, grain), np.float32))
        side = TILE * grain
        return np.tile(drawn, (-(-height // side), -(-width // side)))[:height, :width]

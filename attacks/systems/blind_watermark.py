"""The mark of the package ``blind-watermark``, for still images (MIT licence).

It quantises the two largest singular values of each 4 × 4 DCT block in the low wavelet band of Y, U
and V, in an order that a password shuffles. It repeats any number of bits over the blocks; it is
given 32, as the other peers are. Two passwords are its key; it has no error correction or check.
"""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attacks.systems.accomplice import SystemAccomplice
from attacks.systems.frames import check_size, marked_frames, voted
from attacks.systems.message import drawn_bits, secret
from attacks.systems.packages import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attacks.accomplice import Accomplice
    from attacks.clip import Clip
    from attacks.systems.base import Medium, Reading

_PACKAGE = "blind-watermark"
_BLOCK_PX = 8  # a 4 × 4 block of the wavelet band comes from 8 × 8 pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindWatermark:
    """See the module."""

    name: str = "blind-watermark"
    frames_most: int | None = 8
    version: ClassVar[str] = "0.4.4/1"
    medium: ClassVar[Medium] = "video"
    message_bits: ClassVar[int] = 32
    keyed: ClassVar[bool] = True

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """Raises :class:`~provenance.errors.PackageMissing` and ``MediaTooSmall``."""
        # One block for every bit, and the package wants one more.
        least_px = (self.message_bits + 1) * _BLOCK_PX**2
        check_size(clip, least_px=least_px, system=self.name)
        kind, message = self._kind(), drawn_bits(self.name, seed, self.message_bits)

        def marked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            mark = kind(**self._passwords(seed))
            mark.read_img(img=image)
            # It shuffles the array that it is given.
            mark.read_wm(message.astype(bool), mode="bit")
            return np.asarray(np.rint(mark.embed()), np.uint8)

        return marked_frames(clip, marked)

    def read(self, clip: Clip, *, seed: int) -> Reading:
        """Raises :class:`~provenance.errors.PackageMissing`."""
        kind = self._kind()
        bits = self.message_bits

        def heard(image: NDArray[np.uint8]) -> NDArray[np.float64]:
            height, width = image.shape[:2]
            if (height // _BLOCK_PX) * (width // _BLOCK_PX) <= bits:
                return np.full(bits, 0.5)  # less than a block for each bit is left
            mark = kind(**self._passwords(seed))
            mark.wm_size = bits
            shares = mark.bwm_core.extract(img=image, wm_shape=bits)
            return np.asarray(mark.extract_decrypt(wm_avg=shares), np.float64)

        message = drawn_bits(self.name, seed, bits)
        return voted(clip, heard, self._decided, message=message)

    def accomplice(self, original: Clip, *, seed: int, stranger: Clip | None) -> Accomplice:
        return SystemAccomplice(system=self, original=original, seed=seed, other=stranger)

    def _decided(self, soft: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Two clusters, as the package decides; it cannot where all values are alike."""
        if float(np.ptp(soft)) < 1e-9:
            return soft > 0.5
        core = load("blind_watermark.bwm_core", package=_PACKAGE, needed_by=self.name)
        return np.asarray(core.one_dim_kmeans(soft), np.bool_)

    def _passwords(self, seed: int) -> dict[str, int]:
        word, image = np.frombuffer(secret(f"{self.name} passwords", seed, 8), "<u4")
        return {"password_wm": int(word), "password_img": int(image)}

    def _kind(self) -> Any:
        # On import it decides how the whole program starts processes, and fails where that has
        # been decided: neither is its business.
        if "blind_watermark" in sys.modules:
            return load("blind_watermark", package=_PACKAGE, needed_by=self.name).WaterMark
        method = multiprocessing.get_start_method(allow_none=True)
        multiprocessing.set_start_method(None, force=True)
        try:
            package = load("blind_watermark", package=_PACKAGE, needed_by=self.name)
        finally:
            multiprocessing.set_start_method(method, force=True)
        package.bw_notes.close()  # or it prints an advertisement among the results
        return package.WaterMark

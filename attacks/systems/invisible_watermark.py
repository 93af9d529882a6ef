"""The three marks of the package ``invisible-watermark``, for still images (MIT licence).

- **dwtDct**: quantises one coefficient of each 4 × 4 DCT block in the low wavelet band of U.
- **dwtDctSvd**: quantises the largest singular value of each such block instead.
- **rivaGan**: an encoder and a decoder trained against cropping, scaling and compression (Zhang,
  Xu, Cuesta-Infante and Veeramachaneni 2019, arXiv:1909.01285). Its weights are in the package.

The package repeats any number of bits over the blocks, but rivaGan carries 32 and no other number:
all three are given 32, so that they compare with each other, and the first two have more blocks for
each. None has a key, error correction or a check: a message is 32 bits that were told beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from attacks.systems.accomplice import SystemAccomplice
from attacks.systems.frames import check_size, marked_frames, voted
from attacks.systems.message import drawn_bits
from attacks.systems.packages import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attacks.accomplice import Accomplice
    from attacks.clip import Clip
    from attacks.systems.base import Medium, Reading

Method = Literal["dwtDct", "dwtDctSvd", "rivaGan"]

_PACKAGE = "invisible-watermark"
_LEAST_PX = 256 * 256  # the package refuses to mark less


@dataclass(frozen=True, slots=True, kw_only=True)
class InvisibleWatermark:
    """One of the package's methods: see the module."""

    method: Method
    name: str
    frames_most: int | None = 8
    version: ClassVar[str] = "0.2.0/1"
    medium: ClassVar[Medium] = "video"
    message_bits: ClassVar[int] = 32
    keyed: ClassVar[bool] = False

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """Raises :class:`~provenance.errors.PackageMissing` and ``MediaTooSmall``."""
        check_size(clip, least_px=_LEAST_PX, system=self.name)
        encoder = self._package().WatermarkEncoder()
        encoder.set_watermark("bits", [int(bit) for bit in self._message(seed)])
        if self.method == "rivaGan":
            self._riva()
        return marked_frames(clip, lambda image: encoder.encode(image, self.method))

    def read(self, clip: Clip, *, seed: int) -> Reading:
        """Raises :class:`~provenance.errors.PackageMissing`."""
        listen = self._heard_by_net if self.method == "rivaGan" else self._heard_in_blocks
        self._package()
        # The package decides so: beyond 127/255 of the blocks; beyond 0.52 for the net.
        threshold = 0.52 if self.method == "rivaGan" else 127 / 255
        return voted(clip, listen, lambda soft: soft > threshold, message=self._message(seed))

    def accomplice(self, original: Clip, *, seed: int, stranger: Clip | None) -> Accomplice:
        return SystemAccomplice(system=self, original=original, seed=seed, other=stranger)

    def _message(self, seed: int) -> NDArray[np.uint8]:
        return drawn_bits(self.name, seed, self.message_bits)

    def _package(self) -> Any:
        return load("imwatermark", package=_PACKAGE, needed_by=self.name)

    def _riva(self) -> Any:
        load("onnxruntime", package="onnxruntime", needed_by=self.name)
        riva = load("imwatermark.rivaGan", package=_PACKAGE, needed_by=self.name).RivaWatermark
        riva.loadModel()  # once a process: it keeps what it has loaded
        return riva

    def _heard_by_net(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What the decoder says of each bit, about 0…1, before its threshold."""
        frame = (image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None, :, None]
        (said, *_) = self._riva().decoder.run(None, {"frame": frame})
        return np.asarray(said[0], np.float64)

    def _heard_in_blocks(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The share of each bit's blocks that say 1, before the package's threshold."""
        where, kind = {
            "dwtDct": ("imwatermark.maxDct", "EmbedMaxDct"),
            "dwtDctSvd": ("imwatermark.dwtDctSvd", "EmbedDwtDctSvd"),
        }[self.method]
        decoder = getattr(load(where, package=_PACKAGE, needed_by=self.name), kind)(
            wmLen=self.message_bits
        )
        shares = np.full(self.message_bits, 0.5)
        inner = decoder.decode_frame

        def overheard(*arguments: Any) -> Any:
            votes = inner(*arguments)
            # A frame with fewer blocks than bits, after a crop: those bits have no vote.
            shares[:] = [np.mean(said) if said else 0.5 for said in votes]
            return [said or [0] for said in votes]

        decoder.decode_frame = overheard
        decoder.decode(image)
        return shares

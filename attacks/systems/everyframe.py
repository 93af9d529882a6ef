"""The project's own mark as a system under test: 128 bits with their tag, under a key of its own.

The whole product is under test, not a laboratory version of it: what reads is
:class:`~provenance.watermark.ClipDetector`, which knows neither the message nor what happened to
the clip. Two of them listen in one pass. One stops as soon as a tag verifies and gives the seconds
that this took; the other hears the whole clip and judges presence where nothing can be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from attacks.content_key import code_digest
from attacks.marking import marked_by_us
from attacks.systems.accomplice import SystemAccomplice
from attacks.systems.base import Reading
from attacks.systems.message import secret
from provenance import fec
from provenance.keys import CarrierKey
from provenance.payload import EPOCH, LAST_DAY, MODELS, PAYLOAD_BITS, TAG_BITS, Payload, pack
from provenance.watermark.tile import lay_out

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from attacks.accomplice import Accomplice
    from attacks.clip import Clip
    from attacks.systems.base import Medium
    from provenance.watermark import ClipDetector

_CONTENT_ID_BITS = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyframe:
    """``strength`` and ``psnr`` are those of :class:`~provenance.watermark.ClipMarker`. ``stored``:
    the reader has a store of so many marks, the right one among them.

    ``bit_accuracy`` in a reading is that of the likeliest decoded message, which is all right or
    about half wrong; ``gamma`` says how well the cells were heard before, found or not: below
    about 0.25 no message comes back, above it all of them do.
    """

    name: str = "everyframe"
    frames_most: int | None = None
    strength: float = 1.0
    psnr: float | None = None
    stored: int = 0
    medium: ClassVar[Medium] = "video"
    message_bits: ClassVar[int] = PAYLOAD_BITS
    keyed: ClassVar[bool] = True

    @property
    def version(self) -> str:
        """Follows from the code that marks and reads."""
        from provenance.watermark import ClipDetector, ClipMarker

        dial = f"{self.strength:g}/{self.psnr}" + (f"/{self.stored}" if self.stored else "")
        return f"{dial}/{code_digest(ClipMarker, ClipDetector)}/{code_digest(Everyframe)}"

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """Raises what :class:`~provenance.watermark.ClipMarker` raises."""
        return marked_by_us(
            clip,
            payload=message(seed),
            key=carrier(seed),
            strength=self.strength,
            psnr=self.psnr,
        )

    def read(self, clip: Clip, *, seed: int) -> Reading:
        from provenance.watermark import ClipDetector

        keys, (width, height) = [carrier(seed)], (clip.video.width, clip.video.height)
        known = [message(seed + number) for number in range(self.stored)]
        patient = ClipDetector(keys=keys, width=width, height=height, known=lambda: known)
        hasty = ClipDetector(keys=keys, width=width, height=height, fast=True)
        needed_s: float | None = None
        for picture in clip.pictures():
            time_s = float(picture.time)
            patient.add(picture.luma, time_s=time_s, bits=picture.bits)
            if needed_s is None:
                hasty.add(picture.luma, time_s=time_s, bits=picture.bits)
                if hasty.decided:
                    needed_s = time_s + float(1 / clip.video.rate)
        # Undecided, the hasty one has heard the same and would search all of it once more.
        detections = [patient.finish(), *([hasty.finish()] if needed_s is not None else [])]
        whole = detections[0]
        recovered = message(seed) in [detection.payload for detection in detections]
        if recovered and needed_s is None:
            needed_s = clip.duration_s
        accuracy, gamma = _heard(patient, seed)
        return Reading(
            recovered=recovered,
            bit_accuracy=1.0 if recovered else accuracy,
            present=any(detection.detected for detection in detections),
            presence_p=whole.presence_p,
            gamma=gamma,
            seconds_needed=needed_s if recovered else None,
            # Each word that either of them tried could have passed by chance.
            bound=min(
                1.0,
                sum(d.candidates_tried for d in detections) * 2.0**-TAG_BITS
                + (whole.false_positive_bound if whole.recognised_among else 0.0),
            ),
        )

    def accomplice(self, original: Clip, *, seed: int, stranger: Clip | None) -> Accomplice:
        return SystemAccomplice(
            system=self, original=original, seed=seed, other=stranger, hears=_listen
        )


def carrier(seed: int) -> CarrierKey:
    """The carrier key of ``seed``."""
    return CarrierKey(name=f"bench-{seed}", secret=secret("everyframe carrier", seed, 32))


def message(seed: int) -> Payload:
    """The payload of ``seed``: every field of it is drawn."""
    drawn = int.from_bytes(secret("everyframe message", seed, 16), "big")
    drawn, content_id = divmod(drawn, 1 << _CONTENT_ID_BITS)
    drawn, day = divmod(drawn, (LAST_DAY - EPOCH).days + 1)
    return Payload(
        model=MODELS[drawn % len(MODELS)].number,
        day=EPOCH + timedelta(days=day),
        content_id=content_id,
    )


def _heard(detector: ClipDetector, seed: int) -> tuple[float | None, float | None]:
    """Share of right bits in the likeliest message, and γ of the payload's cells, where the cells
    say most of the message: of at most two places, neither chosen by these cells.
    """
    bits = pack(message(seed), carrier(seed).secret)
    tile = lay_out(carrier(seed))
    signs = tile.steady_pattern(bits).reshape(-1)[tile.payload]
    told = [(_gamma(cells.reshape(-1)[tile.payload] * signs), cells) for cells in detector.heard()]
    if not told:
        return None, None
    gamma, cells = max(told, key=lambda item: item[0])
    likeliest = fec.decode(tile.payload_llr(cells))[0]
    return float((likeliest == bits).mean()), gamma


def _gamma(heard: NDArray[np.float32]) -> float:
    """Mean² over variance; 0 where the mean is the opposite of the mark."""
    values = heard.astype(np.float64)
    variance = float(values.var())
    return max(float(values.mean()), 0.0) ** 2 / variance if variance > 0 else 0.0


def _listen(luma: torch.Tensor) -> torch.Tensor:
    # Not before it is asked for: it imports torch.
    heard: torch.Tensor = import_module("attacks.removal.listener").listen(luma)
    return heard

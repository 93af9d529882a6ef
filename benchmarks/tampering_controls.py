"""What is no tampering and done to videos all day: encoded, resized, cropped, trimmed, filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.takes import Take, resized

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def same(take: Take) -> Take:
    return take


def cropped(take: Take, share: float = 0.8) -> Take:
    width, height = take.size
    x, y = (2 * round(side * (1 - share) / 4) for side in (width, height))
    return take.with_frames(lambda _, f: np.ascontiguousarray(f[y : height - y, x : width - x]))


def cropped_to_60(take: Take) -> Take:
    return cropped(take, 0.6)


def smaller(take: Take) -> Take:
    width, height = (2 * round(side / 3) for side in take.size)
    return take.with_frames(lambda _, f: resized(f, width, height))


def larger(take: Take) -> Take:
    width, height = (2 * round(side * 0.75) for side in take.size)
    return take.with_frames(lambda _, f: resized(f, width, height))


def trimmed(take: Take) -> Take:
    return take.part(min(1.3, take.seconds / 4), take.seconds - min(0.5, take.seconds / 8))


def cropped_and_trimmed(take: Take) -> Take:
    return cropped(take.part(min(0.7, take.seconds / 8), take.seconds))


def blurred(take: Take) -> Take:
    return take.with_frames(lambda _, f: np.asarray(cv2.GaussianBlur(f, (0, 0), 0.9), np.uint8))


def sharpened(take: Take) -> Take:
    def change(_: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        soft = cv2.GaussianBlur(frame, (0, 0), 1.2)
        return np.asarray(cv2.addWeighted(frame, 1.6, soft, -0.6, 0), np.uint8)

    return take.with_frames(change)


def brighter(take: Take) -> Take:
    """More contrast and light, and warmer, with what is too bright cut off."""
    gain, lift = np.array([1.25, 1.15, 1.05], np.float32), 10.0
    return take.with_frames(
        lambda _, f: np.asarray(np.clip(f * gain + lift, 0, 255).round(), np.uint8)
    )


def noisy(take: Take) -> Take:
    rng = np.random.default_rng(7)

    def change(_: float, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        grain = rng.normal(0, 5, (*frame.shape[:2], 1)).astype(np.float32)
        return np.asarray(np.clip(frame + grain, 0, 255).round(), np.uint8)

    return take.with_frames(change)


CONTROLS: dict[str, tuple[Callable[[Take], Take], int | None]] = {
    "as signed": (same, None),
    "CRF 18": (same, 18),
    "CRF 23": (same, 23),
    "CRF 26": (same, 26),
    "CRF 28": (same, 28),
    "CRF 30": (same, 30),
    "CRF 34": (same, 34),
    "twice CRF 23": (same, 23),
    "resized to 2/3": (smaller, 23),
    "resized to 3/2": (larger, 23),
    "cropped to 80 %": (cropped, 23),
    "cropped to 60 %": (cropped_to_60, 23),
    "trimmed": (trimmed, 23),
    "cropped and trimmed at CRF 28": (cropped_and_trimmed, 28),
    "blurred": (blurred, 23),
    "sharpened": (sharpened, 23),
    "brighter": (brighter, 23),
    "noise": (noisy, 23),
}
"""What is done, and the CRF at which x264 then encodes it; None leaves the signed file as it is."""

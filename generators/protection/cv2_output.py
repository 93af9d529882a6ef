"""OpenCV's ``VideoWriter``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from generators.protection.roads import rate_of, road
from provenance.errors import EveryframeError, FrameError, OptionError

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray

    from generators.protection.orders import Orders
    from generators.protection.recording import Recording


def replace(cv2: Any, orders: Orders) -> None:
    """``cv2.VideoWriter`` is a class that marks what it is given."""
    fourcc = staticmethod(cv2.VideoWriter_fourcc)
    cv2.VideoWriter = type(
        "VideoWriter", (MarkedVideoWriter,), {"orders": orders, "fourcc": fourcc}
    )


class MarkedVideoWriter:
    """``write`` takes (H, W, 3) uint8 in the order blue, green, red, or (H, W) in grey."""

    orders: Orders

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._recording: Recording | None = None
        self._size: tuple[int, int] | None = None
        if arguments or named:
            self.open(*arguments, **named)

    def open(self, filename: str, *arguments: Any, **named: Any) -> bool:
        self.release()
        try:
            path, rate, self._size = _announced(filename, arguments, named)
        except EveryframeError as error:
            raise self.orders.refuse(error) from None
        # Many programs never release it; the library completes the file when it goes.
        self._recording = self.orders.record(path, rate=rate, ends_itself=True)
        return True

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        return self._recording is not None

    def write(self, image: Any) -> None:
        if self._recording is None:
            return
        try:
            frame = _frame(image, self._size)
        except EveryframeError as error:
            raise self.orders.refuse(error) from None
        self._recording.write(frame)

    def release(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()

    def get(self, _property: int) -> float:
        return 0.0

    def set(self, _property: int, _value: float) -> bool:
        return False

    def getBackendName(self) -> str:  # noqa: N802  OpenCV's name
        return "EVERYFRAME"

    def __del__(self) -> None:
        self.release()


def _announced(
    filename: str, values: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Path, Fraction, tuple[int, int]]:
    """Of (fourcc, fps, size, …) or (backend, fourcc, fps, size, …): where, how fast, how large."""
    ahead = next((n for n, v in enumerate(values) if isinstance(v, (tuple, list))), len(values))
    try:
        size = values[ahead] if ahead < len(values) else named["frameSize"]
        fps = named["fps"] if "fps" in named else values[ahead - 1]
    except (KeyError, IndexError) as error:
        raise TypeError(f"VideoWriter without fps or frameSize: {error}") from error
    path = road(filename)
    if path is None:
        raise OptionError(f"{filename} is no video that can be marked", hint="write .mp4")
    return path, rate_of(fps), (int(size[0]), int(size[1]))


def _frame(image: Any, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    frame = np.asarray(image)
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        frame = np.repeat(frame.reshape(*frame.shape[:2], 1), 3, 2)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[1::-1] != size:
        # OpenCV leaves such a picture out and says nothing.
        raise FrameError(
            f"a picture {frame.shape} of {frame.dtype} for a video of {size}",
            hint="write uint8 pictures of the size that was announced",
        )
    return frame[..., ::-1]

"""The writer of imageio-ffmpeg, and with it imageio's and diffusers' ``export_to_video``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from generators.protection.roads import rate_of, road
from provenance.errors import EveryframeError, FrameError, OptionError

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from generators.protection.orders import Orders
    from generators.protection.recording import Recording

_CHANNELS = {"rgb24": (0, 1, 2), "bgr24": (2, 1, 0), "rgba": (0, 1, 2), "gray": (0, 0, 0)}
_DEPTH = {"rgb24": 3, "bgr24": 3, "rgba": 4, "gray": 1}


def replace(imageio_ffmpeg: Any, orders: Orders) -> None:
    """``imageio_ffmpeg.write_frames`` marks what is sent to it."""

    def write_frames(
        path: Any,
        size: tuple[int, int],
        pix_fmt_in: str = "rgb24",
        pix_fmt_out: str = "yuv420p",  # noqa: ARG001
        fps: float = 16,
        *_others: Any,
        audio_path: Any = None,
        **_settings: Any,
    ) -> Generator[None, Any, None]:
        """As the true one, but for quality, codec and size, which are the writer's own."""
        try:
            target = road(path)
            if target is None:
                raise OptionError(f"{path} is no video that can be marked", hint="write .mp4")
            if pix_fmt_in not in _CHANNELS:
                raise OptionError(
                    f"pictures of the kind {pix_fmt_in} cannot be marked",
                    hint=f"send one of {', '.join(_CHANNELS)}",
                )
            if audio_path is not None:
                raise OptionError(
                    f"the sound of {audio_path} cannot be added on the way",
                    hint="write without sound, or with PyAV",
                )
            recording = orders.record(target, rate=rate_of(fps))
        except EveryframeError as error:
            raise orders.refuse(error) from None
        return _taking(recording, (int(size[0]), int(size[1])), pix_fmt_in, orders)

    imageio_ffmpeg.write_frames = write_frames


def _taking(
    recording: Recording, size: tuple[int, int], kind: str, orders: Orders
) -> Generator[None, Any, None]:
    try:
        while True:
            data = yield
            recording.write(_frame(data, size, kind, orders))
    except GeneratorExit as end:
        # Closed by a with block that an error ended: that file is not whole.
        if end.__context__ is not None:
            recording.abort()
            return
        recording.close()
    except BaseException:
        recording.abort()
        raise


def _frame(data: Any, size: tuple[int, int], kind: str, orders: Orders) -> NDArray[np.uint8]:
    (width, height), depth = size, _DEPTH[kind]
    levels = np.frombuffer(memoryview(data).cast("B"), np.uint8)
    if levels.size != width * height * depth:
        raise orders.refuse(
            FrameError(
                f"a picture of {levels.size} bytes for {width}×{height} {kind}",
                hint="send pictures of the size that was announced",
            )
        )
    return levels.reshape(height, width, depth)[..., list(_CHANNELS[kind])]

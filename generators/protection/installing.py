"""What is done in a protected process before its program begins."""

from __future__ import annotations

import atexit
import os
import sys

from generators.protection.imports import after_import
from generators.protection.orders import VARIABLE, Orders
from generators.protection.watching import watch


def install() -> None:
    """Replaces the writers of video as their libraries are imported, and watches for others."""
    orders = Orders.from_text(os.environ[VARIABLE])
    orders.tell("started", executable=sys.executable)
    watch(orders)

    def on_av(module: object) -> None:
        from generators.protection.av_output import replace

        replace(module, orders)

    def on_cv2(module: object) -> None:
        from generators.protection.cv2_output import replace

        replace(module, orders)

    def on_ffmpeg(module: object) -> None:
        from generators.protection.ffmpeg_output import replace

        replace(module, orders)

    def on_torchcodec(module: object) -> None:
        from generators.protection.torchcodec_output import replace

        replace(module, orders)

    after_import(
        {
            "av": on_av,
            "cv2": on_cv2,
            "imageio_ffmpeg": on_ffmpeg,
            "torchcodec.encoders": on_torchcodec,
        }
    )

    def at_exit() -> None:
        if orders.begun:
            from generators.protection.recording import end_all

            end_all(orders)

    atexit.register(at_exit)

"""One tiny clip, written and read in memory, so that all that is loaded lazily is loaded."""

from __future__ import annotations

import io
import os
from pathlib import Path

import av
import numpy as np

from provenance.video.reader import open_media

_SIZE = 64


def warm_up() -> None:
    """Writes a picture and reads it as an upload would be read; leaves no thread behind."""
    memory = os.memfd_create("warm-up", os.MFD_CLOEXEC)
    try:
        os.write(memory, _clip())
        with open_media(Path(f"/proc/self/fd/{memory}")) as media:
            for _ in media.pictures():
                pass
    finally:
        os.close(memory)


def _clip() -> bytes:
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=1, options={"threads": "1"})
        stream.width = stream.height = _SIZE
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((_SIZE, _SIZE, 3), np.uint8), format="rgb24")
        out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return data.getvalue()

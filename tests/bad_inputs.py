"""Files that are no usable video, each with the code of the error that it deserves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from tests.drawn import moving_luma, tone, write_raw, yuv_frame

if TYPE_CHECKING:
    from pathlib import Path

BOMB = 8192
UNREADABLE = {
    "missing": "input.missing",
    "folder": "media.unsupported",
    "empty": "input.empty",
    "text": "media.unsupported",
    "png": "media.unsupported",
    "jpeg": "media.unsupported",
    "wav": "media.unsupported",
    "m4a": "media.no_video",
    "no_index": "media.unreadable",
    "ffconcat": "media.unsupported",
    "hls": "media.unsupported",
    "no_frame": "media.no_video",
    "bomb": "media.too_large",
}
"""What no command can do anything with, but for sound and pictures: neither is a film."""
SOUND = frozenset({"wav", "m4a"})
STILLS = frozenset({"png", "jpeg"})


def make_bad(kind: str, folder: Path, clip: Path) -> Path:
    """The file of this kind, made of ``clip`` or drawn."""
    path = folder / f"{kind}.mp4"
    maker = _MAKERS.get(kind)
    if maker is not None:
        maker(path, clip)
    return path


def _ffconcat(path: Path, clip: Path) -> None:
    canary = path.with_name("canary.mp4")
    canary.write_bytes(clip.read_bytes())
    path.write_text(f"ffconcat version 1.0\nfile {canary.name}\nfile {canary}\n")


def _hls(path: Path, clip: Path) -> None:
    canary = path.with_name("canary.mp4")
    canary.write_bytes(clip.read_bytes())
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n"
        f"#EXTINF:3,\n{canary.name}\n#EXTINF:3,\nfile://{canary}\n#EXT-X-ENDLIST\n"
    )


def _image(suffix: str):
    def write(path: Path, _clip: Path) -> None:
        picture = np.random.default_rng(1).integers(0, 255, (192, 256, 3), np.uint8)
        path.write_bytes(cv2.imencode(suffix, picture)[1].tobytes())

    return write


def _sound(container: str, codec: str):
    def write(path: Path, _clip: Path) -> None:
        with av.open(str(path), "w", format=container) as out:
            track = out.add_stream(codec, rate=48_000, layout="mono")
            samples = np.ascontiguousarray(tone(1.0, channels=1).T)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(format=track.format, layout="mono", rate=48_000)
            for piece in resampler.resample(frame):
                out.mux(track.encode(piece))
            out.mux(track.encode(None))

    return write


def _no_frame(path: Path, _clip: Path) -> None:
    write_raw(path, [yuv_frame(plane) for plane in moving_luma(1, 192, 256)])
    data = path.read_bytes()
    # The table of samples of the only track says that there are none.
    for box in (b"stsz", b"stts", b"stsc", b"stco"):
        at = data.index(box) + 8 + (4 if box == b"stsz" else 0)
        data = data[:at] + bytes(4) + data[at + 4 :]
    path.write_bytes(data)


def _bomb(path: Path, _clip: Path) -> None:
    """8192 × 8192, which takes little to send and 100 MB a frame to show."""
    luma = np.full((BOMB, BOMB), 128, np.uint8)
    write_raw(path, [yuv_frame(luma)], options={"preset": "ultrafast", "crf": "51"})


def _no_index(path: Path, clip: Path) -> None:
    """As a recorder leaves it that lost power: the index was still to come."""
    data = clip.read_bytes()
    with av.open(str(clip)) as source, av.open(str(path), "w", format="mp4") as out:
        stream = source.streams.video[0]
        target = out.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = target
                out.mux(packet)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


_MAKERS = {
    "folder": lambda path, _: path.mkdir(),
    "empty": lambda path, _: path.touch(),
    "text": lambda path, _: path.write_text("Dear diary, today I shot no film.\n" * 99),
    "png": _image(".png"),
    "jpeg": _image(".jpg"),
    "wav": _sound("wav", "pcm_s16le"),
    "m4a": _sound("ipod", "aac"),
    "no_index": _no_index,
    "ffconcat": _ffconcat,
    "hls": _hls,
    "no_frame": _no_frame,
    "bomb": _bomb,
}

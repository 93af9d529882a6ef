"""VMAF and VMAF-NEG of marked pictures, by the libvmaf in the FFmpeg of ``imageio-ffmpeg``.

VMAF fuses several measures into one from 0 to 100 that was fitted to people's judgement (Li, Aaron,
Katsavounidis, Moorthy and Manohara 2016); NEG leaves out what sharpening would gain (Li et al.
2020). The models are vmaf_v0.6.1 and vmaf_v0.6.1neg, which look at luma alone.

Original and marked picture travel as the two halves of one picture through one pipe, and are cut
apart behind it: two inputs would have to agree in time bases and start times, frame by frame, and
FFmpeg reads them one after the other where the writer wants them side by side.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from provenance.errors import FrameError, OutputError, PackageMissing
from provenance.quality.levels import check_alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOG = "vmaf.json"
_MODELS = r"version=vmaf_v0.6.1\:name=vmaf|version=vmaf_v0.6.1neg\:name=neg"
_PATIENCE_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vmaf:
    """Scores 0…100 over ``frames`` frames. ``p1``: of the frame that 1 % of them fall below."""

    frames: int
    vmaf: float
    vmaf_p1: float
    vmaf_neg: float
    vmaf_neg_p1: float


class VmafMeter:
    """Compares every frame as it passes; use it as a context manager.

    ``width`` and ``height`` are the luma's in pixels (of odd sizes the last row or column is left
    out), ``bits`` those of a sample, 8 or 10. Motion is part of the measure, so that frames have to
    come in order and none be left out.

    Raises :class:`~provenance.errors.PackageMissing` where FFmpeg is not installed, at once.
    """

    def __init__(self, *, width: int, height: int, bits: int = 8, threads: int = 2) -> None:
        self._program = _ffmpeg()
        self._size = (width // 2 * 2, height // 2 * 2)
        self._bits = bits
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._frames = 0
        dtype = np.dtype(np.uint8 if bits == 8 else "<u2")
        self._dtype = dtype
        # Luma of both, one above the other; the chroma, half as much, is grey and never looked at.
        grey = np.full(self._size[0] * self._size[1], 1 << (bits - 1), dtype)
        self._chroma = grey.tobytes()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="everyframe-vmaf-")
        width, height = self._size
        halves = (
            "[0:v]settb=AVTB,setpts=N/(25*TB),split[a][b];"
            f"[a]crop={width}:{height}:0:0[original];[b]crop={width}:{height}:0:{height}[marked];"
            # The one to judge first, what it is compared with second.
            f"[marked][original]libvmaf=model='{_MODELS}':n_threads={self._threads}"
            f":log_fmt=json:log_path={_LOG}"
        )
        source = ["-hide_banner", "-loglevel", "error", "-nostats"]
        source += ["-f", "rawvideo", "-video_size", f"{width}x{2 * height}", "-framerate", "25"]
        source += ["-pixel_format", "yuv420p" if self._bits == 8 else f"yuv420p{self._bits}le"]
        source += ["-i", "pipe:0"]
        with (Path(self._folder.name) / "messages").open("wb") as messages:
            self._process = subprocess.Popen(  # noqa: S603 our own arguments, no shell
                [self._program, *source, "-filter_complex", halves, "-f", "null", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                # The log's name must need no quoting inside of a filter graph.
                cwd=self._folder.name,
            )
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
        self._folder.cleanup()

    def add(self, reference: NDArray[Any], marked: NDArray[Any]) -> None:
        """Take in the next frame's luma (H, W) before and after marking.

        Raises :class:`~provenance.errors.FrameError` for planes of other shapes or types and
        :class:`~provenance.errors.OutputError` when FFmpeg gives up.
        """
        check_alike(reference, marked)
        width, height = self._size
        fits = (reference.shape[0] // 2 * 2, reference.shape[1] // 2 * 2) == (height, width)
        if not fits or reference.dtype.newbyteorder("<") != self._dtype:
            raise FrameError(
                f"luma of shape {reference.shape} and type {reference.dtype} for VMAF of "
                f"({height}, {width}) {self._dtype}",
                hint="all frames of a clip have one size and depth",
            )
        process = self._process
        if process is None or process.stdin is None:
            raise FrameError("VMAF is not being measured", hint="add frames inside of the block")
        try:
            for plane in (reference, marked):
                process.stdin.write(np.ascontiguousarray(plane[:height, :width]).data)
            process.stdin.write(self._chroma)
            self._frames += 1
        except BrokenPipeError as error:
            raise self._failure() from error

    def result(self) -> Vmaf:
        """The scores of all frames. Raises as :meth:`add`; nothing can be added afterwards."""
        process = self._process
        if process is None:
            raise FrameError("VMAF is not being measured", hint="ask once, inside of the block")
        if not self._frames:
            raise FrameError("no frame was compared", hint="add one before asking for the result")
        self._process = None
        try:
            process.communicate(timeout=_PATIENCE_S)
            log = (Path(self._folder.name) / _LOG).read_text(encoding="utf-8")
            frames = [frame["metrics"] for frame in json.loads(log)["frames"]]
        except (subprocess.TimeoutExpired, OSError, ValueError, KeyError) as error:
            process.kill()
            raise self._failure() from error
        if len(frames) != self._frames:
            raise self._failure()
        usual = [frame["vmaf"] for frame in frames]
        neg = [frame["neg"] for frame in frames]
        return Vmaf(
            frames=len(frames),
            vmaf=float(np.mean(usual)),
            vmaf_p1=float(np.percentile(usual, 1)),
            vmaf_neg=float(np.mean(neg)),
            vmaf_neg_p1=float(np.percentile(neg, 1)),
        )

    def _failure(self) -> OutputError:
        said = (Path(self._folder.name) / "messages").read_text(errors="replace").strip()
        last = said.splitlines()[-1] if said else "no message"
        return OutputError(
            f"FFmpeg could not measure VMAF: {last}",
            hint="pip install --upgrade imageio-ffmpeg: its FFmpeg must have libvmaf",
        )


def _ffmpeg() -> str:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:  # installed, but without a program for this system
        raise PackageMissing(
            "VMAF needs the package imageio-ffmpeg",
            hint='pip install imageio-ffmpeg, or "everyframe[vmaf]"',
        ) from error

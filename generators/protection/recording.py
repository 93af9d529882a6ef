"""One file that a protected program writes.

Imported with the first file and not before: what this imports imports the libraries that are
being replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from provenance.clip import VideoSpec
from provenance.errors import EveryframeError, OutputError
from provenance.writer import ProvenanceWriter

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray

    from generators.protection.orders import Orders
    from provenance.clip import AudioSpec


def end_all(orders: Orders) -> None:
    """At the end of the process: what its program forgot to close, as its libraries would have."""
    for recording in [*orders.begun]:
        if recording.ends_itself:
            recording.close()
        else:
            recording.abort()
            orders.refuse(
                OutputError(f"{recording.path} was never closed", hint="close what writes the file")
            )


class Recording:
    """Pictures and sound on their way to ``path``; nothing is there before :meth:`close`.

    ``ends_itself``: the program need not close it.
    """

    def __init__(
        self,
        path: Path,
        orders: Orders,
        *,
        rate: Fraction,
        sound: AudioSpec | None = None,
        ends_itself: bool = False,
    ) -> None:
        self.path = path
        self.ends_itself = ends_itself
        self._orders = orders
        self._rate = rate
        self._sound = sound
        self._writer: ProvenanceWriter | None = None
        self._early: list[NDArray[np.float32]] = []
        self._failed = False
        self._done = False
        orders.begun.append(self)

    def write(self, frame: NDArray[Any]) -> None:
        """One picture (H, W, 3) uint8 sRGB."""
        try:
            if self._writer is None:
                self._begin(frame)
            assert self._writer is not None
            self._writer.write(np.ascontiguousarray(frame)[None])
        except BaseException as error:
            self._fail(error)
            raise

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Sound (N, channels) float32; louder than 1 is clipped, as encoders do."""
        samples = np.clip(np.nan_to_num(samples), -1, 1).astype(np.float32)
        if self._writer is None:
            self._early.append(samples)
            return
        try:
            self._writer.write(self._no_frames, audio=samples)
        except BaseException as error:
            self._fail(error)
            raise

    def close(self) -> None:
        """Completes the file, if there was a picture and nothing failed."""
        if self._done:
            return
        self._done = True
        self._orders.begun.remove(self)
        if self._writer is None or self._failed:
            return
        try:
            self._writer.__exit__(None, None, None)
        except EveryframeError as error:
            self._orders.refuse(error)
            raise
        sealed = self._writer.result.sealed
        self._orders.tell(
            "written",
            path=str(self.path),
            content_id=sealed.payload.content_id_hex,
            frames=self._writer.result.frames,
        )

    def abort(self) -> None:
        """Leaves nothing behind."""
        if self._done:
            return
        self._done = True
        self._orders.begun.remove(self)
        self._leave(OutputError(f"{self.path} was given up"), given_up=True)

    def _begin(self, frame: NDArray[Any]) -> None:
        height, width = frame.shape[:2]
        self._no_frames = np.zeros((0, height, width, 3), np.uint8)
        writer = ProvenanceWriter(
            self.path,
            VideoSpec(width=width, height=height, rate=self._rate),
            model=self._orders.model,
            prompt=self._orders.prompt,
            audio=self._sound,
        )
        self._orders.tell("begun", path=str(self.path))
        writer.__enter__()
        self._writer = writer
        for samples in self._early:
            self.hear(samples)
        self._early.clear()

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, EveryframeError) and not self._failed:
            self._orders.refuse(error)
        self._leave(error)

    def _leave(self, error: BaseException, *, given_up: bool = False) -> None:
        if not self._failed and self._writer is not None:
            self._writer.__exit__(type(error), error, error.__traceback__)
            self._orders.tell("left", path=str(self.path), given_up=given_up)
        self._failed = True

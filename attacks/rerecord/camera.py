"""Where a camera that films a screen is, how the hand that holds it moves, what its lens bends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP = 8  # camera pixels between the places where the view is worked out: it is very smooth
_SWAY_HZ = (0.15, 12.0)
_SWAY_WAVES = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Sway:
    """A hand: the sum of waves whose amplitude falls with frequency as that of a random walk does.

    Up to 12 Hz, where physiological tremor ends (Elble and Koller, "Tremor", 1990). ``rms_deg``:
    of each of the two directions of aim; of the roll, half. A function of time alone, smooth and
    bounded: replayed from ``seed`` at any place.
    """

    seed: int
    rms_deg: float

    def angles(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3, N) radians, up and down (x), left and right (y), roll (z), at (N,) seconds."""
        hertz, phase, size = self._waves()
        waves = np.sin(2 * np.pi * hertz[..., None] * time_s + phase[..., None])
        return np.asarray((size[..., None] * waves).sum(axis=1))

    def speed(self, time_s: float) -> float:
        """Radians a second by which the aim moves at ``time_s``."""
        hertz, phase, size = self._waves()
        turn = 2 * np.pi * hertz
        moves = (size * turn * np.cos(turn * time_s + phase)).sum(axis=1)
        return float(np.hypot(moves[0], moves[1]))

    def _waves(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Frequencies in Hz, phases, amplitudes in radians, (3, 14) each."""
        random = np.random.default_rng(self.seed)
        low, high = np.log(_SWAY_HZ)
        hertz = np.exp(np.linspace(low, high, _SWAY_WAVES) + random.uniform(-0.15, 0.15, (3, 1)))
        phase = random.uniform(0, 2 * np.pi, (3, _SWAY_WAVES))
        # Power falls as 1/f², and a step of the logarithm holds a band of width f: 1/√f each.
        size = 1 / np.sqrt(hertz)
        size *= math.sqrt(2) * math.radians(self.rms_deg) / np.sqrt((size**2).sum(1))[:, None]
        return hertz, phase, size * np.array([[1.0], [1.0], [0.5]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole behind a lens, looking at a screen of the same width and height in pixels.

    ``fov_deg``: horizontal angle of view. ``fill``: share of the frame's width that the screen
    takes when seen frontally. ``yaw_deg`` and ``pitch_deg``: how far off the screen's axis the
    camera stands, to the side and above; ``roll_deg``: how it is tilted. ``aim``: by what share
    of the width and height it misses the centre of the screen. ``bend``: radial distortion left
    at the corners, as a share (positive: pincushion; Brown's first coefficient).
    """

    width: int
    height: int
    fov_deg: float
    fill: float
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    aim: tuple[float, float] = (0.0, 0.0)
    bend: float = 0.0

    @property
    def focal_px(self) -> float:
        return self.width / 2 / math.tan(math.radians(self.fov_deg) / 2)

    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): screen (x, y, 1), in its pixels from its centre, to a direction seen."""
        yaw, pitch, roll = (math.radians(a) for a in (self.yaw_deg, self.pitch_deg, self.roll_deg))
        turn = _turn(2, roll) @ _turn(0, pitch) @ _turn(1, yaw)
        distance = self.focal_px / self.fill
        miss = np.array([self.aim[0] * self.width, self.aim[1] * self.height]) / self.fill
        return np.stack([turn[:, 0], turn[:, 1], [*miss, distance]], axis=1)

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) places in the frame of (N, 2) points of the screen, pixels from the centre of
        each; through the pinhole, no lens.
        """
        seen = np.column_stack([points, np.ones(len(points))]) @ self.matrix().T
        return np.asarray(seen[:, :2] / seen[:, 2:] * self.focal_px)

    def pixels_of_screen(self) -> float:
        """Pixels of the screen in a pixel of the frame, along a side, at the centre."""
        across = self.project(np.array([[-1.0, 0], [1, 0], [0, -1], [0, 1]]))
        steps = (across[1] - across[0]) / 2, (across[3] - across[2]) / 2
        return float(abs(np.linalg.det(np.stack(steps))) ** -0.5)

    def view(self, angles: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Which place of the screen each pixel (H, W) of the frame sees: x and y, from the centre.

        ``angles``: (3, H/8 rounded up + 2), where the hand was when each eighth row, from −4 on,
        was read out (:meth:`rows`).
        """
        across, down = self._places(self.width), self.rows()
        x, y = np.meshgrid(across - self.width / 2, down - self.height / 2)
        bent = 1 + self.bend * (x * x + y * y) / ((self.width**2 + self.height**2) / 4)
        x, y = x * bent / self.focal_px, y * bent / self.focal_px
        tilt, pan, roll = (angle[:, None] for angle in angles)
        # Small turns: the direction plus the cross product with the turn.
        ray = np.stack([x + pan - roll * y, y - tilt + roll * x, 1 + tilt * y - pan * x])
        seen = np.tensordot(np.linalg.inv(self.matrix()), ray, axes=1)
        return self._whole(seen[0] / seen[2]), self._whole(seen[1] / seen[2])

    def rows(self) -> NDArray[np.float64]:
        """Heights in the frame of the rows that :meth:`view` takes angles for."""
        return self._places(self.height)

    @staticmethod
    def _places(side: int) -> NDArray[np.float64]:
        return np.arange(-(-side // _STEP) + 2, dtype=np.float64) * _STEP - _STEP / 2

    def _whole(self, coarse: NDArray[np.float64]) -> NDArray[np.float32]:
        """(H, W): linear between places, the outermost of which lie outside of the frame."""
        rows, columns = coarse.shape
        full = cv2.resize(
            coarse.astype(np.float32),
            (columns * _STEP, rows * _STEP),
            interpolation=cv2.INTER_LINEAR,
        )
        return np.asarray(full[_STEP:, _STEP:][: self.height, : self.width], np.float32)


def _turn(axis: int, angle: float) -> NDArray[np.float64]:
    """(3, 3) rotation about an axis, x right, y down, z away."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = math.cos(angle)
    turn[second, first] = math.sin(angle)
    turn[first, second] = -math.sin(angle)
    return turn

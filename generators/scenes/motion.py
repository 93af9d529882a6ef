"""Where a body is at any time, in closed form, so that the moment of an impact is exact.

A track answers ``at(times_s)`` with x, y (units of :class:`generators.scenes.spec.Body`) and the
angle (radians, counter-clockwise), each in the shape of the times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Pose(NamedTuple):
    """Place and angle of a body, one value a time."""

    x: Array
    y: Array
    angle: Array


class Track(Protocol):
    """A motion that can be asked for any time."""

    def at(self, times_s: Array) -> Pose: ...


class Piece(NamedTuple):
    """From ``start_s`` on: place, velocity and acceleration (x, y), angle and its speed."""

    start_s: float
    x: float
    y: float
    vx: float
    vy: float
    ay: float
    angle: float = 0.0
    spin: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Ballistic pieces one after the other; the last one never ends."""

    pieces: tuple[Piece, ...]

    def at(self, times_s: Array) -> Pose:
        table = np.asarray(self.pieces, dtype=np.float64)
        index = np.searchsorted(table[:, 0], times_s, side="right") - 1
        start, x, y, vx, vy, ay, angle, spin = table[np.maximum(index, 0)].T
        since = times_s - start.T
        return Pose(
            x.T + vx.T * since,
            y.T + vy.T * since + 0.5 * ay.T * since**2,
            angle.T + spin.T * since,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbit:
    """Round and round on an ellipse."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    speed: float  # radians a second, negative: clockwise
    phase: float
    spin: float

    def at(self, times_s: Array) -> Pose:
        turn = self.speed * times_s + self.phase
        return Pose(
            self.x + self.radius_x * np.cos(turn),
            self.y + self.radius_y * np.sin(turn),
            self.spin * times_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """A pendulum on a pivot; the angle is a sine of the time."""

    x: float
    y: float
    length: float
    widest: float  # radians
    period_s: float
    phase: float

    def at(self, times_s: Array) -> Pose:
        angle = self.widest * np.cos(2 * math.pi * times_s / self.period_s + self.phase)
        return Pose(
            self.x + self.length * np.sin(angle), self.y - self.length * np.cos(angle), angle
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Floats about a place, up and down and a little to the sides; at rest where both are 0."""

    x: float
    y: float
    reach_x: float
    reach_y: float
    period_s: float
    phase: float
    tilt: float

    def at(self, times_s: Array) -> Pose:
        turn = 2 * math.pi * times_s / self.period_s + self.phase
        return Pose(
            self.x + self.reach_x * np.sin(turn / 2),
            self.y + self.reach_y * np.sin(turn),
            self.tilt * np.sin(turn * 0.75 + 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Rolls over the ground to and fro without slipping.

    A polygon (``corners`` > 0, ``size`` its circumradius) turns about the corner it stands on and
    lands on its next side; what is round (``corners`` 0) turns about its middle. It turns by
    ``steps`` sides (or radians) from ``x`` on, then back; at the time 0 it is ``offset`` along.
    """

    x: float
    floor: float
    size: float
    corners: int
    steps: float
    rate: float  # sides (or radians) a second
    direction: int  # 1: to the right at first
    offset: float

    def at(self, times_s: Array) -> Pose:
        along = np.abs(
            (self.offset + self.rate * times_s + self.steps) % (2 * self.steps) - self.steps
        )
        if not self.corners:
            x = self.x + self.direction * self.size * along
            return Pose(x, np.full_like(x, self.floor + self.size), -self.direction * along)
        half = math.pi / self.corners
        side = 2 * self.size * math.sin(half)
        done = np.floor(along)
        lean = math.pi / 2 + half - (along - done) * 2 * half
        across = side * (done + 0.5) + self.size * np.cos(lean)
        return Pose(
            self.x + self.direction * across,
            self.floor + self.size * np.sin(lean),
            -self.direction * along * 2 * half,
        )

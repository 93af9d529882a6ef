"""Bodies that fall, hit and rebound, simulated from event to event: no time step, no error.

Each function returns pieces for :class:`generators.scenes.motion.Pieces` and the hits that join
them. Speeds are in units of :class:`generators.scenes.spec.Body` a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from generators.scenes.motion import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STILL = 0.55  # slower than this a rebound is not worth another flight
_LIFT = 3.0  # acceleration with which a fallen body is taken up again


class Hit(NamedTuple):
    """A moment at which the velocity jumps by ``speed``, at the place ``x``."""

    time_s: float
    speed: float
    x: float


class Flight(NamedTuple):
    """Pieces of one body and its hits."""

    pieces: tuple[Piece, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where the middle of a body may be: above ``ground``, between ``left`` and ``right``."""

    ground: float
    left: float
    right: float


def bounce(
    room: Room,
    start: Piece,
    *,
    gravity: float,
    restitution: float,
    rest_s: float,
    hop: float,
    until_s: float,
    turn: Callable[[float], float],
) -> Flight:
    """Flies from ``start``, rebounds, rests for ``rest_s`` when it has no speed left, hops again.

    ``turn(flight_s)`` is the speed of turning in a flight of that length: a whole number of turns
    after which the shape looks the same, so that it lands as it stood.
    """
    now, x, y, vx, vy, angle, spin = start[0], *start[1:5], start.angle, start.spin
    pieces, hits = [start], []
    while now < until_s:
        lands = (vy + math.sqrt(max(vy * vy + 2 * gravity * (y - room.ground), 0.0))) / gravity
        side = room.right if vx > 0 else room.left
        turns = (side - x) / vx if vx else math.inf
        step = min(lands, max(turns, 0.0))
        now += step
        x += vx * step
        y, vy = y + vy * step - gravity * step * step / 2, vy - gravity * step
        angle += spin * step
        if step < lands:
            hits.append(Hit(now, abs(vx), side))
            x, vx = side, -vx
        else:
            hits.append(Hit(now, -vy, x))
            y, vy = room.ground, -vy * restitution
            if vy < _STILL:
                pieces.append(Piece(now, x, y, 0, 0, 0, angle))
                now += rest_s
                vy = hop
            spin = turn(2 * vy / gravity)
        pieces.append(Piece(now, x, y, vx, vy, -gravity, angle, spin))
    return Flight(tuple(pieces), tuple(hits))


def fall(
    room: Room,
    *,
    x: float,
    top: float,
    wait_s: float,
    gravity: float,
    restitution: float,
    rest_s: float,
    until_s: float,
) -> Flight:
    """Drops from ``top`` after ``wait_s``, comes to rest, is lifted to ``top`` and drops again."""
    pieces: list[Piece] = []
    hits = []
    now = 0.0
    while now < until_s:
        pieces.append(Piece(now, x, top, 0, 0, 0))
        now += wait_s
        y, vy = top, 0.0
        while True:
            pieces.append(Piece(now, x, y, 0, vy, -gravity))
            arrives = math.sqrt(vy * vy + 2 * gravity * (y - room.ground))
            now += (vy + arrives) / gravity
            hits.append(Hit(now, arrives, x))
            y, vy = room.ground, arrives * restitution
            if vy < _STILL:
                break
        pieces.append(Piece(now, x, y, 0, 0, 0))
        now += rest_s
        half = math.sqrt((top - room.ground) / _LIFT)
        pieces += [
            Piece(now, x, y, 0, 0, _LIFT),
            Piece(now + half, x, (y + top) / 2, 0, _LIFT * half, -_LIFT),
        ]
        now += 2 * half
    return Flight(tuple(pieces), tuple(hits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """A body on the ground: its middle, half of its width, its mass and its speed."""

    x: float
    y: float
    half: float
    mass: float
    vx: float


def slide(sliders: Sequence[Slider], *, left: float, right: float, until_s: float) -> list[Flight]:
    """Sliders, from left to right, without friction between two walls; all impacts are elastic."""
    xs, vs = [s.x for s in sliders], [s.vx for s in sliders]
    pieces = [[Piece(0, s.x, s.y, s.vx, 0, 0)] for s in sliders]
    hits: list[list[Hit]] = [[] for _ in sliders]
    now, last = 0.0, len(sliders) - 1
    while now < until_s:
        gaps = [xs[0] - sliders[0].half - left]
        gaps += [xs[i + 1] - sliders[i + 1].half - xs[i] - sliders[i].half for i in range(last)]
        gaps += [right - xs[last] - sliders[last].half]
        closing = [-vs[0], *(vs[i] - vs[i + 1] for i in range(last)), vs[last]]
        waits = [
            max(gap, 0.0) / speed if speed > 1e-9 else math.inf
            for gap, speed in zip(gaps, closing, strict=True)
        ]
        wait = min(waits)
        if math.isinf(wait):
            break
        place = waits.index(wait)
        now += wait
        xs = [x + v * wait for x, v in zip(xs, vs, strict=True)]
        before = list(vs)
        if place in {0, last + 1}:
            struck = 0 if place == 0 else last
            vs[struck] = -vs[struck]
        else:
            a, b = place - 1, place
            mass_a, mass_b = sliders[a].mass, sliders[b].mass
            middle = (mass_a * vs[a] + mass_b * vs[b]) / (mass_a + mass_b)
            vs[a], vs[b] = 2 * middle - vs[a], 2 * middle - vs[b]
        for i, slider in enumerate(sliders):
            if vs[i] != before[i]:
                pieces[i].append(Piece(now, xs[i], slider.y, vs[i], 0, 0))
                hits[i].append(Hit(now, abs(vs[i] - before[i]) / 2, xs[i]))
    return [Flight(tuple(p), tuple(h)) for p, h in zip(pieces, hits, strict=True)]

"""Sets bodies in motion: from the word of a motion to a track, its impacts and its props."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from generators.scenes import vocabulary as words
from generators.scenes.motion import Drift, Orbit, Piece, Pieces, Roll, Swing, Track
from generators.scenes.physics import Flight, Hit, Room, Slider, bounce, fall, slide
from generators.scenes.shape_extents import EXTENTS
from generators.scenes.spec import Bar, Body, Impact

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

_FASTEST = 3.4  # an impact of this speed has the strength 1
_GROUND = -0.62  # of the first body, in units of half of the frame's height
_WALL = 0.045  # half of a wall's thickness


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A body that has its looks and the word of its motion, but no place yet."""

    shape: str
    colour: str
    rgb: tuple[float, float, float]
    texture: str
    texture_rgb: tuple[float, float, float]
    texture_scale: float
    material: str
    motion: str


class Moving(NamedTuple):
    """Bodies and the props that their motion needs: walls, a string, the middle of an orbit."""

    bodies: tuple[Body, ...]
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The frame, gravity, and the time until which tracks are made."""

    half_width: float
    half_height: float
    gravity: float
    until_s: float

    @property
    def ground(self) -> float:
        return _GROUND * self.half_height

    def headroom(self, middle: float, top: float) -> float:
        """How far up a body can go from where its ``middle`` is, that reaches ``top`` above it."""
        return self.half_height - top - middle

    def body(
        self,
        draft: Draft,
        size: float,
        track: Track,
        hits: Sequence[Hit] = (),
        floor: float | None = None,
    ) -> Body:
        return Body(
            shape=draft.shape,
            colour=draft.colour,
            rgb=draft.rgb,
            texture=draft.texture,
            texture_rgb=draft.texture_rgb,
            texture_scale=draft.texture_scale,
            material=draft.material,
            motion=draft.motion,
            size=size,
            floor=self.ground if floor is None else floor,
            track=track,
            impacts=tuple(
                Impact(
                    hit.time_s,
                    min(1.0, hit.speed / _FASTEST),
                    min(1.0, max(-1.0, hit.x / self.half_width)),
                    draft.material,
                )
                for hit in hits
            ),
        )


def moving_bodies(
    rng: random.Random, stage: Stage, first: Draft, draw: Callable[[str], Draft]
) -> Moving:
    """The first body in its motion, with a second one where it collides, and the props."""
    if first.motion == "collide":
        return _collide(rng, stage, (first, draw("collide")))
    size = rng.uniform(0.32, 0.44)
    make = {
        "bounce": _bounce,
        "fall": _fall,
        "slide": _slide,
        "roll": _roll,
        "orbit": _orbit,
        "pendulum": _pendulum,
        "float": _float,
    }[first.motion]
    return make(rng, stage, first, size)


def resting_body(rng: random.Random, stage: Stage, draft: Draft, first: Body, place: int) -> Body:
    """A smaller body behind the first one, to one side of the frame."""
    size = first.size * rng.uniform(0.48, 0.62)
    side = rng.choice((-1, 1)) if place == 0 else (1 if place % 2 else -1)
    x = side * rng.uniform(0.5, 0.76) * stage.half_width
    floor = stage.ground + rng.uniform(0.06, 0.14)
    foot, top, half = (size * extent for extent in EXTENTS[draft.shape])
    if draft.motion == "float":
        y = floor + rng.uniform(0.5, 1.0)
        track = Drift(
            x=x,
            y=y,
            reach_x=0.05,
            reach_y=rng.uniform(0.05, 0.1),
            period_s=rng.uniform(2, 4),
            phase=rng.uniform(0, 6),
            tilt=0.1,
        )
        return stage.body(draft, size, track, floor=floor)
    if draft.motion == "bounce":
        room = Room(ground=floor + foot, left=-9, right=9)
        start = Piece(0, x, room.ground + rng.uniform(0.2, 0.8), 0, 0, -stage.gravity)
        headroom = stage.headroom(room.ground, top)
        flight = _bouncing(rng, stage, room, start, draft.shape, headroom)
        return stage.body(draft, size, Pieces(pieces=flight.pieces), flight.hits, floor)
    track = Drift(
        x=min(max(x, half - stage.half_width), stage.half_width - half),
        y=floor + foot,
        reach_x=0,
        reach_y=0,
        period_s=1,
        phase=0,
        tilt=0,
    )
    return stage.body(draft, size, track, floor=floor)


def _wall(rng: random.Random, stage: Stage) -> float:
    """How far from the middle what slides is stopped, within the frame."""
    farthest = stage.half_width - 2.5 * _WALL
    return rng.uniform(min(0.95, farthest), min(1.4, farthest))


def _wall_bars(stage: Stage, wall: float) -> tuple[Bar, ...]:
    """Two posts whose inner faces stand at ±``wall``."""
    x = wall + _WALL
    low, high = stage.ground + _WALL, stage.ground + 0.36
    return tuple(Bar(x0=side, y0=low, x1=side, y1=high, radius=_WALL) for side in (-x, x))


def _bouncing(
    rng: random.Random, stage: Stage, room: Room, start: Piece, shape: str, headroom: float
) -> Flight:
    """Bounces, and hops again from rest by most of ``headroom``, so that it stays in the frame."""
    symmetry = words.SYMMETRY[shape]
    free = rng.uniform(-3, 3)
    flips = rng.choice((-1, 0, 0, 1)) if symmetry > 1 else 0

    def turn(flight_s: float) -> float:
        if symmetry == 0:
            return free
        return flips * 2 * math.pi / symmetry / flight_s if flight_s > 0.45 else 0.0

    return bounce(
        room,
        start,
        gravity=stage.gravity,
        restitution=rng.uniform(0.8, 0.94),
        rest_s=rng.uniform(0.3, 0.6),
        hop=math.sqrt(2 * stage.gravity * rng.uniform(0.7, 1.0) * headroom),
        until_s=stage.until_s,
        turn=turn,
    )


def _bounce(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    foot, top, half = (size * extent for extent in EXTENTS[draft.shape])
    room = Room(
        ground=stage.ground + foot, left=half - stage.half_width, right=stage.half_width - half
    )
    headroom = stage.headroom(room.ground, top)
    high = room.ground + min(headroom, 1.05)
    vx = rng.choice((-1, 1)) * rng.uniform(0.05, 0.45)
    start = Piece(
        0,
        -math.copysign(rng.uniform(0, 0.5) * stage.half_width, vx),
        rng.uniform(room.ground + 0.35 * (high - room.ground), high),
        vx,
        0,
        -stage.gravity,
    )
    flight = _bouncing(rng, stage, room, start, draft.shape, headroom)
    return Moving((stage.body(draft, size, Pieces(pieces=flight.pieces), flight.hits),))


def _fall(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    foot, top, half = (size * extent for extent in EXTENTS[draft.shape])
    # Within the frame: what a first picture does not show cannot be asked for by one.
    highest = stage.half_height - top - 0.02
    flight = fall(
        Room(ground=stage.ground + foot, left=-9, right=9),
        x=rng.uniform(-0.7, 0.7) * (stage.half_width - half),
        top=min(highest, stage.ground + foot + rng.uniform(0.9, 1.5)),
        wait_s=rng.uniform(0.05, 0.45),
        gravity=stage.gravity,
        restitution=rng.uniform(0.18, 0.34),
        rest_s=rng.uniform(0.7, 1.3),
        until_s=stage.until_s,
    )
    return Moving((stage.body(draft, size, Pieces(pieces=flight.pieces), flight.hits),))


def _slide(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    foot, _, half = (size * extent for extent in EXTENTS[draft.shape])
    wall = _wall(rng, stage)
    slider = Slider(
        x=rng.uniform(-0.6, 0.6) * (wall - half),
        y=stage.ground + foot,
        half=half,
        mass=1,
        vx=rng.choice((-1, 1)) * rng.uniform(0.9, 1.7),
    )
    (flight,) = slide([slider], left=-wall, right=wall, until_s=stage.until_s)
    body = stage.body(draft, size, Pieces(pieces=flight.pieces), flight.hits)
    return Moving((body,), _wall_bars(stage, wall))


def _collide(rng: random.Random, stage: Stage, drafts: tuple[Draft, Draft]) -> Moving:
    sizes = (rng.uniform(0.27, 0.33), rng.uniform(0.20, 0.25))
    left_first = rng.random() < 0.5
    wall = _wall(rng, stage)
    sliders = []
    for draft, size, side in zip(drafts, sizes, (-1, 1) if left_first else (1, -1), strict=True):
        foot, _, half = (size * extent for extent in EXTENTS[draft.shape])
        sliders.append(
            Slider(
                x=side * rng.uniform(half + 0.08, wall - half),
                y=stage.ground + foot,
                half=half,
                mass=size * size,
                vx=-side * rng.uniform(0.5, 1.1),
            )
        )
    order = (0, 1) if left_first else (1, 0)
    flights = slide([sliders[i] for i in order], left=-wall, right=wall, until_s=stage.until_s)
    bodies = tuple(
        stage.body(
            drafts[i], sizes[i], Pieces(pieces=flights[order[i]].pieces), flights[order[i]].hits
        )
        for i in (0, 1)
    )
    return Moving(bodies, _wall_bars(stage, wall))


def _roll(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    corners = words.CORNERS[draft.shape]
    foot = size * EXTENTS[draft.shape][0]
    radius = foot / math.cos(math.pi / corners) if corners else size
    reach = stage.half_width - radius
    if corners:
        step = 2 * radius * math.sin(math.pi / corners)
        steps = float(max(1, math.floor(2 * reach / step)))
        start, rate = -steps * step / 2, rng.uniform(0.85, 1.5) / step * 0.75
    else:
        steps, start, rate = 2 * reach / size, -reach, rng.uniform(0.85, 1.5) / size
    direction = rng.choice((-1, 1))
    offset = rng.uniform(0.05, 0.45) * steps
    track = Roll(
        x=direction * start,
        floor=stage.ground,
        size=radius,
        corners=corners,
        steps=steps,
        rate=rate,
        direction=direction,
        offset=offset,
    )
    # Where what is along reaches a whole number a side lands; at both ends it turns round.
    every = 1.0 if corners else steps
    first = math.ceil(offset / every)
    count = math.floor((offset + rate * stage.until_s) / every) - first + 1
    hits = []
    for index in range(count):
        place = (first + index) * every
        along = abs((place + steps) % (2 * steps) - steps)
        time = (place - offset) / rate
        turning = 2 * math.pi / corners * rate if corners else 0.0
        speed = turning * radius if corners else rate * size
        x = track.x + direction * (along * size if not corners else along * step)
        hits.append(Hit(time, speed, x))
    return Moving((stage.body(draft, size, track, hits),))


def _orbit(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    size *= 0.72
    radius = rng.uniform(0.42, 0.55)
    track = Orbit(
        x=rng.uniform(-0.25, 0.25) * stage.half_width,
        y=rng.uniform(0.02, 0.1),
        radius_x=min(radius * rng.uniform(1.0, 1.5), stage.half_width - 0.3),
        radius_y=radius,
        speed=rng.choice((-1, 1)) * rng.uniform(2.2, 4.2),
        phase=rng.uniform(0, 2 * math.pi),
        spin=rng.uniform(-1.5, 1.5),
    )
    bar = Bar(x0=track.x, y0=track.y, x1=track.x, y1=track.y, radius=0.07)
    return Moving((stage.body(draft, size, track),), (bar,))


def _pendulum(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    size *= 0.8
    length = rng.uniform(1.0, 1.2)
    track = Swing(
        x=rng.uniform(-0.2, 0.2),
        y=stage.ground + 0.16 + size * EXTENTS[draft.shape][0] + length,
        length=length,
        widest=rng.uniform(0.5, 0.75),
        period_s=rng.uniform(1.3, 2.1),
        phase=rng.uniform(0, 2 * math.pi),
    )
    bar = Bar(x0=track.x, y0=track.y, x1=0, y1=0, radius=0.012, hangs=True)
    return Moving((stage.body(draft, size, track),), (bar,))


def _float(rng: random.Random, stage: Stage, draft: Draft, size: float) -> Moving:
    track = Drift(
        x=rng.uniform(-0.45, 0.45) * stage.half_width,
        y=rng.uniform(0.02, 0.2),
        reach_x=rng.uniform(0.05, 0.16),
        reach_y=rng.uniform(0.10, 0.2),
        period_s=rng.uniform(1.8, 3.2),
        phase=rng.uniform(0, 2 * math.pi),
        tilt=rng.uniform(0.08, 0.25),
    )
    return Moving((stage.body(draft, size, track),))

"""One fully drawn scene, as plain numbers that can be printed, compared and pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from generators.scenes.motion import Track


class Impact(NamedTuple):
    """Something is struck: the moment that picture and sound share."""

    time_s: float
    strength: float  # 0 to 1, from the speed of the impact
    pan: float  # -1 left to 1 right, from the place in the picture
    material: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """An object. Lengths are in units of half of the frame's shorter side, y points up.

    ``size`` is the radius of a ball of that size; ``floor`` is the height of the ground under the
    body. Colours are sRGB, 0 to 1.
    """

    shape: str
    colour: str
    rgb: tuple[float, float, float]
    texture: str
    texture_rgb: tuple[float, float, float]
    texture_scale: float
    material: str
    motion: str
    size: float
    floor: float
    track: Track
    impacts: tuple[Impact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A prop with round ends from (x0, y0) to (x1, y1): a wall, a string, the middle of an orbit.

    ``hangs``: the second end is on the first body, wherever that is.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    radius: float
    hangs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """The ``kind`` of move with its size, period in seconds and phase in radians."""

    kind: str
    amount: float
    period_s: float
    phase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """Everything that picture, sound and caption are made from.

    ``bodies``: the first is the one that :func:`attributes` speaks of, and is in front.
    ``half_width``, ``half_height``: the frame in the units of :class:`Body`; a picture of another
    shape shows all of it and more. ``light``: x of the direction of the light's source, -1 to 1.
    ``tint``: a small change of the background's colours, -1 to 1. ``grain``: standard deviation of
    the film grain in units of 8-bit levels.
    """

    bodies: tuple[Body, ...]
    bars: tuple[Bar, ...]
    camera: Camera
    background: str
    tint: float
    light: float
    style: str
    ambience: str
    ambience_level: float
    duration_s: float
    half_width: float
    half_height: float
    grain: float
    seed: int


def impacts(spec: SceneSpec) -> tuple[Impact, ...]:
    """All impacts of a scene in order of time: what is heard, and what is seen."""
    return tuple(sorted(impact for body in spec.bodies for impact in body.impacts))


def attributes(spec: SceneSpec) -> dict[str, str]:
    """The canonical word for each attribute: of the first body, and of the scene."""
    body = spec.bodies[0]
    return {
        "shape": body.shape,
        "colour": body.colour,
        "texture": body.texture,
        "motion": body.motion,
        "background": spec.background,
        "camera": spec.camera.kind,
        "style": spec.style,
        "material": body.material,
        "ambience": spec.ambience,
    }

"""Draws scenes: which words, then everything that the words leave open."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Literal

from generators.scenes import vocabulary as words
from generators.scenes.bodies import Draft, Stage, moving_bodies, resting_body
from generators.scenes.spec import Camera, SceneSpec
from provenance.errors import OptionError

if TYPE_CHECKING:
    import numpy as np

    Rng = random.Random | np.random.Generator

Split = Literal["train", "held_out"]
_MARGIN_S = 1.0  # tracks go on for a little longer than the scene


def as_random(rng: Rng) -> random.Random:
    """The generator itself, or one seeded from NumPy's."""
    if isinstance(rng, random.Random):
        return rng
    return random.Random(int(rng.integers(2**63)))  # noqa: S311


def draw_scene(
    rng: Rng, *, duration_s: float, split: Split = "train", aspect: float = 16 / 9
) -> SceneSpec:
    """Draw one scene of ``duration_s`` seconds for a frame of width / height ``aspect``.

    ``train`` never shows a triple of shape, colour and motion for which
    :func:`generators.scenes.vocabulary.is_held_out` holds; the first body of ``held_out`` always
    does. Raises OptionError for another split, or a duration or aspect that is not positive.
    """
    if split not in {"train", "held_out"}:
        raise OptionError(f"no split {split!r}", hint="take 'train' or 'held_out'")
    if not (0 < duration_s <= 600 and 0.2 <= aspect <= 5):
        raise OptionError(
            f"no scene of {duration_s} s at an aspect of {aspect}",
            hint="take up to 600 seconds and an aspect from 0.2 to 5",
        )
    rng = as_random(rng)
    stage = Stage(
        half_width=max(1.0, aspect),
        half_height=max(1.0, 1 / aspect),
        gravity=rng.uniform(6.5, 10.0),
        until_s=duration_s + _MARGIN_S,
    )
    background, style = rng.choice(words.BACKGROUNDS), rng.choice(words.STYLES)
    motion = rng.choice(words.MOTIONS)
    first = _draft(rng, motion, background, style, held_out=split == "held_out")
    others = rng.choices((0, 1, 2), weights=(6, 3, 1))[0]
    moving = moving_bodies(rng, stage, first, lambda word: _draft(rng, word, background, style))
    bodies = list(moving.bodies)
    for place in range(min(others, 4 - len(bodies))):
        other = rng.choice(("rest", "rest", "float", "bounce"))
        draft = _draft(rng, other, background, style)
        bodies.append(resting_body(rng, stage, draft, bodies[0], place))
    return SceneSpec(
        bodies=tuple(bodies),
        bars=moving.bars,
        camera=_camera(rng),
        background=background,
        tint=rng.uniform(-1, 1),
        light=rng.uniform(-0.8, 0.8),
        style=style,
        ambience=_ambience(rng, background),
        ambience_level=rng.uniform(0.5, 1.0),
        duration_s=duration_s,
        half_width=stage.half_width,
        half_height=stage.half_height,
        grain=rng.uniform(0.6, 2.2),
        seed=rng.getrandbits(31),
    )


def _draft(
    rng: random.Random, motion: str, background: str, style: str, *, held_out: bool = False
) -> Draft:
    while True:
        shape, colour = rng.choice(words.SHAPES), rng.choice(list(words.COLOURS))
        if (
            words.can_move(shape, motion)
            and words.can_be_seen(colour, background, style)
            and words.is_held_out(shape, colour, motion) == held_out
        ):
            break
    rgb = _varied(rng, words.COLOURS[colour], 0.025)
    texture = rng.choice(("plain", *words.TEXTURES))
    return Draft(
        shape=shape,
        colour=colour,
        rgb=rgb,
        texture=texture,
        texture_rgb=_second_colour(rng, rgb),
        texture_scale=rng.uniform(0.7, 1.0),
        material=rng.choice(words.MATERIALS),
        motion=motion,
    )


def _varied(
    rng: random.Random, rgb: tuple[float, float, float], by: float
) -> tuple[float, float, float]:
    red, green, blue = (min(1.0, max(0.0, value + rng.uniform(-by, by))) for value in rgb)
    return red, green, blue


def _second_colour(
    rng: random.Random, rgb: tuple[float, float, float]
) -> tuple[float, float, float]:
    """A lighter or darker neighbour of the same hue, so that the colour stays what it is called."""
    luma = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]
    if luma > 0.72 or (luma > 0.3 and rng.random() < 0.35):
        keep = rng.uniform(0.45, 0.6)
        return (rgb[0] * keep, rgb[1] * keep, rgb[2] * keep)
    lift = rng.uniform(0.55, 0.7) if luma > 0.2 else rng.uniform(0.3, 0.4)
    red, green, blue = (value + (1 - value) * lift for value in rgb)
    return red, green, blue


def _camera(rng: random.Random) -> Camera:
    kind = rng.choice(words.CAMERAS)
    if kind == "pan":
        amount, period = rng.uniform(0.24, 0.36), rng.uniform(4, 6.5)
    elif kind == "zoom":
        amount, period = rng.uniform(0.20, 0.30), rng.uniform(4, 7)
    elif kind == "shake":
        amount, period = rng.uniform(0.03, 0.05), rng.uniform(0.22, 0.34)
    else:
        amount, period = 0.0, 1.0
    return Camera(kind=kind, amount=amount, period_s=period, phase=rng.uniform(0, 2 * math.pi))


def _ambience(rng: random.Random, background: str) -> str:
    if background == "sea" and rng.random() < 0.5:
        return "sea"
    return rng.choice(words.AMBIENCES)

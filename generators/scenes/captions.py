"""Says what a scene shows and sounds like, in one of many ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.scenes.draw import as_random
from generators.scenes.vocabulary import STRIKING

if TYPE_CHECKING:
    import random

    import numpy as np

    from generators.scenes.spec import Body, SceneSpec

WORDS: dict[str, tuple[str, ...]] = {
    # shapes
    "ball": ("ball", "sphere", "round ball"),
    "box": ("box", "cube", "square", "block"),
    "triangle": ("triangle", "pyramid"),
    "star": ("star",),
    "ring": ("ring", "hoop", "donut"),
    "capsule": ("capsule", "pill"),
    "heart": ("heart",),
    "cross": ("cross", "plus sign"),
    # colours
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "golden"),
    "green": ("green", "emerald"),
    "cyan": ("cyan", "turquoise", "teal"),
    "blue": ("blue", "royal blue"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rose"),
    "white": ("white",),
    "black": ("black", "dark"),
    # textures
    "stripes": ("striped",),
    "checker": ("checkered", "checkerboard"),
    "dots": ("dotted", "polka dot"),
    "noise": ("marbled",),
    # motions
    "bounce": ("bounces", "is bouncing", "bounces up and down", "hops"),
    "slide": ("slides back and forth", "slides across the ground", "is sliding from wall to wall"),
    "orbit": ("orbits a small light", "circles around a point", "flies in circles"),
    "pendulum": ("swings on a string", "swings like a pendulum", "hangs from a string and swings"),
    "roll": ("rolls along the ground", "is rolling", "rolls across the floor"),
    "fall": ("falls to the ground", "drops from above", "is dropped on the floor"),
    "float": ("floats in the air", "hovers", "is floating gently"),
    "rest": ("rests on the ground", "stands still", "lies there"),
    # backgrounds
    "sky": ("under a blue sky", "on a green meadow", "outdoors under the clouds"),
    "room": ("in a room", "indoors on a wooden floor", "in a living room"),
    "night": ("at night", "under the stars", "under a moonlit night sky"),
    "sea": ("by the sea", "on a beach", "at the seaside"),
    "paper": ("on paper", "on a sheet of ruled paper", "on a page of a notebook"),
    "grid": ("on a blue grid", "on a blueprint", "in front of a grid"),
    "forest": ("in a forest", "in the woods", "among trees"),
    "sunset": ("at sunset", "in the evening sun", "in front of a sunset"),
    "studio": ("in a studio", "on a plain backdrop", "in front of a clean studio backdrop"),
    # cameras
    "still": ("static camera", "the camera is still", "fixed shot"),
    "pan": ("the camera pans", "slow pan", "panning shot"),
    "zoom": ("the camera zooms", "slow zoom", "zooming shot"),
    "shake": ("shaky camera", "the camera shakes", "handheld shot"),
    # styles
    "flat": ("flat style", "flat design", "flat vector graphics"),
    "shaded": ("soft 3D style", "3D render", "smooth 3D shading"),
    "pencil": ("pencil drawing", "hand drawn in pencil", "coloured pencil style"),
    "neon": ("neon style", "glowing neon", "neon lights"),
    "film": ("film look", "vintage film", "cinematic film style"),
    # ambiences
    "silence": ("quiet otherwise", "no background sound", "silence around"),
    "wind": ("wind blowing", "the wind howls", "a soft wind"),
    "hum": ("a low hum", "an electric hum", "a humming machine"),
    "rain": ("rain falling", "the sound of rain", "pattering rain"),
    "music": ("soft music", "calm chords", "gentle ambient music"),
    # materials
    "wood": ("wooden knocks", "the knock of wood", "a wooden sound"),
    "metal": ("metallic clangs", "the ring of metal", "a metallic sound"),
    "glass": ("glass clinks", "the clink of glass", "a glassy sound"),
    "rubber": ("rubber thuds", "the thud of rubber", "a dull rubber sound"),
    "stone": ("stone clacks", "the clack of stone", "a stony sound"),
}
# The sea is a place above; as a sound it has these words.
_SEA_SOUND = ("waves breaking", "the sound of the sea", "ocean waves")
_MADE_OF = {
    "wood": "wooden",
    "metal": "metal",
    "glass": "glass",
    "rubber": "rubber",
    "stone": "stone",
}


def caption(spec: SceneSpec, rng: random.Random | np.random.Generator) -> str:
    """One sentence or two: bodies, motion, background, then camera, style and sound in some order.

    Always names the first body's colour, shape and motion; now and then leaves out the rest.
    """
    rng = as_random(rng)
    first = spec.bodies[0]
    if first.motion == "collide":
        other = _noun(rng, spec.bodies[1])
        verb = rng.choice(("collides with", "bumps into", "crashes into"))
        action = f"{_noun(rng, first)} {verb} {other}"
        rest = spec.bodies[2:]
    else:
        action = f"{_noun(rng, first)} {rng.choice(WORDS[first.motion])}"
        rest = spec.bodies[1:]
    place = rng.choice(WORDS[spec.background])
    others = " and ".join(f"{_noun(rng, b)} {rng.choice(WORDS[b.motion])}" for b in rest)
    scene = f"{place}, {action}" if rng.random() < 0.25 else f"{action} {place}"
    if others:
        scene += rng.choice((", while ", ", and ", "; ")) + others
    details = [rng.choice(WORDS[spec.camera.kind]), rng.choice(WORDS[spec.style])]
    details = [d for d in details if rng.random() < 0.9]
    details.append(_sound(rng, spec))
    rng.shuffle(details)
    details = [d for d in details if d]
    if rng.random() < 0.5:
        text = ". ".join(part[:1].upper() + part[1:] for part in (scene, *details)) + "."
    else:
        text = ", ".join((scene, *details))
    return text if rng.random() < 0.7 else text.lower()


def _noun(rng: random.Random, body: Body) -> str:
    words = [rng.choice(WORDS[body.colour])]
    if body.texture != "plain":
        words.append(rng.choice(WORDS[body.texture]))
    if rng.random() < 0.3:
        words.append(_MADE_OF[body.material])
    words.append(rng.choice(WORDS[body.shape]))
    article = "an" if words[0][0] in "aeiou" else "a"
    return " ".join((article, *words))


def _sound(rng: random.Random, spec: SceneSpec) -> str:
    around = rng.choice(_SEA_SOUND if spec.ambience == "sea" else WORDS[spec.ambience])
    if rng.random() < 0.12:
        return ""
    if spec.bodies[0].motion not in STRIKING:
        return around
    struck = rng.choice(WORDS[spec.bodies[0].material])
    return rng.choice((f"{struck}, {around}", f"{around} and {struck}", f"{struck} with {around}"))

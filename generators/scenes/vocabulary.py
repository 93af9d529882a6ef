"""The words of the scenes: what an attribute may be, and which combinations are held out.

The canonical words here are what :func:`generators.scenes.attributes` answers and what the
classifier of :mod:`generators.metrics.attributes` reads back. Captions use their synonyms too.
"""

from __future__ import annotations

import zlib

SHAPES = ("ball", "box", "triangle", "star", "ring", "capsule", "heart", "cross")
COLOURS = {  # sRGB, 0 to 1
    "red": (0.90, 0.20, 0.21),
    "orange": (0.98, 0.55, 0.14),
    "yellow": (0.98, 0.82, 0.22),
    "green": (0.22, 0.68, 0.34),
    "cyan": (0.22, 0.78, 0.84),
    "blue": (0.18, 0.38, 0.88),
    "purple": (0.52, 0.28, 0.78),
    "pink": (0.97, 0.50, 0.70),
    "white": (0.95, 0.94, 0.92),
    "black": (0.12, 0.12, 0.15),
}
TEXTURES = ("plain", "stripes", "checker", "dots", "noise")
MOTIONS = ("bounce", "slide", "orbit", "pendulum", "collide", "roll", "fall", "float")
CAMERAS = ("still", "pan", "zoom", "shake")
BACKGROUNDS = ("sky", "room", "night", "sea", "paper", "grid", "forest", "sunset", "studio")
STYLES = ("flat", "shaded", "pencil", "neon", "film")
MATERIALS = ("wood", "metal", "glass", "rubber", "stone")
AMBIENCES = ("silence", "wind", "hum", "rain", "sea", "music")

# Motions in which something is struck, so that a sound has a moment to fall on.
STRIKING = frozenset({"bounce", "slide", "collide", "roll", "fall"})
# Corners of what rolls, 0 for what is round: a polygon tumbles from side to side.
CORNERS = {"ball": 0, "ring": 0, "box": 4, "triangle": 3, "star": 5}
# By which part of a turn a shape looks the same again (0: by any).
SYMMETRY = {
    "ball": 0,
    "box": 4,
    "triangle": 3,
    "star": 5,
    "ring": 0,
    "capsule": 2,
    "heart": 1,
    "cross": 4,
}
HELD_OUT_ONE_IN = 10


def is_held_out(shape: str, colour: str, motion: str) -> bool:
    """Whether training never sees this triple: about one in ten, the same ones for ever."""
    return zlib.crc32(f"{shape}/{colour}/{motion}".encode()) % HELD_OUT_ONE_IN == 0


def can_move(shape: str, motion: str) -> bool:
    """Whether a shape has this motion: only what is round or has equal sides rolls."""
    return motion != "roll" or shape in CORNERS


def can_be_seen(colour: str, background: str, style: str) -> bool:
    """Whether a colour stands out: white on paper and black at night do not."""
    if colour == "black":
        return background not in {"night", "grid", "forest"} and style != "neon"
    if colour == "white":
        return background != "paper" and style != "pencil"
    return not (colour in {"cyan", "blue"} and background in {"sea", "sky"} and style == "flat")

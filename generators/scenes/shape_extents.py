"""How far each shape reaches from its middle, in units of its size, standing upright.

Foot (down), top (up) and half of the width. What :mod:`generators.scenes.shapes` draws keeps to
this table, so that a body rests on the ground and not in it.
"""

from __future__ import annotations

import math

_TRIANGLE, _STAR = 1.22, 1.22  # radius of the circle through the corners

EXTENTS = {
    "ball": (1.0, 1.0, 1.0),
    "box": (0.88, 0.88, 0.88),
    "triangle": (_TRIANGLE / 2, _TRIANGLE, _TRIANGLE * math.sqrt(3) / 2),
    "star": (_STAR * math.cos(math.pi / 5), _STAR, _STAR * math.sin(2 * math.pi / 5)),
    "ring": (1.0, 1.0, 1.0),
    "capsule": (0.58, 0.58, 1.2),
    "heart": (1.05, 0.95, 1.1),
    "cross": (1.02, 1.02, 1.02),
}

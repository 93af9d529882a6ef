"""Generators of video: a text in, :class:`provenance.clip.Chunk` after chunk out, never a path.

A generator hands its frames to :class:`provenance.ProvenanceWriter`, which alone writes files, so
that no generated frame leaves without its mark and its credentials. :func:`generate` does both.

Names are resolved on first use (PEP 562), so that ``import generators`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.lazy_names import lazy_names

if TYPE_CHECKING:
    from generators.base import Generator, GuideImage, Request, Watch
    from generators.generation import Generated, generate, open_generator

_HOME = {
    "Generated": "generators.generation",
    "Generator": "generators.base",
    "GuideImage": "generators.base",
    "Request": "generators.base",
    "Watch": "generators.base",
    "generate": "generators.generation",
    "open_generator": "generators.generation",
}

__all__ = [
    "Generated",
    "Generator",
    "GuideImage",
    "Request",
    "Watch",
    "generate",
    "open_generator",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME, __all__)

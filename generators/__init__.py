"""Generators of video: a text in, :class:`provenance.clip.Chunk` after chunk out, never a path.

A generator hands its frames to :class:`provenance.ProvenanceWriter`, which alone writes files, so
that no generated frame leaves without its mark and its credentials. :func:`generate` does both.

Names are resolved on first use (PEP 562), so that ``import generators`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Which pipelines of diffusers there are adapters for, and what is particular about each."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Decoding = Literal["windows", "steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``model``: the name that the mark gives it. ``multiple``: of pixels that sides are made of.
    ``step``: frames for each latent after the first. ``decoding``: see
    :mod:`generators.adapters.decoding`. ``needs_image``: it makes nothing of a text alone.
    """

    model: str
    multiple: int
    step: int
    decoding: Decoding
    needs_image: bool = False
    sound: bool = False


_LTX = Kind(model="ltx-video", multiple=32, step=8, decoding="windows")
_LTX_IMAGE = Kind(model="ltx-video", multiple=32, step=8, decoding="windows", needs_image=True)
_LTX2 = Kind(model="ltx-2", multiple=32, step=8, decoding="windows", sound=True)
_LTX2_IMAGE = Kind(
    model="ltx-2", multiple=32, step=8, decoding="windows", sound=True, needs_image=True
)
# 32 and not 16: the codec of Wan 2.2's 5B model halves the picture once more.
_WAN = Kind(model="wan", multiple=32, step=4, decoding="steps")
_WAN_IMAGE = Kind(model="wan", multiple=32, step=4, decoding="steps", needs_image=True)

KINDS = MappingProxyType(
    {
        "LTXPipeline": _LTX,
        "LTXConditionPipeline": _LTX,
        "LTXImageToVideoPipeline": _LTX_IMAGE,
        "LTX2Pipeline": _LTX2,
        "LTX2ImageToVideoPipeline": _LTX2_IMAGE,
        "WanPipeline": _WAN,
        "WanImageToVideoPipeline": _WAN_IMAGE,
        "HeliosPipeline": Kind(model="helios-14b", multiple=16, step=4, decoding="steps"),
        # Its smallest stage is a quarter of the picture.
        "HeliosPyramidPipeline": Kind(model="helios-14b", multiple=64, step=4, decoding="steps"),
    }
)
"""By the name of the class of the pipeline."""

"""What is asked over HTTP, as a request to a generator; and what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

from generators.base import SIDES_PX, Request, parse_rate, parse_size
from provenance.errors import OptionError, UnknownModel, WeightsMissing
from service.generation.models import known_bundle, version_of
from service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from generators.bundle import Bundle
    from service.generation.schemas import ClipWish, StreamWish
    from service.settings import GenerationSettings


_NO_WEIGHTS = "The operator names weights by ltx-serve --generator-bundle."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``model``: the registered name; ``version``: of its weights. ``reduced``: the request is
    smaller or shorter than what was asked for.
    """

    model: str
    version: str
    request: Request
    reduced: bool

    def told(self) -> dict[str, Any]:
        """What may be kept of it: everything but its words."""
        request = self.request
        return {
            "resolution": f"{request.width}x{request.height}",
            "fps": float(request.rate),
            "duration": request.duration_s,
            "audio": request.audio,
            "seed": request.seed,
            "reduced": self.reduced,
        }

    def digest(self, key: bytes) -> str:
        """Equal for wishes that make the same clip. Keyed, because prompts can be guessed."""
        request = self.request
        facts = [
            *(self.model, self.version, request.prompt, request.style, request.width),
            *(request.height, str(request.rate), request.duration_s, request.audio, request.seed),
            self.reduced,  # what is told of it
        ]
        text = json.dumps(facts).encode()
        return hashlib.blake2b(text, key=key, person=b"clip request", digest_size=32).hexdigest()


def wish_of(
    asked: ClipWish | StreamWish, sources: Mapping[str, str], settings: GenerationSettings
) -> Wish:
    """Raises :class:`~service.problems.Problem`: request.invalid, model.unknown,
    weights.missing.
    """
    if not sources:
        # A service that scans does not make clips, too, because weights came with the package.
        raise Problem("weights.missing", hint=_NO_WEIGHTS)
    try:
        width, height = parse_size(asked.resolution)
        # Checked as it was asked for, before it is made smaller.
        bundle = known_bundle(asked.model, sources)
        live = _streams(bundle)
        request = _request(asked, width, height, asked.duration, live=live)
        size = reduced_size(width, height, settings.largest)
        duration = min(asked.duration, settings.longest_s or asked.duration)
        reduced = (*size, duration) != (width, height, asked.duration)
        if reduced:
            shortest = 1 / float(request.rate)
            request = _request(asked, *size, max(duration, shortest), live=live)
    except UnknownModel as error:
        raise Problem("model.unknown", error.message, hint=error.hint) from error
    except WeightsMissing as error:
        raise Problem("weights.missing", error.message, hint=_NO_WEIGHTS) from error
    except OptionError as error:
        raise Problem("request.invalid", error.message, hint=error.hint) from error
    return Wish(model=bundle.model, version=version_of(bundle), request=request, reduced=reduced)


def reduced_size(width: int, height: int, largest: tuple[int, int] | None) -> tuple[int, int]:
    """The size with the same shape that has at most as many pixels as ``largest``, as far as
    generators go down.
    """
    if largest is None or width * height <= largest[0] * largest[1]:
        return width, height
    scale = sqrt(largest[0] * largest[1] / (width * height))
    scale = max(scale, SIDES_PX[0] / min(width, height))
    wide, high = (max(SIDES_PX[0], 2 * int(side * scale / 2)) for side in (width, height))
    # Rounding must not make it more oblong than generators go.
    return min(wide, 3 * high), min(high, 3 * wide)


def _request(
    asked: ClipWish | StreamWish, width: int, height: int, duration_s: float, *, live: bool
) -> Request:
    return Request(
        prompt=asked.prompt,
        width=width,
        height=height,
        rate=parse_rate(str(asked.fps)),
        duration_s=duration_s,
        audio=asked.audio,
        style=asked.style,
        seed=asked.seed,
        live=live,
    )


def _streams(bundle: Bundle) -> bool:
    """Whether its model makes one chunk after the other, and so for as long as one likes."""
    from generators.presets import streams

    return streams(bundle.size)

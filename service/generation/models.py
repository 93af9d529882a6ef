"""Which weights make the clips of which model, and the generators that are open."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from generators.base import MAX_DURATION_S, MAX_STREAM_S
from generators.bundle import find_description, read_bundle
from provenance.payload import model_by_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from generators.base import Generator
    from generators.bundle import Bundle
    from service.settings import GenerationSettings

    Opener: TypeAlias = Callable[[str, str | None], Any]


def sources_of(settings: GenerationSettings) -> dict[str, str]:
    """Name of a model → the bundle that the operator named for it.

    Raises what :func:`~generators.bundle.open_bundle` raises.
    """
    return {read_bundle(find_description(one)).model: one for one in settings.bundles}


def check_generators(settings: GenerationSettings) -> None:
    """Raises for weights that are named and not there, before anybody asks for a clip."""
    sources_of(settings)


def longest_wishes(settings: GenerationSettings) -> dict[str, float]:
    """Name of each model that can be asked for → the most seconds of a clip of it, by the model,
    the API and the operator.
    """
    from generators.presets import streams
    from service.generation.schemas import MOST_SECONDS

    most = {}
    for key, source in sources_of(settings).items():
        live = streams(read_bundle(find_description(source)).size)
        own = MAX_STREAM_S if live else MAX_DURATION_S
        most[key] = min(own, MOST_SECONDS, settings.longest_s or MOST_SECONDS)
    return most


def open_weights(source: str, device: str | None) -> Any:
    """As :func:`generators.open_generator`, which is not imported before it is needed."""
    from generators.generation import open_generator

    return open_generator(source, device)


class Models:
    """The generators of one thread: each is opened when it is first needed, and stays."""

    def __init__(self, sources: Mapping[str, str], device: str | None, opener: Opener) -> None:
        self._sources = sources
        self._device = device
        self._opener = opener
        self._open: dict[str, Generator] = {}

    def get(self, model: str) -> Generator:
        """The generator of a model; raises what :func:`generators.open_generator` raises."""
        if model not in self._open:
            self._open[model] = self._opener(self._sources.get(model, model), self._device)
        return self._open[model]

    def drop(self, model: str) -> None:
        """Forgets a generator that failed: its GPU may be gone, and a new one may find another."""
        self._open.pop(model, None)


def known_bundle(model: str, sources: Mapping[str, str]) -> Bundle:
    """The description of the weights of ``model``, a name or an alias.

    Raises :class:`~provenance.errors.UnknownModel`, :class:`~provenance.errors.WeightsMissing`.
    """
    key = model_by_key(model).key
    return read_bundle(find_description(sources.get(key, key)))


def version_of(bundle: Bundle) -> str:
    """What makes two bundles of one model differ in what they make."""
    facts = {
        "files": {part: file.sha256 for part, file in bundle.files.items()},
        "sampling": bundle.sampling,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

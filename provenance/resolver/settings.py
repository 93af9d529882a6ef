"""How much a resolver takes and does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverLimits:
    """``url_value``: characters of a value in an address; ``json_bytes``, ``manifest_bytes`` and
    ``content_bytes`` of bodies; ``results`` of a query; ``content_s``: seconds of a video that are
    looked at; ``reference_hosts``: from whom content may be fetched by its address (nobody).
    """

    url_value: int = 2_000
    json_bytes: int = 1 << 20
    manifest_bytes: int = 5 << 20
    content_bytes: int = 256 << 20
    results: int = 100
    content_s: float = 60.0
    reference_hosts: tuple[str, ...] = ()
    reference_s: float = 30.0

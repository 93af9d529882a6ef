"""Manifests that a file only names the address of: fetched by our own, narrow fetcher, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.fetching import fetch
from provenance.manifest.reading import read_store

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.fetching import FetchLimits
    from provenance.manifest.report import ManifestReport
    from provenance.trust import TrustSettings


def read_remote_manifest(
    path: Path, url: str, trust: TrustSettings, limits: FetchLimits
) -> ManifestReport:
    """The manifest at ``url``, which :attr:`ManifestReport.remote_url` gave, as that of ``path``.

    It is bound to the file by the hash of its bytes, as one that is inside. Raises
    :class:`~provenance.errors.FetchRefused` when ``limits`` do not allow it or nobody answers.
    """
    return read_store(path, fetch(url, limits), trust, source="remote")

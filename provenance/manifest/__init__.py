"""C2PA manifests: signed statements of where a file comes from, in the file or beside it.

The library behind it keeps native contexts that do not survive ``fork``; none is kept between
calls, so every call here is safe in a forked worker as long as the fork happens outside of it.
"""

from provenance.manifest.containers import Container, container_of, sidecar_path
from provenance.manifest.publishing import publish
from provenance.manifest.reading import (
    has_manifest,
    read_manifest,
    read_recovered_manifest,
    read_stored_manifest,
)
from provenance.manifest.remote import read_remote_manifest
from provenance.manifest.report import IngredientReport, ManifestReport, ReadLimits
from provenance.manifest.request import ManifestRequest
from provenance.manifest.signing import sign_file

__all__ = [
    "Container",
    "IngredientReport",
    "ManifestReport",
    "ManifestRequest",
    "ReadLimits",
    "container_of",
    "has_manifest",
    "publish",
    "read_manifest",
    "read_recovered_manifest",
    "read_remote_manifest",
    "read_stored_manifest",
    "sidecar_path",
    "sign_file",
]

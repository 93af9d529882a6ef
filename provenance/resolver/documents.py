"""The JSON documents of the Soft Binding Resolution API, under the specification's names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

Algorithm = Annotated[str, Field(min_length=1, max_length=200)]
ManifestId = Annotated[str, Field(min_length=1, max_length=500)]


class BindingQuery(BaseModel):
    """``value``: base64."""

    alg: Algorithm
    value: Annotated[str, Field(min_length=1)]


class ReferenceQuery(BaseModel):
    referenceUrl: Annotated[str, Field(max_length=4_000)]  # noqa: N815 the specification's name
    assetLength: Annotated[int, Field(gt=0)]  # noqa: N815
    assetType: str | None = None  # noqa: N815


class Binding(BaseModel):
    """Lets ``bindingValue`` (base64) of the algorithm ``alg`` lead to ``manifestId``."""

    manifestId: ManifestId  # noqa: N815
    alg: Algorithm
    bindingValue: Annotated[str, Field(min_length=1, max_length=100_000)]  # noqa: N815


class ManifestMatch(BaseModel):
    manifestId: str  # noqa: N815
    similarityScore: Annotated[int, Field(ge=0, le=100)]  # noqa: N815


class QueryResult(BaseModel):
    matches: list[ManifestMatch]


class NamedAlgorithm(BaseModel):
    alg: str


class SupportedAlgorithms(BaseModel):
    watermarks: list[NamedAlgorithm]
    fingerprints: list[NamedAlgorithm]


class KeptManifest(BaseModel):
    manifestId: str  # noqa: N815

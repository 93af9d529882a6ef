"""Marking and signing: the watermark, the credentials, the keys, the store and the writer.

Names are resolved on first use (PEP 562), so that ``import provenance`` costs nothing: torch alone
takes seconds to import, and most commands never need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.lazy_names import lazy_names

if TYPE_CHECKING:
    from provenance.clip import AudioSpec, Chunk, VideoSpec
    from provenance.errors import EveryframeError
    from provenance.keys import CarrierKey, Identity, ensure_identity, load_identity
    from provenance.payload import MODELS, Model, Payload
    from provenance.stamping import stamp
    from provenance.store import open_store
    from provenance.trust import TrustSettings
    from provenance.writer import ProvenanceWriter

__version__ = "0.1.0"

_HOME = {
    "AudioSpec": "provenance.clip",
    "CarrierKey": "provenance.keys",
    "Chunk": "provenance.clip",
    "EveryframeError": "provenance.errors",
    "Identity": "provenance.keys",
    "MODELS": "provenance.payload",
    "Model": "provenance.payload",
    "Payload": "provenance.payload",
    "ProvenanceWriter": "provenance.writer",
    "TrustSettings": "provenance.trust",
    "VideoSpec": "provenance.clip",
    "ensure_identity": "provenance.keys",
    "load_identity": "provenance.keys",
    "open_store": "provenance.store",
    "stamp": "provenance.stamping",
}

__all__ = [
    "MODELS",
    "AudioSpec",
    "CarrierKey",
    "Chunk",
    "EveryframeError",
    "Identity",
    "Model",
    "Payload",
    "ProvenanceWriter",
    "TrustSettings",
    "VideoSpec",
    "__version__",
    "ensure_identity",
    "load_identity",
    "open_store",
    "stamp",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME, __all__)

"""The C2PA Soft Binding Resolution API: a router to mount, and the client that asks one.

The paths and documents are those of the specification's OpenAPI file, version 2.4
(https://spec.c2pa.org/specifications/specifications/2.4/softbinding/Decoupled.html).
"""

from provenance.resolver.client import ResolverStore
from provenance.resolver.pool import StorePool
from provenance.resolver.settings import ResolverLimits

__all__ = ["ResolverLimits", "ResolverStore", "StorePool"]

"""The manifest store: content id → the manifest that was signed with it.

A manifest is lost with the first upload that transcodes; the mark is not. The content id in the
mark finds the manifest again here, and the fingerprint beside it says whether it was that video.
One SQLite file is good for one machine, Postgres for many; both do the same.
"""

from provenance.store.empty import EmptyStore
from provenance.store.opening import default_store_path, open_managed_store, open_store
from provenance.store.protocol import ManagedStore, Store
from provenance.store.records import Candidate, Mark, RetentionRule, StoredManifest, StoreFacts

__all__ = [
    "Candidate",
    "EmptyStore",
    "ManagedStore",
    "Mark",
    "RetentionRule",
    "Store",
    "StoreFacts",
    "StoredManifest",
    "default_store_path",
    "open_managed_store",
    "open_store",
]

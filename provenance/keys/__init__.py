"""Keys: carrier keys that place and read the mark, identities that sign."""

from provenance.keys.carrier import (
    DEFAULT_CARRIER_KEY,
    CarrierKey,
    carrier_keys,
    create_carrier_key,
    current_carrier_key,
    dump_carrier_key,
    import_carrier_key,
    parse_carrier_key,
)
from provenance.keys.directory import check_directory, default_keys_directory
from provenance.keys.identity import (
    Identity,
    TimePolicy,
    create_development_identity,
    ensure_identity,
    import_identity,
    load_identity,
    new_identity_notice,
    own_anchors,
    renewal_notice,
    rotate_development_identity,
    with_time_stamps,
)
from provenance.keys.signer import Signer

__all__ = [
    "DEFAULT_CARRIER_KEY",
    "CarrierKey",
    "Identity",
    "Signer",
    "TimePolicy",
    "carrier_keys",
    "check_directory",
    "create_carrier_key",
    "create_development_identity",
    "current_carrier_key",
    "default_keys_directory",
    "dump_carrier_key",
    "ensure_identity",
    "import_carrier_key",
    "import_identity",
    "load_identity",
    "new_identity_notice",
    "own_anchors",
    "parse_carrier_key",
    "renewal_notice",
    "rotate_development_identity",
    "with_time_stamps",
]

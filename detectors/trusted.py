"""Whom verification trusts where nobody says otherwise: oneself, and the installed list."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import IdentityError
from provenance.keys import default_keys_directory, own_anchors
from provenance.trust import TrustSettings
from provenance.trust_list import installed_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.keys import CarrierKey


def own_trust(directory: Path, trust: TrustSettings) -> TrustSettings:
    """``trust``, the anchors of the identities in ``directory``, replaced ones too, and its list.

    What cannot be read there vouches for nothing, and verifying goes on.
    """
    anchors: list[bytes] = []
    try:
        anchors += own_anchors(directory)
        if (found := installed_list(directory)) is not None:
            anchors.append(found.pem)
    except IdentityError:
        pass
    return replace(trust, anchors_pem=(*trust.anchors_pem, *anchors))


def trust_of(
    trust: TrustSettings | None, keys: Sequence[CarrierKey] | str | os.PathLike[str] | None
) -> TrustSettings:
    """``trust`` if it was given, else the default of the keys directory that was."""
    if trust is not None:
        return trust
    if keys is None:
        return own_trust(default_keys_directory(os.environ), TrustSettings())
    if isinstance(keys, str | os.PathLike):
        return own_trust(Path(keys), TrustSettings())
    return TrustSettings()

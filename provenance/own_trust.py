"""Whom to trust where nobody says otherwise: oneself, and the installed list of authorities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provenance.errors import IdentityError
from provenance.keys import own_anchors
from provenance.trust import TrustSettings
from provenance.trust_list import installed_list

if TYPE_CHECKING:
    from pathlib import Path


def own_trust(directory: Path, trust: TrustSettings | None = None) -> TrustSettings:
    """``trust``, the anchors of the identities in ``directory``, replaced ones too, and its list.

    What cannot be read there vouches for nothing, and verifying goes on.
    """
    trust = trust or TrustSettings()
    anchors: list[bytes] = []
    try:
        anchors += own_anchors(directory)
        if (found := installed_list(directory)) is not None:
            anchors.append(found.pem)
    except IdentityError:
        pass
    return replace(trust, anchors_pem=(*trust.anchors_pem, *anchors))

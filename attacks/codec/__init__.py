"""What encoders and upload pipelines do: real codecs, nothing modelled."""

from attacks.codec import encode, identity, platform

_ROOMS = (identity, encode, platform)

ATTACKS = tuple(attack for room in _ROOMS for attack in room.ATTACKS)
KINDS = {name: kind for room in _ROOMS for name, kind in room.KINDS.items()}

"""What somebody does who wants the mark gone."""

from attacks.removal import averaging, descent, regeneration

_ROOMS = (averaging, regeneration, descent)

ATTACKS = tuple(attack for room in _ROOMS for attack in room.ATTACKS)
KINDS = {name: kind for room in _ROOMS for name, kind in room.KINDS.items()}

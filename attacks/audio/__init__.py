"""What happens to the sound alone."""

from attacks.audio.changes import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

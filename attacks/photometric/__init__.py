"""What the picture's values are: light, colour, noise, blur, coarse steps."""

from attacks.photometric.tone import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

"""What is laid over the picture."""

from attacks.overlay.graphics import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

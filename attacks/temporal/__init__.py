"""Which pictures there are, and when."""

from attacks.temporal.rate import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

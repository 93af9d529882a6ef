"""A mark or credentials put where they do not belong."""

from attacks.forgery.copying import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

"""A phone films a screen: a simulation."""

from attacks.rerecord.recording import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

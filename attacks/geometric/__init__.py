"""Where in the picture the clip lies: cut, turned, bent, framed."""

from attacks.geometric.frame import ATTACKS, KINDS

__all__ = ["ATTACKS", "KINDS"]

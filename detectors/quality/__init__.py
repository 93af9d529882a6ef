"""How good pictures and sound are: what a viewer would complain about.

These are findings about quality. Cameras, codecs and editors make every one of them, and so do
generators: none of them is evidence for or against AI, and no verdict looks at them.
"""

from detectors.quality.watch import QualityWatch

__all__ = ["QualityWatch"]

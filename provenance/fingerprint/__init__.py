"""Perceptual fingerprints of pictures and sound: whether two files show and sound the same.

A watermark can be copied onto another video and a manifest put into another file. Both lead to a
fingerprint that was taken when the mark was made, and that does not fit what is in hand.
"""

from provenance.fingerprint.geometry import Window
from provenance.fingerprint.matching import FingerprintMatch, match_video as match
from provenance.fingerprint.video import VideoFingerprint, VideoFingerprinter

__all__ = [
    "FingerprintMatch",
    "VideoFingerprint",
    "VideoFingerprinter",
    "Window",
    "match",
]

"""Perceptual fingerprints of pictures and sound: whether two files show and sound the same.

A watermark can be copied onto another video and a manifest put into another file. Both lead to a
fingerprint that was taken when the mark was made, and that does not fit what is in hand.
"""

from provenance.fingerprint.comparing import Fingerprint, match
from provenance.fingerprint.geometry import Window
from provenance.fingerprint.outcome import FingerprintMatch
from provenance.fingerprint.prints import Prints
from provenance.fingerprint.sound import SoundFingerprint, SoundFingerprinter
from provenance.fingerprint.taking import PrintTaker
from provenance.fingerprint.video import Looks, VideoFingerprint, VideoFingerprinter

__all__ = [
    "Fingerprint",
    "FingerprintMatch",
    "Looks",
    "PrintTaker",
    "Prints",
    "SoundFingerprint",
    "SoundFingerprinter",
    "VideoFingerprint",
    "VideoFingerprinter",
    "Window",
    "match",
]

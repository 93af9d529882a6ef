"""Two fingerprints of one kind side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from provenance.fingerprint.sound import SoundFingerprint
from provenance.fingerprint.sound_match import match_sound
from provenance.fingerprint.video import VideoFingerprint
from provenance.fingerprint.video_match import match_video

if TYPE_CHECKING:
    from provenance.fingerprint.outcome import FingerprintMatch

Fingerprint: TypeAlias = VideoFingerprint | SoundFingerprint


def match(query: Fingerprint, reference: Fingerprint) -> FingerprintMatch:
    """Whether both are of the same content; raises :class:`TypeError` for pictures and sound."""
    if isinstance(query, VideoFingerprint) and isinstance(reference, VideoFingerprint):
        return match_video(query, reference)
    if isinstance(query, SoundFingerprint) and isinstance(reference, SoundFingerprint):
        return match_sound(query, reference)
    raise TypeError("pictures cannot be compared with sound")

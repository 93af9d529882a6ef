"""Facts for tests of what is computed from them."""

from __future__ import annotations

from detectors.result import (
    ClockFacts,
    FileFacts,
    GeometryFacts,
    ManifestFacts,
    Result,
    SegmentFacts,
    WatermarkFacts,
)

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
CONTENT_ID = "14378600000001"
DIGEST = "hmac-sha256:a1bc30" + "0" * 58


def file(**changes):
    facts = {
        "name": "clip.mp4",
        "path": "videos/clip.mp4",
        "sha256": "0" * 64,
        "bytes": 1000,
        "container": "mp4",
        "duration_s": 5.0,
        "width": 1280,
        "height": 720,
        "fps": 29.97,
        "has_audio": True,
    }
    return FileFacts(**(facts | changes))


def geometry(**changes):
    facts = {
        "scale": 1.5,
        "rotation_deg": 0.0,
        "flipped": False,
        "shown": 1.0,
        "offset": (0.0, 0.0),
    }
    return GeometryFacts(**(facts | changes))


def segments(text, step_s=1.0):
    """Segments of ``step_s`` seconds from letters: m marked, u unmarked, ? unclear."""
    states = {"m": "marked", "u": "unmarked", "?": "unclear"}
    return tuple(
        SegmentFacts(start_s=index * step_s, end_s=(index + 1) * step_s, state=states[letter])
        for index, letter in enumerate(text)
    )


def clock(*runs):
    """Runs of the clock from (start, end, start in the original) or, with the speed, four."""
    return tuple(
        ClockFacts(
            start_s=start_s,
            end_s=end_s,
            original_start_s=original_s,
            speed=speed[0] if speed else 1.0,
            score=12.0,
        )
        for start_s, end_s, original_s, *speed in runs
    )


def mark(**changes):
    facts = {
        "detected": True,
        "authenticated": False,
        "key": "everyframe-public-1",
        "model": "ltx-2.3",
        "model_name": "LTX Video 2.3",
        "date": "2026-03-24",
        "content_id": CONTENT_ID,
        "prompt_hash_prefix": "a1bc30",
        "confidence": 0.9999,
        "false_positive_bound": 1e-9,
        "frames_used": 150,
        "seconds_used": 5.0,
        "geometry": geometry(),
        "segments": segments("mmmmm"),
        "clock": clock((0.0, 5.0, 0.0)),
    }
    return WatermarkFacts(**(facts | changes))


def unread_mark(**changes):
    facts = {
        "detected": True,
        "key": "everyframe-public-1",
        "presence_p": 2e-8,
        "frames_used": 150,
        "seconds_used": 5.0,
    }
    return WatermarkFacts(**(facts | changes))


def manifest(**changes):
    facts = {
        "present": True,
        "source": "embedded",
        "state": "trusted",
        "binding_ok": True,
        "claim_generator": "everyframe",
        "issuer": "Example Studio",
        "ai_generated": True,
        "digital_source_type": GENERATED,
        "prompt_hash": DIGEST,
        "model": "ltx-2.3",
        "content_id": CONTENT_ID,
        "generation_date": "2026-03-24",
    }
    return ManifestFacts(**(facts | changes))


def result(**changes):
    """A marked, signed file in which nothing is wrong."""
    fields = {
        "file": file(),
        "verdict": "ai_generated",
        "reasons": ("found",),
        "tampered": False,
        "watermark": mark(authenticated=True),
        "manifest": manifest(),
    }
    return Result(**(fields | changes))

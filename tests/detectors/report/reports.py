"""Results of every kind, for tests of how they are shown."""

from __future__ import annotations

import cv2
import numpy as np

from detectors.result import (
    Check,
    Decision,
    Failure,
    FileFacts,
    IngredientFacts,
    QualityFacts,
    QualityFinding,
    Result,
    Shot,
    Tampering,
    TamperMap,
)
from tests.drawn import moving_frames
from tests.result_facts import file, manifest, mark, result, segments, unread_mark

LOOKED_FOR = (
    *("frozen", "duplicated", "flicker", "black", "drift"),
    *("silence", "clipped", "audio_offset"),
)


def shots(count=6, step_s=1.0):
    def jpeg(frame):
        return cv2.imencode(".jpg", frame)[1].tobytes()

    return tuple(
        Shot(time_s=index * step_s, width=96, height=54, jpeg=jpeg(frame))
        for index, frame in enumerate(moving_frames(count, 54, 96))
    )


def tamper_map():
    grid = np.zeros((5, 9, 16), np.float32)
    grid[2:4, 3:7, 9:14] = 0.9
    grid[:, 0, 0] = np.nan
    return TamperMap(times_s=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0), grid=grid, width=1280, height=720)


INGREDIENTS = (
    IngredientFacts(
        title="draft.mp4",
        relationship="parentOf",
        credentials=True,
        issuer="Example Studio",
        claim_generator="Editor 5",
        ai_generated=True,
    ),
    IngredientFacts(title="music.wav", relationship="componentOf"),
    IngredientFacts(
        title="first.mp4",
        relationship="parentOf",
        parent=0,
        credentials=True,
        codes=("assertion.bmffHash.mismatch",),
    ),
)
CHECKS = (
    Check(name="watermark", state="done", detail="searched in 150 frames over 5.0 s"),
    Check(name="order", state="failed", detail="the mark's clock is too weak here"),
    Check(name="transcoding", state="skipped", detail="leaves no trace that is looked for"),
)
TAMPERED = result(
    file=file(name="city.mp4"),
    tampered=True,
    modified=("cropped",),
    tampering=(
        Tampering(kind="inserted", detail="2.0-3.0 s carries no mark", start_s=2.0, end_s=3.0),
        Tampering(
            kind="region_replaced",
            detail="the mark is missing in one part of the picture",
            start_s=2.1,
            end_s=3.9,
            region=(720, 240, 400, 320),
            confidence=0.999,
        ),
        Tampering(kind="binding_broken", detail="the file was changed after it was signed"),
    ),
    watermark=mark(authenticated=True, segments=segments("mmu?m")),
    audio_watermark=mark(geometry=None, frames_used=0),
    tamper_map=tamper_map(),
    storyboard=shots(),
    manifest=manifest(ingredients=INGREDIENTS, actions=("c2pa.opened", "c2pa.edited")),
    checks=CHECKS,
    quality=QualityFacts(
        looked_for=LOOKED_FOR,
        findings=(
            QualityFinding(kind="frozen", detail="does not change", start_s=3.5, end_s=4.9),
            QualityFinding(kind="silence", detail="the sound is silent throughout"),
        ),
    ),
    decision=Decision(
        action="review",
        reason="it does not fit",
        rule=1,
        policy_name="uploads",
        policy_version="7",
        policy_sha256="0" * 64,
    ),
    timings_ms={"total": 1234.5},
)
CLEAN = result(file=file(name="clean.mp4"), storyboard=shots(), checks=CHECKS)
NO_EVIDENCE = Result(
    file=file(name="holiday.mov", has_audio=False),
    verdict="no_evidence",
    reasons=("no watermark was found", "no evidence of AI is not evidence against it"),
    checks=CHECKS[:1],
)
UNREAD = Result(
    file=file(name="weak.mp4"),
    verdict="no_evidence",
    reasons=("a watermark is present but its message could not be read",),
    watermark=unread_mark(),
)
SOUND = Result(
    file=FileFacts(
        name="song.wav", path="song.wav", container="wav", duration_s=9.5, has_audio=True
    ),
    verdict="ai_generated",
    reasons=("it is the sound that carries it",),
    audio_watermark=mark(geometry=None, frames_used=0, segments=()),
)
CONFLICTING = result(file=file(name="both.mp4"), verdict="conflicting", tampered=None)
UNREADABLE = Result(
    file=FileFacts(name="gone.mp4", path="gone.mp4"),
    verdict="unreadable",
    reasons=("the file could not be read",),
    error=Failure(code="input.missing", message="gone.mp4 does not exist", hint="check the name"),
)
ALL = (TAMPERED, CLEAN, NO_EVIDENCE, UNREAD, SOUND, CONFLICTING, UNREADABLE)

"""A clip as the document that clients get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.documents import instant

if TYPE_CHECKING:
    from service.generation.making import Job
    from service.generation.parts import Clips, Part
    from service.generation.records import Record


def generation_document(
    record: Record, clips: Clips, *, base: str, job: Job | None
) -> dict[str, Any]:
    """``base``: of the addresses, without a slash at its end. ``job``: if it is under way here."""
    made, wanted = record.made or {}, record.wanted
    parts = made.get("parts", [])
    known = None if job is None else job.unknown_words
    unread = made.get("unread", None if job is None else job.unread)

    def address(part: Part) -> str | None:
        if part not in parts or record.expires is None:
            return None
        return base + clips.address(record.id, part, expires=record.expires)

    progress, state = record.progress, record.state
    if job is not None and record.finished is None:
        progress = job.progress
        if job.state == "running":  # its end counts once all that belongs to it is written
            state = job.state
    return {
        "id": record.id,
        "state": state,
        "model": record.model,
        "created": instant(record.created),
        "finished": None if record.finished is None else instant(record.finished),
        "expires": None if record.expires is None else instant(record.expires),
        "progress": progress,
        "resolution": wanted["resolution"],
        "fps": wanted["fps"],
        "duration": wanted["duration"],
        "audio": wanted["audio"],
        "seed": wanted["seed"],
        "reduced": wanted["reduced"],
        "promptHash": record.prompt_hash,
        "contentId": made.get("content_id"),
        "trained": made.get("trained"),
        "unknownWords": known,
        "unreadCharacters": unread,
        "videoUrl": address("video") or address("clip"),
        "audioUrl": address("audio"),
        "combinedUrl": address("clip"),
        "streamUrl": address("stream"),
        "error": record.error,
    }

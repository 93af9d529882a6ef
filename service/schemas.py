"""What goes over the wire. Answers say what was found, and nothing about who sent it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.feedback import MOST_CHARACTERS, Kind

ScanId = Annotated[str, Field(pattern=r"^scan_[0-9a-f]{32}$", examples=["scan_" + "0" * 32])]
Url = Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^https?://[!-~]+$")]


class Wire(BaseModel):
    """Of every document: unknown fields are errors, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ObjectScan(Wire):
    """A request to scan an object in a store that the operator allows."""

    object: Annotated[
        str,
        Field(min_length=6, max_length=2000, pattern=r"^[a-z0-9]+://[!-~]+$"),
        Field(description="Address of the object, such as s3://bucket/key"),
    ]
    depth: Literal["early", "full"] | None = Field(
        None, description="early: stop at the first signal that decides; full: look for tampering"
    )
    callback: Url | None = Field(None, description="Where the result is sent, as a webhook")


class LinkScan(Wire):
    """A request to scan the file behind an address."""

    link: Annotated[
        str,
        Field(min_length=9, max_length=2000, pattern=r"^https?://[!-~]+$"),
        Field(description="Public address of the file, https://…"),
    ]
    depth: Literal["early", "full"] | None = None


class FeedbackWish(Wire):
    """What somebody says of a result."""

    kind: Kind = Field(description="missed: made with AI, and not found; false_alarm: it is not")
    comment: str = Field("", max_length=MOST_CHARACTERS)


class ScanDocument(Wire):
    """A scan, with its result once there is one."""

    id: ScanId
    state: Literal["queued", "running", "done"]
    created: str
    finished: str | None = None
    source: Literal["upload", "object"]
    object: str | None = None
    depth: Literal["early", "full"]
    bytes: int | None = None
    sha256: str | None = None
    progress: float | None = Field(None, ge=0, le=1)
    verdict: (
        Literal["ai_generated", "ai_edited", "no_evidence", "conflicting", "unreadable"] | None
    ) = None
    action: Literal["allow", "label", "review", "block"] | None = Field(
        None, description="What the policy says to do. Errors and time limits give review."
    )
    signals: list[dict[str, Any]] | None = Field(
        None, description="What spoke for the verdict, the strongest first"
    )
    decision: dict[str, Any] | None = Field(None, description="Which rule of which policy decided")
    error: dict[str, Any] | None = Field(None, description="Why the file could not be judged")
    result: dict[str, Any] | None = Field(None, description="The whole everyframe.verify/1 result")


class ScanPage(Wire):
    scans: list[ScanDocument]
    cursor: str | None = Field(None, description="Give it to get the next page; null: the last")


class Redelivery(Wire):
    message: str


class KeyDocument(Wire):
    key: str = Field(description="The new key: it is shown this once")
    ends_in_s: float = Field(description="How long the old key still works")


class EventsAccepted(Wire):
    accepted: list[ScanId]
    ignored: int


class AuditEntry(Wire):
    id: str
    at: float
    actor: str
    action: str
    object: str
    detail: str


class AuditPage(Wire):
    entries: list[AuditEntry]
    cursor: str | None = None


class ProblemDocument(BaseModel):
    """An error, by RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None


class Health(Wire):
    status: Literal["ok"]


class Readiness(Wire):
    status: Literal["ok"]
    waiting: int

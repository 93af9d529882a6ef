"""What a manifest of ours says, as the C2PA library takes it.

Assertions and actions follow the C2PA specification 2.4. Never in it: the prompt, an author, an
account, a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from provenance.manifest.actions import actions_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from provenance.manifest.actions import Edit
    from provenance.payload import Model, Payload
    from provenance.prompt import PromptDigest

SPEC_VERSION = "2.4.0"
PROVENANCE_LABEL = "org.everyframe.provenance"
WATERMARK_ALGORITHM = "org.everyframe.mark.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRequest:
    """What to state about a file.

    ``created`` (aware) is when it was made. ``payload`` is what its watermark says, None for a
    file without one. ``width``, ``height`` in pixels (0: there are no pictures), ``duration_s``
    in seconds. ``parent`` is the file that this one was made from, ``components`` those that it
    was put together from: their credentials are kept as history. ``edits`` is what was done to
    the parent, ``encoded`` whether its pictures were encoded again. ``marked_now`` is false
    when a mark that was there already is kept; ``kept_ids`` are the content ids of such marks
    in the pieces. ``fingerprint`` is the text of the video's fingerprint, which tells a copied
    watermark from a real one.
    """

    model: Model
    title: str
    created: datetime
    source: Literal["generated", "edited", "captured"] = "generated"
    prompt: PromptDigest | None = None
    payload: Payload | None = None
    carrier: str | None = None
    width: int
    height: int
    duration_s: float
    tool_version: str
    parent: Path | None = None
    components: tuple[Path, ...] = ()
    edits: tuple[Edit, ...] = ()
    encoded: bool = True
    marked_now: bool = True
    kept_ids: tuple[str, ...] = ()
    fingerprint: str | None = None


def manifest_definition(request: ManifestRequest) -> dict[str, Any]:
    """The definition of ``request``'s manifest for the library's builder, without ingredients."""
    assertions = [{"label": "c2pa.actions.v2", "created": True, "data": actions_of(request)}]
    if request.source != "captured":
        assertions.append(
            {"label": "c2pa.ai-disclosure", "created": True, "data": _disclosure(request)}
        )
    assertions.append({"label": PROVENANCE_LABEL, "created": True, "data": _provenance(request)})
    return {
        "claim_generator_info": [
            {
                "name": "everyframe",
                "version": request.tool_version,
                "specVersion": SPEC_VERSION,
            }
        ],
        "title": request.title,
        "assertions": assertions,
    }


def _disclosure(request: ManifestRequest) -> dict[str, Any]:
    disclosure: dict[str, Any] = {
        "modelType": "c2pa.types.model",
        "modelName": request.model.name,
        "modelIdentifier": request.model.key,
    }
    if request.prompt is not None:  # without one, how it was guided is not known here
        disclosure["contentProfile"] = {"humanOversightLevel": "prompt_guided"}
    return disclosure


def _provenance(request: ManifestRequest) -> dict[str, Any]:
    day = request.payload.day if request.payload else request.created.date()
    statement: dict[str, Any] = {
        "version": 1,
        "source": request.source,
        "generationDate": day.isoformat(),
    }
    if request.width:
        statement |= {"width": request.width, "height": request.height}
    if request.duration_s:  # a stream is announced before its length is known
        statement["durationSeconds"] = round(request.duration_s, 3)
    if request.source != "captured":
        statement |= {"model": request.model.key, "modelName": request.model.name}
    if request.prompt is not None:
        statement["promptHash"] = str(request.prompt)
    if request.fingerprint is not None:
        statement["fingerprint"] = request.fingerprint
    if request.payload is not None:
        # Not the whole payload: its tag is keyed, and a published one could be copied.
        statement["watermark"] = {
            "algorithm": WATERMARK_ALGORITHM,
            "contentId": request.payload.content_id_hex,
            "model": request.payload.model,
            "carrier": request.carrier,
        }
        if request.kept_ids:
            statement["watermark"]["pieces"] = list(request.kept_ids)
    return statement

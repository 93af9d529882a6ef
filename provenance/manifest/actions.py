"""What was done to a file, as the actions assertion of the C2PA specification 2.4 (§18.15) says it.

A file made from nothing is *created*; one made from another file *opens* it, and then only what
follows may state a digital source type; one put together from several is created and has them
*placed*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from provenance.manifest.request import ManifestRequest

PARENT_ID = "parent"
_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES = {
    "generated": f"{_IPTC}trainedAlgorithmicMedia",
    "edited": f"{_IPTC}compositeWithTrainedAlgorithmicMedia",
    "captured": f"{_IPTC}digitalCapture",
}
"""The IRIs exactly as IPTC writes them: the library accepts any text, verifiers do not."""
HUMAN_EDITS = f"{_IPTC}humanEdits"
"""Changes by people with tools that generate nothing, such as cutting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """An editorial change of the parent: ``description`` is for people, as ``0.5 s to 2 s``."""

    action: Literal["c2pa.trimmed", "c2pa.edited"]
    description: str


def component_id(number: int) -> str:
    """The name under which the actions refer to the piece of this number."""
    return f"piece-{number + 1}"


def actions_of(request: ManifestRequest) -> dict[str, Any]:
    """The data of the ``c2pa.actions.v2`` assertion of ``request``."""
    when = request.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tool = {"name": "everyframe", "version": request.tool_version}
    model = {"name": request.model.name, "version": request.model.key}
    done: list[dict[str, Any]] = []

    def add(action: str, **fields: Any) -> None:
        done.append({"action": action, "when": when, "softwareAgent": tool} | fields)

    source_type = SOURCE_TYPES[request.source]
    if request.parent is not None:
        add("c2pa.opened", parameters={"ingredientIds": [PARENT_ID]})
        for edit in request.edits:
            add(edit.action, digitalSourceType=HUMAN_EDITS, description=edit.description)
        # What was opened may say nothing of its source, and "opened" may not; so what follows does.
        # A file that is kept as it is gets nothing but credentials.
        last = "c2pa.transcoded" if request.encoded else "c2pa.edited.metadata"
        add(last, digitalSourceType=source_type)
        if request.source == "edited" and request.marked_now:
            add("c2pa.edited", softwareAgent=model, digitalSourceType=source_type)
    else:
        made_here = request.components or request.source == "captured"
        agent = tool if made_here else model
        add("c2pa.created", softwareAgent=agent, digitalSourceType=source_type)
        for number in range(len(request.components)):
            add("c2pa.placed", parameters={"ingredientIds": [component_id(number)]})
    if request.payload is not None and request.marked_now:
        # "bound" would need an algorithm that is on the C2PA's list; plain "watermarked" is
        # deprecated.
        add("c2pa.watermarked.unbound")
    return {"actions": done, "allActionsIncluded": True}

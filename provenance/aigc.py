"""China's implicit label: the ``AIGC`` key in a file's metadata (GB 45438-2025, annex on metadata).

Its value is JSON with seven fields. Who propagates the file fills in the second half; for a file
that was just made, that is its producer too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provenance.errors import OptionError

if TYPE_CHECKING:
    from provenance.payload import Payload

KEY = "AIGC"
_MADE_BY_AI = "1"
_MAX_NAME = 200


def aigc_metadata(payload: Payload, producer: str) -> dict[str, str]:
    """The metadata that labels a file with this ``payload`` as made by ``producer``'s AI.

    ``producer`` is the name or the registered code of the provider. Raises :class:`OptionError` for
    a name that is empty, too long or not printable, and for footage that no AI made.
    """
    if payload.source == "captured":
        raise OptionError(
            "footage of a camera is not to be labelled as AI's", hint="leave out --aigc"
        )
    if not producer.strip() or len(producer) > _MAX_NAME or not producer.isprintable():
        raise OptionError(
            "the AIGC label needs the name or code of its producer",
            hint=f"give --aigc-producer, at most {_MAX_NAME} characters",
        )
    fields = {
        "Label": _MADE_BY_AI,
        "ContentProducer": producer,
        "ProduceID": payload.content_id_hex,
        "ReservedCode1": "",
        "ContentPropagator": producer,
        "PropagateID": payload.content_id_hex,
        "ReservedCode2": "",
    }
    return {KEY: json.dumps(fields, ensure_ascii=False, separators=(",", ":"))}

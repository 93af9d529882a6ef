"""Results without what may tell of a person, for those who need no key.

California's SB 942 (§ 22757.2) asks this of a public verification tool: it shows provenance of the
system that made the content, and no personal provenance data found in it. Credentials are written
by whoever signed them, so names of files and of unknown signers may be names of people.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

_OF_CREDENTIALS = ("title", "prompt_hash", "error")
_OF_STRANGERS = ("issuer", "claim_generator")


def impersonal(record: dict[str, Any]) -> dict[str, Any]:
    """A copy of an ``everyframe.verify/1`` result, its personal fields emptied.

    Left are model, date, verdict, times within the file, checks, and signers that a trust list
    vouches for: those are companies. The content id stays, for the mark is nothing without it: it
    is random, names the video, and leads to the credentials that are published under it.
    """
    kept = deepcopy(record)
    for name in ("watermark", "audio_watermark"):
        if kept[name] is not None:
            kept[name]["prompt_hash_prefix"] = None
    manifest = kept["manifest"]
    _empty(manifest, _OF_CREDENTIALS)
    if manifest["state"] != "trusted":
        _empty(manifest, _OF_STRANGERS)
    for ingredient in manifest["ingredients"]:
        _empty(ingredient, ("title", *_OF_STRANGERS))
    return kept


def _empty(document: dict[str, Any], names: tuple[str, ...]) -> None:
    document.update(dict.fromkeys(names))

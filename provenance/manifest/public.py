"""What of a stranger's manifest may be shown: an allow-list, so that no person is told of.

Manifests can hold names, addresses, places, accounts and devices, in assertions of their own and in
free text. A report has no field for any of those. The texts that it does have are cut down here to
what they are for. California B&P §22757.2 asks a detection tool to show provenance, and no
personal provenance data.
"""

from __future__ import annotations

import re

from provenance.printable import printable

MAX_TEXT = 300
TITLES = {
    "generated": "AI Generated Video",
    "edited": "AI Edited Video",
    "captured": "Video",
}
SOUND_TITLES = {
    "generated": "AI Generated Audio",
    "edited": "AI Edited Audio",
    "captured": "Audio",
}
"""The titles that we give. Those of others are free text, and often the name of a file."""
PARENT_TITLE = "Original"
PIECE_TITLE = "Piece {number}"

_OWN_TITLES = re.compile(
    "|".join([*TITLES.values(), *SOUND_TITLES.values(), PARENT_TITLE, r"Piece \d{1,4}"])
)
_ACTION = re.compile(r"c2pa\.[a-zA-Z_.]{1,60}")
_SOURCE_TYPE = re.compile(
    r"https?://(cv\.iptc\.org/newscodes/digitalsourcetype|c2pa\.org/digitalsourcetype)/[A-Za-z]{1,60}"
)
_MIME = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_CONTENT_ID = re.compile(r"[0-9a-f]{14}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
_REMOVED = "[removed]"
_PERSONAL = re.compile(
    r"""
    [^\s<>()]+@[^\s<>()]+\.[^\s<>()]+            # an address for e-mail
    | \b[a-z][a-z0-9+.-]*://\S+ | \bwww\.\S+     # a page, of a profile perhaps
    | (?<!\S)@\w[\w.]*                           # a handle
    | (?<!\w)(?:[A-Za-z]:[\\/]|~/|/)[\w .-]+[\\/]\S*   # a path, with the name of a user in it
    | [-+]?\d{1,3}\.\d{3,}\s*°?\s*[NSEWnsew]?\s*[,;/ ]\s*[-+]?\d{1,3}\.\d{3,}  # a place
    | \+\d[\d\s()/-]{5,}\d                         # a telephone
    """,
    re.VERBOSE,
)


def public_text(value: object, *, limit: int = MAX_TEXT) -> str | None:
    """A text such as a program's name, without what could point to a person; None for no text."""
    if not isinstance(value, str):
        return None
    text = _PERSONAL.sub(_REMOVED, value[: 2 * limit])[:limit]
    return printable(text)


def public_title(value: object) -> str | None:
    """A title if it is one of ours."""
    return value if isinstance(value, str) and _OWN_TITLES.fullmatch(value) else None


def public_action(value: object) -> str | None:
    """The name of an action that the specification has; ``other`` for anybody's own."""
    if not isinstance(value, str):
        return None
    return value if _ACTION.fullmatch(value) else "other"


def source_type(value: object) -> str | None:
    """A digital source type's IRI, of IPTC or C2PA."""
    return _matching(_SOURCE_TYPE, value)


def media_type(value: object) -> str | None:
    return _matching(_MIME, value)


def content_id(value: object) -> str | None:
    """14 hex digits, as our marks have them."""
    return _matching(_CONTENT_ID, value)


def plain_name(value: object) -> str | None:
    """A name as we give them to models and keys."""
    return _matching(_NAME, value)


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None

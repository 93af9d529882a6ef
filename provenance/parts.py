"""The pictures alone, or the sound alone, of a file that was marked and signed here.

Nothing is encoded again: the mark stays as it is. The whole becomes the parent in the credentials
of the part; these are in the part, and in the store as an edition beside those of the whole.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from provenance.manifest.actions import Edit
from provenance.present_mark import statement_of
from provenance.sealing import Origin, Sealing
from provenance.video import open_media, remux

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provenance.keys import Identity
    from provenance.sealing import Sealed
    from provenance.store import Store


def take_part(
    whole: Sealed,
    output: Path,
    part: Literal["pictures", "sound"],
    *,
    identity: Identity,
    store: Store,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sealed:
    """Writes ``part`` of ``whole`` to ``output`` (.mp4 or .mov), signed by ``identity``.

    Raises :class:`~provenance.errors.OptionError` for sound where there is none, and what
    :class:`~provenance.ProvenanceWriter` raises.
    """
    with open_media(whole.path) as media:
        video, duration_s = media.info.video, media.info.duration_s
    with Sealing(
        output,
        statement=replace(statement_of(whole.payload), prompt=whole.prompt),
        identity=identity,
        store=store,
        now=now,
        draw_bits=secrets.randbits,
        payload=whole.payload,
        inputs=(whole.path,),
    ) as sealing:
        remux(whole.path, sealing.unsigned, only=part)
        edit = Edit(action="c2pa.edited", description=f"the {part} alone")
        return sealing.complete(
            width=video.width,
            height=video.height,
            duration_s=duration_s or 0.0,
            origin=Origin(parent=whole.path, edits=(edit,), encoded=False),
        )

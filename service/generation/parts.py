"""Where finished clips lie, and addresses under which they can be had without a key for a while."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args
from urllib.parse import urlencode

from provenance.errors import IdentityError
from provenance.keys import default_keys_directory, ensure_identity, load_identity
from provenance.store import default_store_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.keys import Identity
    from service.generation.records import Records
    from service.settings import Settings
    from service.storage import Storage

Part: TypeAlias = Literal["clip", "video", "audio", "stream"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """Clips as rows and files. ``keep_s``: for how long; ``store``: of credentials."""

    records: Records
    storage: Storage
    making: Path
    keys: Path
    store: str
    keep_s: float
    link_s: float
    clock: Callable[[], float]

    def identity(self) -> Identity:
        """Who signs; the development identity of the machine where nobody brought another."""
        return ensure_identity(self.keys, now=datetime.now(UTC))[0]

    @staticmethod
    def name(one: str, part: str) -> str:
        """In the storage."""
        return f"{part}_{one.removeprefix('gen_')}"

    def remove(self, one: str, *, actor: str) -> None:
        """The row and the files of a clip; those first that could be had."""
        self.records.forget(one, actor=actor)
        for part in PARTS:
            self.storage.remove(self.name(one, part))

    def address(self, one: str, part: Part, *, expires: float) -> str:
        """A path with a signature; valid for a while, and no longer than the clip is there."""
        until = int(min(expires, self.clock() + self.link_s))
        signature = _signature(self.identity().prompt_key, one, part, until)
        asked = urlencode({"until": until, "signature": signature})
        return f"/v2/generations/{one}/{part}.mp4?{asked}"

    def allows(self, one: str, part: Part, *, until: int, signature: str) -> bool:
        """Whether ``signature`` is ours for this file, and its time is not over."""
        if self.clock() > until:
            return False
        try:
            # Whoever asks without a key makes no identity where there is none.
            key = load_identity(self.keys).prompt_key
        except IdentityError:
            return False
        ours = _signature(key, one, part, until)
        return hmac.compare_digest(signature.encode("utf-8", "replace"), ours.encode())


def _signature(key: bytes, one: str, part: Part, until: int) -> str:
    # Not by HMAC: with the same key it makes the prompt hashes that anybody may ask for.
    text = f"{one}\0{part}\0{until}".encode()
    return hashlib.blake2b(text, key=key, person=b"clip address", digest_size=32).hexdigest()


def clips_of(
    settings: Settings, records: Records, storage: Storage, clock: Callable[[], float]
) -> Clips:
    """The clips of a service with these ``settings``."""
    scan, generation = settings.scan, settings.generation
    return Clips(
        records=records,
        storage=storage,
        making=settings.making,
        keys=Path(scan.keys) if scan.keys else default_keys_directory(os.environ),
        store=scan.store or str(default_store_path(os.environ)),
        keep_s=generation.hours * 3600,
        link_s=generation.link_hours * 3600,
        clock=clock,
    )


def tidy_clips(clips: Clips, *, orphan_s: float) -> None:
    """Removes clips whose time is over, and files without a clip; ends those of dead servers."""
    for one in clips.records.abandoned():
        clips.records.finish(
            one, "failed", actor="housekeeping", keep_s=clips.keep_s,
            error={"code": "generation.interrupted"},
        )  # fmt: skip
    # Of servers that were killed. Folders first: a clip that begins meanwhile has a row by then.
    folders = list(clips.making.glob("gen_*"))
    under_way = clips.records.unfinished()
    for folder in folders:
        if folder.name not in under_way:
            shutil.rmtree(folder, ignore_errors=True)
    for one in clips.records.expired():
        clips.remove(one, actor="housekeeping")
    names = clips.storage.names(older_than=clips.clock() - orphan_s)
    owners = {name: "gen_" + name.partition("_")[2] for name in names}
    kept = clips.records.kept(sorted(set(owners.values())))
    for name, owner in owners.items():
        if owner not in kept:
            clips.storage.remove(name)

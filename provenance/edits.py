"""Edits that keep what a video says of itself: cutting, joining and encoding again.

Each piece is looked at first. A piece that is marked keeps its mark, in the pixels that the edit
leaves; one that is not is marked on the way. The inputs become the parent, or the components, of
the new credentials, with the actions that were done.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from provenance.aigc import aigc_metadata
from provenance.edit_pieces import Piece, check_alike, check_span, write_pieces
from provenance.errors import AlreadyMarked, OptionError
from provenance.fingerprint import PrintTaker
from provenance.keys import default_keys_directory, ensure_identity
from provenance.manifest.actions import Edit
from provenance.payload import model_by_key
from provenance.present_mark import (
    LOOK_S,
    check_same_statement,
    check_throughout,
    look,
    statement_of,
)
from provenance.sealing import Origin, Sealing, check_output, state
from provenance.stamped import IfMarked, Stamped, not_carried
from provenance.store import default_store_path, open_store
from provenance.video import open_media
from provenance.watermark import ClipMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provenance.keys import Identity
    from provenance.payload import Payload, Source
    from provenance.sealing import Statement
    from provenance.store import Store
    from provenance.video import EncodeSettings, MediaReader

EditName: TypeAlias = Literal["trim", "concat", "transcode"]
_HINT = "trim=START:END in seconds (either may be left out), concat, or transcode"
_ADDED_SHIFT = (11, 17)  # cells: a second tile on the first would cancel both


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What to do. ``start_s`` and ``end_s`` are for *trim*; None is the end of the video."""

    name: EditName
    start_s: float = 0.0
    end_s: float | None = None


def parse_operation(text: str) -> Operation:
    """``trim=1.5:4``, ``concat`` or ``transcode``; :class:`OptionError` for anything else."""
    name, _, span = text.partition("=")
    if name in ("concat", "transcode") and not span:
        return Operation(name=name)  # type: ignore[arg-type]  # one of the two
    if name != "trim" or ":" not in span:
        raise OptionError(f"cannot do --edit {text}", hint=_HINT)
    start, _, end = span.partition(":")
    try:
        operation = Operation(
            name="trim", start_s=float(start or 0), end_s=float(end) if end else None
        )
    except ValueError as error:
        raise OptionError(f"{span} are no two times in seconds", hint=_HINT) from error
    last = float("inf") if operation.end_s is None else operation.end_s
    # Written so that nan is refused, too.
    if not 0 <= operation.start_s < last or operation.end_s == float("inf"):
        raise OptionError(f"nothing lies between {span}", hint=_HINT)
    return operation


def edit(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    operation: Operation,
    *,
    model: str | None = None,
    source: Source | None = None,
    prompt: str | None = None,
    plain_prompt_hash: bool = False,
    day: date | None = None,
    identity: Identity | None = None,
    store: Store | None = None,
    strength: float = 1.0,
    settings: EncodeSettings | None = None,
    if_marked: IfMarked = "keep",
    audio_mark: bool = True,
    aigc_producer: str | None = None,
    progress: Callable[[float], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    draw_bits: Callable[[int], int] = secrets.randbits,
) -> Stamped:
    """Does ``operation`` to ``inputs`` (several for *concat*, else one) and writes ``output``.

    ``model``, ``source``, ``prompt`` and ``day`` speak of pieces that carry no mark yet, and have
    to fit those that do; ``model`` is needed only where a piece is to be marked. ``if_marked`` is
    as for :func:`~provenance.stamping.stamp`: *keep* leaves marked pieces as they are and marks the
    others. What is joined must have one size and one frame rate.

    ``output`` appears complete or not at all. Raises what ``stamp`` raises.
    """
    if if_marked not in get_args(IfMarked):
        raise OptionError(f"unknown if_marked {if_marked!r}", hint="one of keep, add, refuse")
    paths, target = [Path(path) for path in inputs], Path(output)
    if (len(paths) > 1) != (operation.name == "concat"):
        raise OptionError(
            f"{operation.name} of {len(paths)} files",
            hint="concat joins several, the rest take one",
        )
    check_output(target, tuple(paths))
    if identity is None:
        identity, _ = ensure_identity(default_keys_directory(os.environ), now=now())
    with ExitStack() as opened:
        media = [opened.enter_context(open_media(path)) for path in paths]
        # Searching takes longer than seeing that they do not fit.
        check_alike(media)
        check_span(media[0], operation.start_s)
        pieces = [
            _piece(one, path, operation, identity, if_marked, progress)
            for one, path in zip(media, paths, strict=True)
        ]
        kept = [piece.kept for piece in pieces if piece.kept is not None]
        statement = _statement(
            kept,
            marks=len(kept) < len(pieces),
            asked=partial(state, identity, prompt=prompt, plain_prompt_hash=plain_prompt_hash),
            model=model,
            source=source,
            day=day or now().date(),
        )
        if len(paths) == 1 and kept and model is not None:
            asked = replace(statement, model=model_by_key(model), source=source or statement.source)
            check_same_statement(paths[0], kept[0], asked)
        if store is None:
            store = opened.enter_context(open_store(default_store_path(os.environ)))
        sealing = opened.enter_context(
            Sealing(
                target,
                statement=statement,
                identity=identity,
                store=store,
                now=now,
                draw_bits=draw_bits,
                payload=kept[0] if len(kept) == len(pieces) else None,
                carrier=pieces[0].carrier,
                inputs=tuple(paths),
            )
        )
        video = pieces[0].media.info.video
        marker = None
        if len(kept) < len(pieces):
            marker = ClipMarker(
                payload=sealing.payload,
                key=identity.carrier_key,
                width=video.width,
                height=video.height,
                strength=strength,
                shift=_ADDED_SHIFT if any(piece.shifted for piece in pieces) else (0, 0),
            )
        taker = PrintTaker(video.rate)
        carried = write_pieces(
            pieces,
            sealing.unsigned,
            marker=marker,
            sound_key=identity.carrier_key if audio_mark else None,
            payload=sealing.payload,
            settings=settings,
            metadata=None
            if aigc_producer is None
            else aigc_metadata(sealing.payload, aigc_producer),
            taker=taker,
            progress=progress,
        )
        read = look(sealing.unsigned, identity, alive=lambda: _tell(progress, 1.0)).payload
        one = paths[0]
        edits: tuple[Edit, ...] = ()
        if operation.name == "trim":
            end_s = operation.start_s + carried.duration_s
            said = f"{operation.start_s:.2f} s to {end_s:.2f} s"
            edits = (Edit(action="c2pa.trimmed", description=said),)
        joined = operation.name == "concat"
        sealed = sealing.complete(
            warnings=(*_cut_short(pieces[0], operation.end_s), *not_carried(media)),
            width=video.width,
            height=video.height,
            duration_s=carried.duration_s,
            prints=taker.finish(),
            origin=Origin(
                parent=None if joined else one,
                components=tuple(paths) if joined else (),
                edits=edits,
                kept_ids=tuple(
                    dict.fromkeys(payload.content_id_hex for payload in kept) if joined else ()
                ),
            ),
        )
    return Stamped(
        sealed=sealed,
        statement=statement,
        kept=len(kept) == len(pieces),
        readable=read is not None and read in (sealing.payload, *kept),
        carried=carried,
        input_bytes=sum(piece.media.info.bytes for piece in pieces),
        timings_s={},
        edited=True,
    )


def _cut_short(piece: Piece, end_s: float | None) -> tuple[str, ...]:
    """A warning where the video is over before the time up to which it was to be kept."""
    info = piece.media.info
    if end_s is None or info.duration_s is None or end_s <= info.duration_s + 1 / info.video.rate:
        return ()
    name, length = piece.media.source.name, info.duration_s
    return (f"{name} ends after {length:.2f} s: there is nothing up to {end_s:g} s to keep",)


def _piece(
    media: MediaReader,
    path: Path,
    operation: Operation,
    identity: Identity,
    if_marked: IfMarked,
    progress: Callable[[float], None] | None,
) -> Piece:
    alive = partial(_tell, progress, 0.0)
    present = look(path, identity, most_s=LOOK_S, alive=alive)
    if present.detected and if_marked == "refuse":
        raise AlreadyMarked(
            f"{path} carries a mark already",
            hint="--if-marked keep leaves it as it is, --if-marked add puts a second one on it",
        )
    kept = present.payload if if_marked == "keep" else None
    if kept is not None:
        check_throughout(path, kept, identity, alive=alive)
    return Piece(
        media=media,
        start_s=operation.start_s,
        end_s=operation.end_s,
        kept=kept,
        carrier=present.key.name if kept is not None and present.key is not None else None,
        shifted=present.detected and kept is None,
    )


def _statement(
    kept: list[Payload],
    *,
    marks: bool,
    asked: Callable[..., Statement],
    model: str | None,
    source: Source | None,
    day: date,
) -> Statement:
    """What is said of the whole: what its marks say, and what was asked for its bare pieces."""
    sources = {payload.source for payload in kept}
    if not marks:
        first = statement_of(kept[0])
        return first if len(sources) == 1 else replace(first, source="edited")
    if model is None:
        raise OptionError("a piece carries no mark yet, and no model is named", hint="give --model")
    sources.add(source or "generated")
    whole: Source = sources.pop() if len(sources) == 1 else "edited"
    return asked(model=model_by_key(model), day=day, source=whole)


def _tell(progress: Callable[[float], None] | None, share: float) -> None:
    if progress is not None:
        progress(share)

"""Marking and signing files that exist already: one file in, one file out."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from provenance.errors import OptionError
from provenance.keys import default_keys_directory, ensure_identity
from provenance.payload import model_by_key
from provenance.sealing import check_output, state
from provenance.sound_stamping import stamp_sound
from provenance.stamped import IfMarked, Stamped, Stamping, medium_of
from provenance.store import default_store_path, open_store
from provenance.video_stamping import PictureStamping, stamp_video

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.keys import Identity
    from provenance.payload import Source
    from provenance.store import Store
    from provenance.video import EncodeSettings


def stamp(
    source_path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str,
    source: Source = "generated",
    prompt: str | None = None,
    plain_prompt_hash: bool = False,
    day: date | None = None,
    identity: Identity | None = None,
    store: Store | None = None,
    strength: float = 1.0,
    psnr: float | None = None,
    settings: EncodeSettings | None = None,
    vmaf: bool = False,
    if_marked: IfMarked = "keep",
    audio_mark: bool = True,
    aigc_producer: str | None = None,
    progress: Callable[[float], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    draw_bits: Callable[[int], int] = secrets.randbits,
) -> Stamped:
    """Mark every frame of ``source_path`` and write it, encoded and signed, to ``output``.

    A file of sound alone (WAV, FLAC, MP3, M4A, Ogg) is marked throughout; nothing but ``strength``
    and what is stated applies to it.

    ``model`` is a registered name, ``source`` how the footage was made, ``day`` when (default
    today). ``identity`` and ``store`` default to the user's own. ``strength`` scales the mark,
    or ``psnr`` asks for the strongest one with at least that luma PSNR in dB before encoding.
    ``vmaf`` measures that too, for about as long again as encoding takes. ``if_marked`` says
    what to do with input that carries a readable mark already: *keep* it and only sign (the
    pictures are not encoded again; sound tracks that carry no mark yet are marked), *add* a
    second one, or *refuse*. Credentials in the input become the parent of the new ones.
    ``audio_mark``: all sound tracks are marked too, and encoded again for that; else their
    packets are carried over. ``aigc_producer``: China's AIGC label is written too, with this
    name or code. ``progress`` is told the share done, 0…1.

    ``output`` appears complete or not at all, and the input is never touched. Raises
    :class:`~provenance.errors.InputError` for input that cannot be used and the writing errors
    of :class:`~provenance.writer.ProvenanceWriter`.
    """
    if if_marked not in get_args(IfMarked):
        raise OptionError(f"unknown if_marked {if_marked!r}", hint="one of keep, add, refuse")
    path, target = Path(source_path), Path(output)
    medium = medium_of(path)
    check_output(target, (path,), medium=medium)
    if identity is None:
        identity, _ = ensure_identity(default_keys_directory(os.environ), now=now())
    statement = state(
        identity,
        model=model_by_key(model),
        day=day or now().date(),
        source=source,
        prompt=prompt,
        plain_prompt_hash=plain_prompt_hash,
    )
    with ExitStack() as opened:
        how = Stamping(
            statement=statement,
            identity=identity,
            store=store or opened.enter_context(open_store(default_store_path(os.environ))),
            strength=strength,
            if_marked=if_marked,
            progress=progress,
            now=now,
            draw_bits=draw_bits,
        )
        pictures = PictureStamping(
            psnr=psnr,
            settings=settings,
            vmaf=vmaf,
            audio_mark=audio_mark,
            aigc_producer=aigc_producer,
        )
        if medium == "video":
            return stamp_video(path, target, how, pictures)
        _check_for_sound(path, pictures)
        return stamp_sound(path, target, how)


def _check_for_sound(path: Path, asked: PictureStamping) -> None:
    for what, wanted in (
        ("a PSNR or VMAF", asked.psnr is not None or asked.vmaf),
        ("sound without a mark", not asked.audio_mark),
        ("China's label", asked.aigc_producer is not None),
    ):
        if wanted:
            raise OptionError(
                f"{path} is sound alone: {what} is for video", hint="leave that option out"
            )

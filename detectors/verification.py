"""One file from end to end: open, hash, search the mark, read the credentials, judge."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from detectors.altered import altered
from detectors.content import ContentFinding, compare_content, match_sound, vouched
from detectors.credentials_only import judge_by_credentials
from detectors.file_facts import described, file_checks, hashed
from detectors.known import known_marks
from detectors.manifest import find_credentials, own_credentials
from detectors.passages import with_passages
from detectors.quality import QualityWatch
from detectors.regions import much_missing, tamper_map
from detectors.result import Check, Failure, FileFacts, Result, Tampering, WatermarkFacts
from detectors.signals import signals_of
from detectors.sound import (
    Comparison,
    Ending,
    HeardSound,
    compare,
    compare_prints,
    listen,
    skipped,
)
from detectors.sound_tracks import HeardTracks, listen_to_all
from detectors.storyboard import Storyboard
from detectors.tamper import Evidence, Original, examine, is_as_signed
from detectors.timings import Timings
from detectors.verdict import Signals, decide
from detectors.watermark import Search, search, watermark_facts
from provenance.errors import InputError, NoVideo, UnreadableMedia, UnsupportedMedia
from provenance.fingerprint import PrintTaker
from provenance.keys import CarrierKey, carrier_keys, default_keys_directory
from provenance.own_trust import own_trust
from provenance.store import EmptyStore, Store, default_store_path, open_store
from provenance.trust import TrustSettings
from provenance.video import STILLS, MediaReader, SoundReader, open_media, open_sound, open_still
from provenance.watermark import Detection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from detectors.manifest import Credentials
    from detectors.verdict import Medium
    from provenance.video import Picture

KeysLike: TypeAlias = "Sequence[CarrierKey] | str | os.PathLike[str] | None"
StoreLike: TypeAlias = "Store | str | os.PathLike[str] | None"

NO_PICTURES = Search(detection=Detection(detected=False), complete=True)


def verify(
    path: str | os.PathLike[str],
    *,
    keys: KeysLike = None,
    store: StoreLike = None,
    trust: TrustSettings | None = None,
    fast: bool = False,
    quality: bool = False,
    storyboard: bool = False,
    remote_hosts: Sequence[str] = (),
    progress: Callable[[float], None] | None = None,
) -> Result:
    """What the video, the picture or the file of sound at ``path`` says about its origin.

    Any other file that the C2PA knows, such as a document, is judged by its credentials alone.

    ``keys``: carrier keys or a keys directory, default ``$LTX_KEYS`` or the user's; the published
    key is always tried. ``store``: an open store or where one is, default ``$LTX_STORE`` or the
    user's; without one nothing is recovered. ``trust``: default the anchors of the identities in
    the keys directory and the list of authorities installed there. ``remote_hosts``: from whom
    credentials may be fetched that the file only names the address of. ``fast`` stops at the first
    verified tag, and leaves tampering unchecked. ``quality`` also looks at how good pictures and
    sound are; ``storyboard`` keeps small pictures for a report. ``progress`` is told the fraction
    of the video that is done, 0…1.

    A file that cannot be read gives the verdict ``unreadable`` with ``error`` set; one that is cut
    off or damaged on the way keeps the verdict that its readable part supports, with ``error`` set,
    or is ``unreadable`` when nothing was found there. Raises
    :class:`~provenance.errors.IdentityError` and :class:`~provenance.errors.StoreError` for keys or
    a store that cannot be used, because then no result could be relied on.
    """
    file = Path(path)
    tried = _keys(keys)
    with _store(store) as open_one:
        bench = Timings()
        seen = Storyboard() if storyboard else None
        judged = QualityWatch() if quality else None
        taker = PrintTaker(None)
        watchers = [one.add for one in (seen, judged) if one is not None]
        facts = FileFacts(name=file.name, path=str(path))
        try:
            with bench.timed("open"):
                try:
                    media = _opened(file)
                except (UnsupportedMedia, NoVideo, UnreadableMedia) as error:
                    found_by = judge_by_credentials(
                        file, _trust(trust, keys), tuple(remote_hosts), error=error
                    )
                    return replace(found_by, timings_ms=bench.finish())
            with media:
                facts = described(facts, media)
                with bench.timed("hash"):
                    facts, more = hashed(facts, media), file_checks(media)
                trusted = _trust(trust, keys)
                with bench.timed("credentials"):
                    own = own_credentials(file, trusted, remote_hosts=tuple(remote_hosts))
                if isinstance(media, MediaReader):
                    taker = PrintTaker(media.info.video.rate)
                    with bench.timed("watermark"):
                        found = search(
                            media,
                            tried,
                            fast=fast,
                            # Of bytes that somebody trusted signed, no part was exchanged since.
                            regions=not is_as_signed(own.manifest),
                            known=known_marks(open_one),
                            progress=_fraction(progress, facts.duration_s),
                            watchers=[*watchers, _looking(taker)],
                        )
                else:
                    found = NO_PICTURES
                with bench.timed("audio_watermark"):
                    tracks = _listened(media, tried, found, taker, fast=fast, judged=judged)
                    sound = tracks.main
            damage = found.damaged if found is not NO_PICTURES else sound.damage
            pictures = watermark_facts(found.detection)
            if facts.container in STILLS:
                # One picture has no time through which a mark could be followed.
                pictures = replace(pictures, segments=(), clock=())
            read = _Read(pictures=pictures, search=found, sound=sound, tracks=tracks)
            if damage is not None and not read.mark.detected:
                # What was not read may hold the mark: absence cannot be stated.
                raise _incomplete(path, damage)
            with bench.timed("credentials"):
                credentials = find_credentials(file, own, read.mark, open_one, trusted)
            with bench.timed("content"):
                by_sound = read.by_sound or found is NO_PICTURES
                prints = taker.finish()
                changed = not by_sound and much_missing(found.detection)
                content = compare_content(
                    prints, read.mark, credentials, by_sound=by_sound, changed=changed
                )
                other_sound = None if by_sound else match_sound(prints, credentials)
        except InputError as error:
            return _unreadable(facts, error, bench)
        found_sound = compare_prints(read.pictures, sound, other_sound)
        result = _judge(
            facts, read, credentials, content, found_sound, damage=damage, fast=fast, bench=bench
        )
        return replace(
            result,
            checks=(*result.checks, *more),
            quality=None if judged is None else judged.facts(result.audio_offset_ms),
            storyboard=() if seen is None else seen.shots(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was searched, and ``mark``: what the verdict rests on, the pictures' before the sound's.

    ``by_sound``: ``mark`` is that of the sound.
    """

    pictures: WatermarkFacts
    search: Search
    sound: HeardSound
    tracks: HeardTracks

    @property
    def by_sound(self) -> bool:
        facts = self.sound.facts
        if facts is None or self.pictures.content_id is not None:
            return False
        # A message that can be read says more than a mark that is merely there.
        return facts.detected and (facts.content_id is not None or not self.pictures.detected)

    @property
    def mark(self) -> WatermarkFacts:
        facts = self.sound.facts
        return facts if self.by_sound and facts is not None else self.pictures

    @property
    def complete(self) -> bool:
        if self.search is NO_PICTURES or self.by_sound:
            return self.sound.complete
        return self.search.complete


def _looking(taker: PrintTaker) -> Callable[[Picture, float], None]:
    return lambda picture, time_s: taker.see(picture.luma, time_s, bits=picture.bits)


def _opened(file: Path) -> MediaReader | SoundReader:
    """The file as video, else as a single picture, else as sound; what it is says its content."""
    try:
        return open_media(file)
    except (UnsupportedMedia, NoVideo) as error:
        for other in (open_still, open_sound):
            with contextlib.suppress(UnsupportedMedia, NoVideo):
                return other(file)
        if file.is_dir():
            error.message = f"{file} is a folder without videos, pictures or sound"
        error.hint = "give a video, sound (WAV, MP3, M4A, AAC, FLAC, Ogg) or a PNG, JPEG or WebP"
        raise error from None


def _listened(
    media: MediaReader | SoundReader,
    keys: Sequence[CarrierKey],
    found: Search,
    taker: PrintTaker,
    *,
    fast: bool,
    judged: QualityWatch | None,
) -> HeardTracks:
    tracks = media.info.sound
    if not tracks:
        return HeardTracks(main=skipped("there is no sound"))
    if fast and found.detection.detected:
        return HeardTracks(main=skipped("the search stopped at the mark in the pictures"))

    def heard(number: int) -> HeardSound:
        audio, ending = tracks[number].audio, Ending()
        blocks = _blocks(media, number, ending)
        if number == 0:  # of which fingerprints are taken, and which most people hear
            blocks = taker.listening(blocks, audio.sample_rate)
            if judged is not None:
                blocks = judged.heard(blocks, audio.sample_rate)
        return listen(blocks, audio, keys, ending, pictures=found.detection, fast=fast)

    return listen_to_all(tracks, heard, pictures=found.detection, fast=fast)


def _blocks(
    media: MediaReader | SoundReader, track: int, ending: Ending
) -> Iterator[NDArray[np.float32]]:
    """A sound track of ``media``; why it ended early, if it did, goes to ``ending``."""
    if isinstance(media, SoundReader):
        yield from media.blocks(track)
    else:
        media.damaged = None
        yield from media.sound(track)
    ending.damage = media.damaged


def _judge(
    facts: FileFacts,
    read: _Read,
    credentials: Credentials,
    content: ContentFinding,
    sound: tuple[Tampering, ...],
    *,
    damage: str | None,
    fast: bool,
    bench: Timings,
) -> Result:
    manifest, stored, mark = credentials.manifest, credentials.stored, read.mark
    beside = Comparison() if read.search is NO_PICTURES else compare(read.pictures, read.sound)
    original = None
    # Of a file that was put together, whose own credentials say so, a piece is not the original.
    joined = manifest.binding_ok is True and mark.content_id in manifest.piece_ids
    # The length of a stream that broke off is not known.
    if stored is not None and stored.width and stored.duration_s and not joined:
        original = Original(width=stored.width, height=stored.height, duration_s=stored.duration_s)
    followed = with_passages(mark, read.search.detection, content.overlay)
    examination = examine(
        Evidence(
            file=facts,
            watermark=followed,
            manifest=manifest,
            complete=read.complete,
            original=original,
            missing=None if read.by_sound else read.search.detection.missing,
            absence=read.search.detection.absence,
            altered=altered(content.overlay, followed.clock),
        )
    )
    tampering = (*content.tampering, *examination.tampering)
    if not examination.as_signed:
        tampering = (*tampering, *beside.tampering, *read.tracks.foreign, *sound)
    has_pictures = read.search is not NO_PICTURES
    verdict = decide(signals_of(mark, manifest, _medium(read), content.signal))
    stopped_early = fast and mark.detected
    return Result(
        file=facts,
        verdict=verdict.name,
        reasons=verdict.reasons,
        # --fast promises nothing about tampering, but what it stumbles on is told.
        tampered=True if tampering else (None if stopped_early else examination.tampered),
        modified=examination.modified,
        tampering=tampering,
        watermark=vouched(read.pictures, manifest, content),
        audio_watermark=read.sound.facts,
        audio_offset_ms=beside.offset_ms,
        content_match=content.match,
        manifest=manifest,
        checks=(
            *((_watermark_check(read.search),) if has_pictures else ()),
            read.sound.check,
            *(() if read.tracks.check is None else (read.tracks.check,)),
            *beside.checks,
            *credentials.checks,
            *content.checks,
            *examination.checks,
        ),
        error=None if damage is None else _failure(_incomplete(facts.path, damage)),
        timings_ms=bench.finish(),
        tamper_map=None
        if examination.as_signed
        else tamper_map(read.search.detection.absence, facts),
    )


def _medium(read: _Read) -> Medium:
    if not read.by_sound:
        return "pictures"
    return "sound" if read.search is NO_PICTURES else "sound_alone"


def _watermark_check(found: Search) -> Check:
    name = "watermark"
    if found.skipped is not None:
        return Check(name=name, state="skipped", detail=found.skipped)
    frames, seconds = found.detection.frames_used, found.detection.seconds_used
    detail = f"searched in {frames} frames over {seconds:.1f} s"
    if found.detection.recognised_among:
        detail += "; too faint to be read, recognised as one that the store knows"
    if found.damaged is not None:
        return Check(name=name, state="failed", detail=f"{detail}; {found.damaged}")
    return Check(name=name, state="done", detail=detail)


def _unreadable(facts: FileFacts, error: InputError, bench: Timings) -> Result:
    verdict = decide(Signals(readable=False))
    return Result(
        file=facts,
        verdict=verdict.name,
        reasons=verdict.reasons,
        error=_failure(error),
        checks=(Check(name="watermark", state="failed", detail=error.message),),
        timings_ms=bench.finish(),
    )


def _incomplete(path: str | os.PathLike[str], damage: str) -> UnreadableMedia:
    message = f"{os.fspath(path)} is damaged: {damage}"
    return UnreadableMedia(message, hint="get a complete copy of the file")


def _failure(error: InputError) -> Failure:
    return Failure(code=error.code, message=error.message, hint=error.hint)


def _fraction(
    progress: Callable[[float], None] | None, duration_s: float | None
) -> Callable[[float], None] | None:
    if progress is None or not duration_s:
        return None
    return lambda seconds: progress(min(seconds / duration_s, 1.0))


def _trust(trust: TrustSettings | None, keys: KeysLike) -> TrustSettings:
    if trust is not None:
        return trust
    if keys is None:
        return own_trust(default_keys_directory(os.environ))
    if isinstance(keys, str | os.PathLike):
        return own_trust(Path(keys))  # that it is there was looked at with the keys
    return TrustSettings()


def _keys(keys: KeysLike) -> tuple[CarrierKey, ...]:
    if keys is None:
        return carrier_keys(default_keys_directory(os.environ))
    if isinstance(keys, str | os.PathLike):
        return carrier_keys(Path(keys), must_exist=True)
    return tuple(keys)


@contextlib.contextmanager
def _store(store: StoreLike) -> Iterator[Store | None]:
    if store is not None and not isinstance(store, str | os.PathLike):
        yield store
        return
    location = default_store_path(os.environ) if store is None else os.fspath(store)
    with open_store(location, create=False) as opened:
        # A store that was never made answers nothing; saying "not found" would claim a look.
        yield None if isinstance(opened, EmptyStore) else opened

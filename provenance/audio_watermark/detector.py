"""Reading the mark from the sound of one file.

The sound is cut into sections of twelve seconds, long enough to carry the message several times
over and short enough for clocks that disagree. Each is searched as it may have been marked; the
wide search over speeds, tempos and pitches, which costs several times as much, is made in sections
number 0, 1, 2, 4, 8 … of those that are loud enough to say anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from provenance.audio_watermark.search import Found, Peak, SoundSearch
from provenance.audio_watermark.section import Section
from provenance.audio_watermark.softmap import GRAIN, cells_of, folded
from provenance.audio_watermark.tile import lay_out
from provenance.audio_watermark.track import Followed, Follower, joined, own_spans
from provenance.downmix import Downmix
from provenance.errors import FrameError, OptionError
from provenance.payload import TAG_BITS, pack
from provenance.watermark.detection import Detection
from provenance.watermark.timeline import segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from provenance.audio_watermark.search import Reach
    from provenance.audio_watermark.softmap import Stretch
    from provenance.keys import CarrierKey
    from provenance.payload import Payload
    from provenance.watermark.detection import Segment
    from provenance.watermark.timeline import Heard

SECTION_S = 12.0
PRESENT_P = 1e-6  # per file: a mark is stated below this probability of its being chance
LEAST_P = 1e-12
_SHORTEST_S = 0.5
_SHORTEST_OTHER_S = 1.0  # a part without the mark is searched for another from so much on
_KEPT_SECTIONS = 25  # five minutes of what could not be read are followed once something is
_SILENT = 1e-5  # mean absolute value, full scale 1, below which nothing is looked for
_TOO = 6.0  # standard deviations at which a known payload is there: by chance 1e-9
_COINS = 3.18  # what fair coins may exceed the normal tail by (Bentkus and Dzindzalieta 2015)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundDetection:
    """The result of a search in sound.

    ``mark``: as for pictures, with frames_used 0 and no geometry. ``stretch``: how the sound lies
    on the marked one; None where no message was read. ``known_too``: the payload that the detector
    was told to expect is there, whichever was read: sound may be marked twice.
    """

    mark: Detection
    stretch: Stretch | None = None
    known_too: bool = False


class _Read(NamedTuple):
    search: SoundSearch
    found: Found
    follower: Follower


class SoundDetector:
    """Takes in (N, channels) float32 blocks of a file's sound and says which mark they carry.

    ``keys`` are tried one after the other; ``rate`` in samples a second. Channels are mixed
    (:class:`~provenance.downmix.Downmix`).
    With ``fast`` the search stops at the first verified tag and ``decided`` turns true; nothing is
    said about segments then. ``reach`` "straight" looks for sound that was neither stretched nor
    changed in pitch. How the sound is cut into blocks changes nothing. Every word whose tag was
    looked at is counted. ``known``: a payload, and its key, of which it is asked whether it is
    there, too, where another one was read.
    """

    def __init__(
        self,
        *,
        keys: Sequence[CarrierKey],
        rate: int,
        fast: bool = False,
        reach: Reach = "any",
        known: tuple[Payload, CarrierKey] | None = None,
    ) -> None:
        if not keys:
            raise OptionError("no carrier key to search with", hint="pass at least one key")
        self._rate = rate
        self._fast = fast
        self._known = known
        self._known_too = False
        self._reach: Reach = reach
        self._searches = [SoundSearch(lay_out(key)) for key in keys]
        self._peaks = [Peak(0.0, 0) for _ in keys]
        self._mix = Downmix(rate)
        self._waiting: list[NDArray[np.float32]] = []
        self._count = 0  # samples waiting
        self._start = 0  # number of the first of them
        self._looked = 0  # sections that were looked at
        self._read: _Read | None = None
        self._unread: list[tuple[NDArray[np.float32], float]] = []
        self._followed: list[Followed] = []

    @property
    def decided(self) -> bool:
        """Whether a tag has verified, so that a fast search may stop."""
        return self._fast and self._read is not None

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take in the next samples (N, channels), float32 in −1…1."""
        if samples.ndim != 2:
            raise FrameError(f"sound of shape {samples.shape}", hint="give (N, channels) samples")
        if self.decided or not len(samples):
            return
        self._take(self._mix.push(samples))

    def _take(self, mono: NDArray[np.float32]) -> None:
        self._waiting.append(mono)
        self._count += len(mono)
        section = round(SECTION_S * self._rate)
        # Half a section is left over, so that the last one is never too short to be read.
        while self._count >= section + section // 2:
            self._section(section)

    def finish(self) -> SoundDetection:
        """The result over all sound taken in."""
        self._take(self._mix.finish())
        if self._count >= _SHORTEST_S * self._rate and not self.decided:
            self._section(self._count)
        seconds = (self._start + self._count) / self._rate
        searched = Detection(
            detected=False,
            candidates_tried=sum(search.tried for search in self._searches),
            seconds_used=seconds,
        )
        if self._read is None:
            return SoundDetection(mark=self._present(searched))
        tile, found = self._read.search.tile, self._read.found
        pieces = [piece for part in self._followed for piece in part.pieces]
        spans = [span for part in self._followed for span in part.spans]
        pattern = tile.steady_pattern(pack(found.payload, tile.key.secret))
        parts = segments(pieces, pattern)
        # The pilot is the same in every mark under a key: by it, another one is half there.
        apart = segments(pieces, pattern - tile.pilot_pattern())
        apart = tuple(self._other_mark(part, pieces, found.payload) for part in apart)
        if any(part.payload is not None for part in apart):
            parts = apart
        tried = sum(search.tried for search in self._searches)
        mark = replace(
            searched,
            detected=True,
            payload=found.payload,
            key=tile.key,
            false_positive_bound=min(1.0, tried * 2.0**-TAG_BITS),
            candidates_tried=tried,
            segments=parts,
            clock=joined(own_spans(spans, parts)),
        )
        return SoundDetection(mark=mark, stretch=found.place.stretch, known_too=self._known_too)

    def _other_mark(self, part: Segment, pieces: Sequence[Heard], payload: Payload) -> Segment:
        """``part`` and, where it lacks the mark of the file, another one that can be read there."""
        if part.state != "unmarked" or part.end_s - part.start_s < _SHORTEST_OTHER_S:
            return part
        heard_there = [
            piece.cells.astype(np.float32)
            for piece in pieces
            if piece.start_s >= part.start_s - 1e-3 and piece.end_s <= part.end_s + 1e-3
        ]
        if not heard_there:
            return part
        # Its tile begins anywhere, seen from that of the file's mark.
        spots = np.repeat(np.sum(heard_there, axis=0), GRAIN, axis=1)
        for search in self._searches:
            _, shift = search.best_shift(spots)
            other = search.read(cells_of(spots, shift))
            if other is not None and other != payload:
                return replace(part, payload=other)
        return part

    def _section(self, count: int) -> None:
        joint = np.concatenate(self._waiting)
        mono, rest = joint[:count], joint[count:]
        start_s = self._start / self._rate
        self._waiting, self._count = [rest], len(rest)
        self._start += count
        # Silence before the mark, or a part too noisy to read, is followed once it is known.
        self._unread = [*self._unread[-_KEPT_SECTIONS:], (mono, start_s)]
        read = self._read = self._read or self._look(mono)
        if read is None or self._fast:
            return
        self._followed += [read.follower.follow(part, self._rate, at) for part, at in self._unread]
        self._unread.clear()

    def _look(self, mono: NDArray[np.float32]) -> _Read | None:
        if float(np.abs(mono).mean()) < _SILENT:
            return None
        number = self._looked
        self._looked += 1
        wide = self._reach == "any" and number & (number - 1) == 0
        section = Section(mono, self._rate)
        for index, search in enumerate(self._searches):
            found, peak = search.look(section, "any" if wide else "straight")
            before = self._peaks[index]
            self._peaks[index] = Peak(max(before.score, peak.score), before.places + peak.places)
            if found is not None:
                if self._known is not None:
                    self._known_too = _carries(section, found, *self._known)
                tile = search.tile
                pattern = tile.steady_pattern(pack(found.payload, tile.key.secret))
                follower = Follower(tile, pattern, found.place.stretch)
                return _Read(search, found, follower)
        return None

    def _present(self, searched: Detection) -> Detection:
        """``searched``, and whether a mark is there though nothing can be read."""
        if self._fast or not any(peak.places for peak in self._peaks):
            return searched
        p, index = min(
            (chance(peak, keys=len(self._peaks)), index) for index, peak in enumerate(self._peaks)
        )
        if p >= PRESENT_P:
            return replace(searched, presence_p=p)
        key = self._searches[index].tile.key
        return replace(searched, detected=True, key=key, presence_p=p)


def _carries(section: Section, found: Found, payload: Payload, key: CarrierKey) -> bool:
    """Whether ``payload`` is in ``section``, where another one may have been read."""
    if payload == found.payload:
        return True
    tile, place = lay_out(key), found.place
    spots = folded(section.map_at(place.stretch), start=place.phase)
    values = cells_of(spots, place.shift).reshape(-1)[tile.payload]
    signs = tile.steady_pattern(pack(payload, key.secret)).reshape(-1)[tile.payload]
    return float(values @ signs) > _TOO * float(np.sqrt(values @ values))


def chance(peak: Peak, *, keys: int) -> float:
    """Bound on the probability of so high a pilot without a mark, for the best of so many keys.

    To sound that knows nothing of the key the pilot's signs are fair coins: the sum of values with
    fair signs, over the root of the sum of their squares, exceeds t with a probability below
    3.18 Q(t); times the places and keys looked at, this bounds the highest of them.
    """
    tail = math.erfc(peak.score / math.sqrt(2)) / 2
    return min(1.0, max(LEAST_P, keys * peak.places * _COINS * tail))

"""Finding the tile in a stretch of sound and reading what it says.

At a supposed stretch of time and pitch the map is folded, all tiles on one, and one FFT against the
pilot tries every shift. Stretches are tried from the likely to the costly: as it was marked (and
with the small errors of clocks); then along three lines: *speed* (pitch and tempo together),
*tempo* at the same pitch, and *pitch* at the same tempo: first in coarse maps, whose best places
are looked at closely, refined and decoded.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import fft

from provenance import fec
from provenance.audio_watermark.softmap import (
    GRAIN,
    SPOTS,
    Stretch,
    cells_of,
    folded,
)
from provenance.audio_watermark.tile import ROWS
from provenance.payload import beginnings, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from provenance.audio_watermark.section import Section
    from provenance.audio_watermark.tile import SoundTile
    from provenance.payload import Payload

Reach = Literal["straight", "any"]

_SKEWS = (-0.002, -0.001, 0.0, 0.001, 0.002)
_TIME_STEP = 0.005  # half a spot at the ends of eight seconds
_PITCH_STEP = 0.035  # two thirds of a band
_FAR = math.log(2.05)
_MOST_PITCH = math.log(2) * 3.5 / 12  # three semitones and a half
_HINTED = 4.0  # standard deviations of the pilot in a coarse map that are refined,
_LISTENED = 4.5  # and then as many for a full one: chance gives 4.2, and less than 4.5 refined
_AGREEMENT = 0.5  # standard deviations of the pilot that one of the payload's agreement is worth
_AGREEING = 4.4  # of both in a coarse map, that a full one is made for
_PROMISING = 3.0  # of both, below which nothing is decoded
# From how many on more words are tried, and how many: chance is there in one search of 15, of 200.
_PATIENCE = ((3.3, 8 * fec.LIST_SIZE), (3.6, 64 * fec.LIST_SIZE))
_PATIENT_UNTIL = 600_000  # words in all, which take half a minute
_PICKED = 0.8  # more of them where the highest of many places was picked
_PART_SPOTS = 200  # four seconds
_PARTS_DECODED = 2
_PHASES = (0.0, 0.5)  # of a spot
_DOUBT = 300.0  # standard deviations that a skew has to gain to be believed
_KEPT = 5
_SURE = 7.0  # standard deviations at which a hint is followed at once
_REFINED = (0.0025, 0.00125)
_REFINED_PITCH = (0.0125, 0.006)
_LAST_RATIOS = (0.99875, 1.0, 1.00125)


def _lines() -> tuple[tuple[Stretch, tuple[float, ...]], ...]:
    """Stretches for which a map is made, and finer ratios of time that are folded from each.

    The likely ones, small changes, come first.
    """
    far, near = int(_FAR / _PITCH_STEP), int(_MOST_PITCH / _PITCH_STEP)
    fine = tuple(math.exp(step * _TIME_STEP) for step in range(-3, 4))
    lines = []
    for step in sorted(range(-far, far + 1), key=abs):
        by = math.exp(step * _PITCH_STEP)
        if step:
            lines.append((Stretch(time=1 / by, pitch=by), fine))
        lines.append((Stretch(time=by), fine))
        if step and abs(step) <= near:
            lines.append((Stretch(pitch=by), fine[2:5]))
    return tuple(lines)


_LINES = _lines()
_REFINEMENTS = 9 ** len(_REFINED)
_PLACES = SPOTS * sum(len(ratios) for _, ratios in _LINES) * _REFINEMENTS


class Place(NamedTuple):
    """Where the tile lies in a stretch of sound: spot ``shift`` + ``phase`` of the fold.

    ``score``: standard deviations of the pilot over chance there. ``base``: of the map that shows
    it. ``standing``: the same of the pilot and of how far the payload agrees with itself.
    """

    score: float
    standing: float
    stretch: Stretch
    phase: float
    shift: int
    base: Stretch
    part: tuple[int, int] | None = None


class _Hint(NamedTuple):
    """How high the pilot stands in a coarse map, in about standard deviations."""

    score: float
    stretch: Stretch


class Found(NamedTuple):
    payload: Payload
    place: Place


class Peak(NamedTuple):
    """The highest pilot anywhere, and among how many places it was sought."""

    score: float
    places: int


class SoundSearch:
    """Looks for one key's tile. ``tried`` counts the words whose tags were looked at."""

    def __init__(self, tile: SoundTile) -> None:
        self.tile = tile
        self.tried = 0
        pilot = tile.pilot_pattern()
        places = np.zeros((ROWS, SPOTS), np.float32)
        places[:, ::GRAIN] = np.abs(pilot)
        self._pilot = np.conj(fft.rfft(np.repeat(pilot, GRAIN, axis=1), axis=1))
        self._places = np.conj(fft.rfft(places, axis=1))

    def look(self, section: Section, reach: Reach) -> tuple[Found | None, Peak]:
        """The payload in ``section`` if its tag verifies, and the highest pilot seen."""
        straight = self._straight(section)
        # Of each phase the best: which of them the pilot prefers, noise may have chosen.
        best = [
            max((place for place in straight if place.phase == phase), key=_as_marked)
            for phase in _PHASES
        ]
        best.sort(key=_as_marked, reverse=True)
        found = self._decoded(section, best)
        if found is None:
            parts = self._parts(section)
            straight += parts
            parts.sort(key=lambda place: place.standing, reverse=True)
            found = self._decoded(section, parts[:_PARTS_DECODED], picked=_PICKED)
        peak = Peak(max(place.score for place in straight), SPOTS * len(straight))
        if found is not None or reach == "straight":
            return found, peak
        found, score = self._anywhere(section)
        # Which places are looked at closely depends on the sound: all that might be are counted.
        return found, Peak(max(peak.score, score), peak.places + _PLACES)

    def best_shift(self, spots: NDArray[np.float32]) -> tuple[float, int]:
        """(standard deviations, shift) of the pilot's best place in (44, 128) folded ``spots``."""
        scores = self._scores(spots)
        shift = int(scores.argmax())
        return float(scores[shift]), shift

    def _scores(self, spots: NDArray[np.float32]) -> NDArray[np.float32]:
        """(128,) sum of the pilot's cells, each with its sign, over the root of their energy."""
        cells = spots + np.roll(spots, -1, axis=1)
        told = fft.irfft((fft.rfft(spots, axis=1) * self._pilot).sum(0), n=SPOTS)
        energy = fft.irfft((fft.rfft(cells * cells, axis=1) * self._places).sum(0), n=SPOTS)
        return np.asarray(told / np.sqrt(np.maximum(energy, 1e-9)), np.float32)

    def _straight(self, section: Section) -> list[Place]:
        return [
            self._place(section, Stretch(), ratio=1 + skew, phase=phase)
            for skew in _SKEWS
            for phase in _PHASES
        ]

    def _parts(self, section: Section) -> list[Place]:
        """The same in parts, where all is too much: of other sound that the mark is put into."""
        count = section.map_at(Stretch()).shape[1]
        if count < 2 * _PART_SPOTS:
            return []
        return [
            self._place(section, Stretch(), phase=phase, part=(first, first + _PART_SPOTS))
            for first in range(0, count - _PART_SPOTS // 2, _PART_SPOTS // 2)
            for phase in _PHASES
        ]

    def _place(
        self,
        section: Section,
        base: Stretch,
        *,
        ratio: float = 1.0,
        phase: float = 0.0,
        part: tuple[int, int] | None = None,
    ) -> Place:
        """The pilot's best place in the map at ``base``, folded as for ``ratio`` times its time.

        ``part``: the spots that are looked at.
        """
        spots = folded(section.map_at(base), ratio=1 / ratio, start=phase, part=part)
        score, shift = self.best_shift(spots)
        standing = self._standing(spots, score, shift)
        stretch = Stretch(time=base.time * ratio, pitch=base.pitch)
        return Place(score, standing, stretch, phase, shift, base, part)

    def _standing(self, spots: NDArray[np.float32], score: float, shift: int) -> float:
        """``score`` and how far the payload agrees with itself at this place, together."""
        agreement = self.tile.agreement(cells_of(spots, shift))
        return (score + _AGREEMENT * agreement) / math.hypot(1, _AGREEMENT)

    def _anywhere(self, section: Section) -> tuple[Found | None, float]:
        """The payload if one is read, and the highest pilot of the places looked at closely."""
        best: list[_Hint] = []
        highest = 0.0
        for base, ratios in _LINES:
            hints = [hint for hint in self._hints(section, base, ratios) if hint.score > _HINTED]
            if hints:
                best = _apart([*best, *hints])
            if best and best[0].score > _SURE:
                found, score = self._close(section, best.pop(0))
                highest = max(highest, score)
                if found is not None:
                    return found, highest
        for hint in best:
            found, score = self._close(section, hint)
            highest = max(highest, score)
            if found is not None:
                return found, highest
        return None, highest

    def _hints(self, section: Section, base: Stretch, ratios: Sequence[float]) -> list[_Hint]:
        """How high the pilot stands at its best place in the coarse map, for each of ``ratios``."""
        pieces = section.coarse.pieces_at(base.time, base.pitch)
        scores = pieces.scores(self._pilot, ratios).max(1)
        return [
            _Hint(float(score), Stretch(time=base.time * ratio, pitch=base.pitch))
            for score, ratio in zip(scores, ratios, strict=True)
        ]

    def _close(self, section: Section, hint: _Hint) -> tuple[Found | None, float]:
        """What can be read near a stretch, and how high the pilot stands at it."""
        refined = self._refined(section, hint)
        if refined.score < _LISTENED:
            return None, 0.0
        base = refined.stretch
        spots = folded(section.coarse.map_at(base.time, base.pitch))
        if self._standing(spots, refined.score, self.best_shift(spots)[1]) < _AGREEING:
            return None, 0.0
        score = self._place(section, base).score
        best = max(
            self._place(section, base, ratio=ratio, phase=phase)
            for ratio in _LAST_RATIOS
            for phase in _PHASES
        )
        return self._decoded(section, [best], picked=_PICKED), score

    def _refined(self, section: Section, hint: _Hint) -> _Hint:
        """The best hint near ``hint``, in coarse maps."""
        best = hint
        for step, pitch_step in zip(_REFINED, _REFINED_PITCH, strict=True):
            start = best.stretch
            for pitch in (1 - pitch_step, 1.0, 1 + pitch_step):
                base = Stretch(time=start.time, pitch=start.pitch * pitch)
                best = max(best, *self._hints(section, base, (1 - step, 1.0, 1 + step)))
        return best

    def _decoded(
        self, section: Section, places: Iterable[Place], *, picked: float = 0.0
    ) -> Found | None:
        for place in places:
            if place.standing < _PROMISING + picked:
                continue
            words = [words for least, words in _PATIENCE if place.standing >= least + picked]
            if self.tried >= _PATIENT_UNTIL:  # as of two marks that lie on each other, for hours
                words = []
            ratio = place.base.time / place.stretch.time
            soft = section.map_at(place.base)
            spots = folded(soft, ratio=ratio, start=place.phase, part=place.part)
            payload = self.read(cells_of(spots, place.shift), patience=words)
            if payload is not None:
                return Found(payload, place)
        return None

    def read(self, cells: NDArray[np.float32], *, patience: Sequence[int] = ()) -> Payload | None:
        """The payload of (44, 64) ``cells``, if one of the likeliest words has a right tag.

        ``patience``: how many more words are looked at if none has, and how many if none of those
        has. They begin as payloads can.
        """
        llr = self.tile.payload_llr(cells)
        payload = self._picked(fec.decode(llr))
        for words in patience:
            if payload is None:
                payload = self._picked(fec.decode(llr, list_size=words, among=beginnings()))
        return payload

    def _picked(self, words: NDArray[np.uint8]) -> Payload | None:
        self.tried += len(words)
        for word in words:
            payload = unpack(word, self.tile.key.secret)
            if payload is not None:
                return payload
        return None


def _as_marked(place: Place) -> float:
    """How it stands out, a little less for a stretch that nothing but noise may have chosen."""
    return place.standing - _DOUBT * abs(place.stretch.time - 1)


def _apart(hints: Sequence[_Hint]) -> list[_Hint]:
    """The best of ``hints``, without the lesser neighbours of a better one."""
    kept: list[_Hint] = []
    for hint in sorted(hints, reverse=True):
        near = any(
            abs(math.log(hint.stretch.time / other.stretch.time)) < 1.5 * _TIME_STEP
            and abs(math.log(hint.stretch.pitch / other.stretch.pitch)) < 1.5 * _PITCH_STEP
            for other in kept
        )
        if not near:
            kept.append(hint)
        if len(kept) == _KEPT:
            break
    return kept

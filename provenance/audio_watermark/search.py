"""Finding the tile in a stretch of sound and reading what it says.

At a supposed stretch of time and pitch the map is folded, all tiles on one, and one FFT against the
pilot tries every shift. Stretches are tried from the likely to the costly: as it was marked (and
with the small errors of clocks); then along three lines: *speed* (pitch and tempo together),
*tempo* at the same pitch, and *pitch* at the same tempo. The best of them are refined and decoded.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from provenance import fec
from provenance.audio_watermark.softmap import (
    GRAIN,
    SPOTS,
    Section,
    Stretch,
    cells_of,
    folded,
)
from provenance.audio_watermark.tile import ROWS
from provenance.payload import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from provenance.audio_watermark.tile import SoundTile
    from provenance.payload import Payload

Reach = Literal["straight", "any"]

_SKEWS = (-0.002, -0.001, 0.0, 0.001, 0.002)
_TIME_STEP = 0.005  # half a spot at the ends of eight seconds
_PITCH_STEP = 0.025  # half a band
_FAR = math.log(2.05)
_MOST_PITCH = math.log(2) * 3.5 / 12  # three semitones and a half
_PROMISING = 3.8  # standard deviations of the pilot below which nothing is decoded
_DECODED = 2
_DOUBT = 300.0  # standard deviations that a skew has to gain to be believed
_KEPT = 6
_SURE = 8.0  # standard deviations at which nothing better is sought
_REFINED = (0.0025, 0.00125)
_REFINED_PITCH = (0.0125, 0.006)


def _lines() -> tuple[tuple[Stretch, tuple[float, ...]], ...]:
    """Stretches for which a map is made, and finer ratios of time that are folded from each.

    The likely ones, small changes, come first.
    """
    far, near = int(_FAR / _PITCH_STEP), int(_MOST_PITCH / _PITCH_STEP)
    fine = tuple(math.exp(step * _TIME_STEP) for step in range(-2, 3))
    lines = []
    for step in sorted(range(-far, far + 1), key=abs):
        by = math.exp(step * _PITCH_STEP)
        if step:
            lines.append((Stretch(time=1 / by, pitch=by), fine))
        lines.append((Stretch(time=by), fine))
        if step and abs(step) <= near:
            lines.append((Stretch(pitch=by), fine[1:4]))
    return tuple(lines)


_LINES = _lines()


class Place(NamedTuple):
    """Where the tile lies in a stretch of sound: spot ``shift`` + ``phase`` of the fold.

    ``score``: standard deviations of the pilot over chance there.
    """

    score: float
    stretch: Stretch
    phase: float
    shift: int


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
        self._pilot = np.conj(np.fft.rfft(np.repeat(pilot, GRAIN, axis=1), axis=1))
        self._places = np.conj(np.fft.rfft(places, axis=1))

    def look(self, section: Section, reach: Reach) -> tuple[Found | None, Peak]:
        """The payload in ``section`` if its tag verifies, and the highest pilot seen."""
        straight = self._straight(section)
        best = heapq.nlargest(_DECODED, straight, key=_as_marked)
        found = self._decoded(section, best, refine=False)
        peak = Peak(max(place.score for place in straight), SPOTS * len(straight))
        if found is not None or reach == "straight":
            return found, peak
        places, count = self._anywhere(section)
        count += peak.places
        best = [self._refined(section, place) for place in places]
        found = self._decoded(section, sorted(best, reverse=True), refine=True)
        return found, Peak(max(peak.score, *(p.score for p in places), 0.0), count)

    def best_shift(self, spots: NDArray[np.float32]) -> tuple[float, int]:
        """(standard deviations, shift) of the pilot's best place in (44, 128) folded ``spots``."""
        scores = self._scores(spots)
        shift = int(scores.argmax())
        return float(scores[shift]), shift

    def _scores(self, spots: NDArray[np.float32]) -> NDArray[np.float32]:
        """(128,) sum of the pilot's cells, each with its sign, over the root of their energy."""
        cells = spots + np.roll(spots, -1, axis=1)
        told = np.fft.irfft((np.fft.rfft(spots, axis=1) * self._pilot).sum(0), n=SPOTS)
        energy = np.fft.irfft((np.fft.rfft(cells * cells, axis=1) * self._places).sum(0), n=SPOTS)
        return np.asarray(told / np.sqrt(np.maximum(energy, 1e-9)), np.float32)

    def _straight(self, section: Section) -> list[Place]:
        soft = section.map_at(Stretch())
        return [
            self._place(soft, Stretch(time=1 + skew), 1 / (1 + skew), phase)
            for skew in _SKEWS
            for phase in (0.0, 0.5)
        ]

    def _place(
        self, soft: NDArray[np.float32], stretch: Stretch, ratio: float, phase: float
    ) -> Place:
        score, shift = self.best_shift(folded(soft, ratio=ratio, start=phase))
        return Place(score, stretch, phase, shift)

    def _anywhere(self, section: Section) -> tuple[list[Place], int]:
        """The most promising places, and how many were looked at."""
        best: list[Place] = []
        count = 0
        for base, ratios in _LINES:
            soft = section.map_at(base)
            if not soft.size:
                continue
            for ratio in ratios:
                stretch = Stretch(time=base.time * ratio, pitch=base.pitch)
                best.append(self._place(soft, stretch, 1 / ratio, 0.0))
                count += SPOTS
            best = _apart(best)
            if best[0].score > _SURE:
                break
        return best, count

    def _refined(self, section: Section, place: Place) -> Place:
        """The highest pilot around ``place``."""
        best = place
        for step, pitch_step in zip(_REFINED, _REFINED_PITCH, strict=True):
            for pitch in (1 - pitch_step, 1.0, 1 + pitch_step):
                start = place.stretch
                base = Stretch(time=start.time, pitch=start.pitch * pitch)
                soft = section.map_at(base)
                for ratio in (1 - step, 1.0, 1 + step):
                    stretch = Stretch(time=base.time * ratio, pitch=base.pitch)
                    for phase in (0.0, 0.5):
                        best = max(best, self._place(soft, stretch, 1 / ratio, phase))
            place = best
        return best

    def _decoded(self, section: Section, places: Iterable[Place], *, refine: bool) -> Found | None:
        for place in places:
            if place.score < _PROMISING:
                continue
            stretch = place.stretch
            if refine:
                soft, ratio = section.map_at(stretch), 1.0
            else:
                soft, ratio = section.map_at(Stretch()), 1 / stretch.time
            spots = folded(soft, ratio=ratio, start=place.phase)
            payload = self.read(cells_of(spots, place.shift))
            if payload is not None:
                return Found(payload, place)
        return None

    def read(self, cells: NDArray[np.float32]) -> Payload | None:
        """The payload of (44, 64) ``cells``, if one of the likeliest words has a right tag."""
        words = fec.decode(self.tile.payload_llr(cells))
        self.tried += len(words)
        for word in words:
            payload = unpack(word, self.tile.key.secret)
            if payload is not None:
                return payload
        return None


def _as_marked(place: Place) -> float:
    """The score, a little less for a stretch that nothing but noise may have chosen."""
    return place.score - _DOUBT * abs(place.stretch.time - 1)


def _apart(places: Sequence[Place]) -> list[Place]:
    """The best of ``places``, without the lesser neighbours of a better one."""
    kept: list[Place] = []
    for place in sorted(places, reverse=True):
        near = any(
            abs(math.log(place.stretch.time / other.stretch.time)) < 1.5 * _TIME_STEP
            and abs(math.log(place.stretch.pitch / other.stretch.pitch)) < 1.5 * _PITCH_STEP
            for other in kept
        )
        if not near:
            kept.append(place)
        if len(kept) == _KEPT:
            break
    return kept

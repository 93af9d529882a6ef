"""The search for regions without the mark over a whole file, a section of time after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from provenance.watermark.absence import Missing, missing_regions, touching
from provenance.watermark.detection import AbsenceMap, MissingRegion
from provenance.watermark.regions import in_strengths, section_of, stretches
from provenance.watermark.stillness import stands_still

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from provenance.watermark.regions import Section
    from provenance.watermark.spots import Spots

_SECTION = 128  # windows, half a minute: bounds the memory for hours of video
_PRESENT, _PRESENT_SIGMAS = 0.1, 4.0
"""Share of the best evidence, and standard deviations over chance, below which windows as a whole
are without the mark."""
_AWAY = 2  # windows without it in a row: one alone may be where little is due
_MAP_S = 1.0
_MAP_ROWS = 20
_TELLING = 4.0  # sum of what is due, squared, from which a block of the map tells something
_MOST_MAPS = 600


class _Mapped(NamedTuple):
    start_s: float
    end_s: float
    grid: NDArray[np.float32]


class RegionSearch:
    """Takes in the spots of a file, window by window in order of time."""

    def __init__(self) -> None:
        self._section: list[Spots] = []
        self._found: list[MissingRegion] = []
        self._maps: list[_Mapped] = []

    def add(self, spots: Spots) -> None:
        self._section.append(spots)
        if len(self._section) >= _SECTION:
            self._look()

    def finish(self) -> tuple[tuple[MissingRegion, ...], AbsenceMap | None]:
        """The regions found, in order of time, and the map; None where nothing was taken in."""
        self._look()
        regions = tuple(sorted(_continued(self._found), key=lambda r: (r.start_s, r.box)))
        if not self._maps:
            return regions, None
        edges = [each.start_s for each in self._maps] + [self._maps[-1].end_s]
        grid = np.stack([each.grid for each in self._maps])
        return regions, AbsenceMap(times_s=tuple(edges), grid=grid)

    def _look(self) -> None:
        section, self._section = self._section, []
        if not section:
            return
        told = section_of(section)
        for run in _present(section):
            missing = missing_regions(run, told if len(run) == len(section) else None)
            self._found += [_region(run, part) for part in missing]
        self._maps += _mapped(section, told)
        while len(self._maps) > _MOST_MAPS:
            self._maps = [_joined(pair) for pair in _pairs(self._maps)]


def _present(section: Sequence[Spots]) -> Iterator[list[Spots]]:
    """The runs of windows that carry the mark at all: of others, time is what there is to say."""
    told = np.array([in_strengths(each.evidence.astype(np.float32)).mean() for each in section])
    usual = _PRESENT * float(np.quantile(told, 0.9))
    sigma = 1 / np.sqrt(section[0].evidence.size)
    there = told >= max(usual, _PRESENT_SIGMAS * sigma)
    start = 0
    for first, last in _away(there):
        # What is faint window by window may be there all in all.
        whole = float(told[first:last].mean())
        chance = _PRESENT_SIGMAS * sigma / np.sqrt(last - first)
        if last - first < _AWAY or whole >= max(usual, chance):
            continue
        if first - start > 1:
            yield list(section[start:first])
        start = last
    if len(section) - start > 1:
        yield list(section[start:])


def _away(there: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last) of the runs that are not ``there``; last not included."""
    edges = np.flatnonzero(np.diff(np.r_[True, there, True].astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _region(run: Sequence[Spots], part: Missing) -> MissingRegion:
    height, width = run[0].evidence.shape
    top, left, bottom, right, nats = part.place
    return MissingRegion(
        start_s=run[part.first].start_s,
        end_s=run[part.last - 1].end_s,
        box=(left / width, top / height, (right - left) / width, (bottom - top) / height),
        nats=nats,
        still=stands_still(run[part.first : part.last], part.place),
    )


def _mapped(section: Sequence[Spots], told: Section) -> list[_Mapped]:
    """The map of a section: 0 where the mark is, 1 where it is missing, NaN where none is due."""
    starts = [0]
    for index, each in enumerate(section):
        if each.start_s - section[starts[-1]].start_s >= _MAP_S - 1e-6:
            starts.append(index)
    bins = list(zip(starts, [*starts[1:], len(section)], strict=True))
    height, width = told.evidence.shape[1:]
    step = max(1, height // _MAP_ROWS)
    rows, columns = height // step, width // step
    mapped = []
    for stretch in stretches(told, bins):
        nats, worth = (
            _around(plane[: rows * step, : columns * step].reshape(rows, step, columns, step))
            for plane in (stretch.nats, stretch.due * stretch.due)
        )
        grid = 1 / (1 + np.exp(-np.clip(nats, -30, 30)))
        grid[worth < _TELLING] = np.nan
        first, last = section[stretch.first], section[stretch.last - 1]
        mapped.append(_Mapped(first.start_s, last.end_s, grid.astype(np.float32)))
    return mapped


def _around(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of (rows, spots, columns, spots) over each block and those around it."""
    sums = np.asarray(blocks.sum((1, 3)), np.float32)
    return np.asarray(cv2.boxFilter(sums, -1, (3, 3), normalize=False), np.float32)


def _pairs(maps: Sequence[_Mapped]) -> Iterator[Sequence[_Mapped]]:
    return (maps[index : index + 2] for index in range(0, len(maps), 2))


def _joined(maps: Sequence[_Mapped]) -> _Mapped:
    grids = np.stack([each.grid for each in maps])
    known = ~np.isnan(grids)
    total = np.where(known, grids, 0).sum(0)
    mean = np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)
    return _Mapped(maps[0].start_s, maps[-1].end_s, mean.astype(np.float32))


def _continued(found: Sequence[MissingRegion]) -> list[MissingRegion]:
    """``found``, those that go on across the border of two sections made one."""
    kept: list[MissingRegion] = []
    for part in sorted(found, key=lambda part: part.start_s):
        for index, before in enumerate(kept):
            goes_on = abs(before.end_s - part.start_s) < 1e-3
            if goes_on and before.still == part.still and touching(before.box, part.box) > 0.7:
                kept[index] = MissingRegion(
                    start_s=before.start_s,
                    end_s=part.end_s,
                    box=before.box if before.nats >= part.nats else part.box,
                    nats=before.nats + part.nats,
                    still=before.still,
                )
                break
        else:
            kept.append(part)
    return kept

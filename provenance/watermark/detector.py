"""Reading the mark from the frames of one file.

The frames become evidence, :class:`~provenance.watermark.search.KeySearch` looks for each key's
mark in it, and what was found is put into words: where it lies, in which stretches of time, and
what second of the original each of them shows.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from provenance.errors import FrameError, OptionError
from provenance.payload import TAG_BITS, Payload, pack
from provenance.watermark import sync
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.clock import read_clock, told_cells
from provenance.watermark.detection import Detection, Geometry, Segment
from provenance.watermark.evidence import FINE, Evidence, moved
from provenance.watermark.hand import Hand
from provenance.watermark.inset import Insets
from provenance.watermark.presence import PRESENT_P, presence
from provenance.watermark.recognition import recognise
from provenance.watermark.region_search import RegionSearch
from provenance.watermark.search import KeySearch, Reach
from provenance.watermark.slants import slants
from provenance.watermark.spots import SpotReader
from provenance.watermark.tile import (
    CELLS_PER_SHORT_SIDE,
    SMALLEST_CELL_PX,
    cell_size,
    lay_out,
    too_small,
)
from provenance.watermark.timeline import Heard, heard, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from provenance.keys import CarrierKey
    from provenance.watermark.evidence import Window
    from provenance.watermark.roles import Extractor

_FIRST_LOOK_S = 0.5  # a search on the way looks after so many seconds, then at doublings
_FIRST_SWEEP_S = 2.0  # from here on every other look tries every size
_LEAST_REST = 1.5  # a beginning says nothing new unless the whole is so many times as long
_SHORTEST_OTHER_S = 0.5  # a part without the mark is searched for another from so much on
_UPRIGHT_DEG = 0.25  # a smaller angle counts as none


def _reach_at(seconds: float) -> Reach:
    """How far a look after so many seconds goes: sizes are swept at every other doubling."""
    doublings = round(math.log2(seconds / _FIRST_SWEEP_S))
    return "straight" if doublings >= 0 and doublings % 2 == 0 else "likely"


class _Found(NamedTuple):
    search: KeySearch
    payload: Payload
    level: int
    placement: sync.Placement


class ClipDetector:
    """Takes the luma of a file's frames in order and says which mark they carry.

    ``keys`` are tried one after the other. ``width`` and ``height`` are the frames' in pixels. With
    ``fast`` the search asks while frames come in, and ``decided`` turns true as soon as a tag
    verifies; without, all frames are listened to. ``reach`` limits what is searched in the end:
    turned and bent pictures cost ten times as much as straight ones. ``known``: asked, where
    nothing can be read in the end, for marks that are known to exist, such as those of a store: one
    of them is recognised with half of the energy that reading takes. ``regions``: whether
    parts of the picture without the mark are looked for, which is only done where ``reach`` is
    "any". Every word tried in any look is counted.
    """

    def __init__(
        self,
        *,
        keys: Sequence[CarrierKey],
        width: int,
        height: int,
        fast: bool = False,
        reach: Reach = "any",
        regions: bool = True,
        known: Callable[[], Sequence[Payload]] | None = None,
        extractor: Extractor | None = None,
    ) -> None:
        if not keys:
            raise OptionError("no carrier key to search with", hint="pass at least one key")
        self._size = (width, height)
        self._fast = fast
        self._reach: Reach = reach
        self._readable = not too_small(width, height)
        self._evidence = Evidence(
            extractor or MatchedFilterExtractor(),
            width=width,
            height=height,
            pictures=not fast and reach == "any",
        )
        self._searches = [KeySearch(lay_out(key), width, height) for key in keys]
        self._known = known
        self._recognised: tuple[int, float] | None = None
        self._found: _Found | None = None
        self._track: list[Heard] = []
        self._spots: SpotReader | None = None
        self._regions = RegionSearch() if regions else None
        self._hand: Hand | None = None
        self._next_look_s = _FIRST_LOOK_S
        self._presence: Future[tuple[float, int]] | None = None

    @property
    def decided(self) -> bool:
        """Whether a tag has verified, so that a fast search may stop."""
        return self._fast and self._found is not None

    def add(self, luma: NDArray[Any], *, time_s: float, bits: int = 8) -> None:
        """Take in one frame's luma (H, W): uint8, or uint16 with values below 2**``bits``."""
        width, height = self._size
        wanted = np.uint8 if bits == 8 else np.uint16
        if luma.shape != (height, width) or luma.dtype != wanted:
            raise FrameError(
                f"luma of shape {luma.shape} and type {luma.dtype} in a clip of "
                f"({height}, {width}) {np.dtype(wanted)}",
                hint="all frames of a clip have one size and depth",
            )
        if not self._readable or self.decided:
            return
        asked = self._evidence.add(luma, time_s=time_s, bits=bits)
        if self._fast and asked and self._evidence.seconds >= self._next_look_s:
            self._look(self._evidence.folds(), _reach_at(self._next_look_s))
            self._next_look_s *= 2
        elif asked and not self._fast and self._found is None and self._evidence.full:
            # Before memory runs short: of a mark that is known, what lies in its cells is enough.
            self._look(self._evidence.folds(), self._reach)
        if asked and self._found is not None:
            self._follow(self._found)

    def finish(self) -> Detection:
        """The result over all frames taken in."""
        if self._readable and not self.decided:
            self._evidence.flush()
            if self._found is None and self._evidence.frames:
                self._look_back()
            if self._found is None and not self._fast:
                self._recognise()
        tried = sum(search.tried for search in self._searches)
        searched = Detection(
            detected=False,
            candidates_tried=tried,
            frames_used=self._evidence.frames,
            seconds_used=self._evidence.seconds if self._evidence.frames else 0.0,
        )
        if self._found is None:
            return self._present(searched)
        found = self._found
        self._follow(found)
        tile = found.search.tile
        pattern = self._pattern(found)
        # The pilot is the same in every mark under a key.
        own = pattern - tile.pilot_pattern()
        parts = tuple(self._other_mark(part) for part in segments(self._track, own))
        tried = sum(search.tried for search in self._searches)
        among, chance = self._recognised or (None, 0.0)
        missing, absence = None, None
        if self._regions is not None and self._spots is not None:
            missing, absence = self._regions.finish()
        return replace(
            searched,
            detected=True,
            payload=found.payload,
            key=tile.key,
            false_positive_bound=min(1.0, tried * 2.0**-TAG_BITS + chance),
            recognised_among=among,
            geometry=self._geometry(found.level, found.placement),
            candidates_tried=tried,
            segments=parts,
            clock=read_clock(tile, self._track, pattern),
            clock_cells=told_cells(tile, self._track, pattern),
            missing=missing,
            absence=absence,
        )

    def heard(self) -> list[NDArray[np.float32]]:
        """(32, 32) evidence for each cell of the tile, over all frames listened to.

        What the error correction has to work with, for measurements that know what should be
        there: folded where the mark was found, else wherever the first key's mark may be. Nothing
        where nothing was listened to.
        """
        if not self._readable or not self._evidence.frames:
            return []
        maps = self._evidence.folds()
        search = self._searches[0]
        if self._found is not None:
            search = self._found.search
            places = [(self._found.level, self._found.placement)]
        else:
            places = search.suspects(maps)
        return [search.cells(maps[level], placement) for level, placement in places]

    def _present(self, searched: Detection) -> Detection:
        """``searched``, and whether a mark is there though nothing can be read."""
        if self._fast or not searched.frames_used:
            return searched
        p, index = self._p_and_tile() if self._presence is None else self._presence.result()
        if p >= PRESENT_P:
            return replace(searched, presence_p=p)
        key = self._searches[index].tile.key
        return replace(searched, detected=True, key=key, presence_p=p)

    def _p_and_tile(self) -> tuple[float, int]:
        """The chance that no mark is there, by the tile that says most, and which one that is."""
        tiles = [search.tile for search in self._searches]
        return presence(self._evidence, tiles, short_side=min(self._size))

    @staticmethod
    def _pattern(found: _Found) -> NDArray[np.float32]:
        """(32, 32) signs of what is steady in the tile, once the payload is known."""
        tile = found.search.tile
        return tile.steady_pattern(pack(found.payload, tile.key.secret))

    def _other_mark(self, part: Segment) -> Segment:
        """``part`` and, where it lacks the mark of the file, another one that can be read there."""
        if part.state == "marked" or part.end_s - part.start_s < _SHORTEST_OTHER_S:
            return part
        heard_there = [
            piece.cells.astype(np.float32)
            for piece in self._track
            if piece.start_s >= part.start_s - 1e-3 and piece.end_s <= part.end_s + 1e-3
        ]
        for search in self._searches if heard_there else ():
            payload = search.payload_of(np.sum(heard_there, axis=0))
            if payload is not None and payload != (self._found and self._found.payload):
                return replace(part, state="unmarked", payload=payload)
        return part

    def _follow(self, found: _Found) -> None:
        if self._hand is None:
            own = self._pattern(found) - found.search.tile.pilot_pattern()
            self._hand = Hand(own, found.placement, self._evidence.shape(found.level))
        windows = self._evidence.take()
        asis = [self._heeded(window, found.level) for window in windows]
        slips = self._hand.slips([heeded.maps[level] for heeded, level in asis])
        for window, still, slip in zip(windows, asis, slips * 2.0**found.level, strict=True):
            heeded, level = still
            if slip.any():
                heeded, level = self._heeded(moved(window, slip), found.level)
            self._track.append(heard(heeded, level, found.placement))
            if window.picture is not None and self._regions is not None:
                if self._spots is None:
                    shape = heeded.maps[level].shape
                    self._spots = SpotReader(self._pattern(found), found.placement, shape)
                self._regions.add(self._spots.read(heeded, level))

    def _heeded(self, window: Window, level: int) -> tuple[Window, int]:
        """``window`` with a map of ``level`` in it, and which of its maps that is."""
        if level != FINE:
            return window, level
        fine = self._evidence.fine_map(window).astype(np.float16)
        return replace(window, maps=(fine,)), 0

    def _look(self, maps: Sequence[sync.Folds], reach: Reach, *, patient: bool = False) -> None:
        for search in self._searches:
            found = search.look(maps, reach, patient=patient)
            if found is not None:
                self._found = _Found(search, *found)
                return

    def _look_back(self) -> None:
        """Ask all that was heard; then, as a search on the way does, beginnings alone.

        A mark that only a part of the file carries drowns in the rest.
        """
        # Once a file, whatever its length: patience costs words.
        self._look(self._evidence.folds(), self._reach, patient=self._reach == "any")
        seconds = _FIRST_LOOK_S
        most = self._evidence.seconds / _LEAST_REST
        while self._found is None and not self._fast and seconds <= most:
            self._look(self._evidence.beginning(seconds), _reach_at(seconds))
            seconds *= 2
        if self._found is None and not self._fast:
            # The opening may be no part of the video: somebody's title, or the end of another.
            self._look(self._evidence.even_folds(), "likely")
        if self._found is None:
            self._look_closely()

    def _look_closely(self) -> None:
        """Ask a finer map for slanted pictures, and for small ones."""
        if not self._evidence.finer:
            return
        fine = sync.clipped(self._evidence.fine_total())
        ratio = cell_size(*self._size) * CELLS_PER_SHORT_SIDE / min(self._size)
        for slant in slants(self._evidence.maps(), fine, self._evidence.fine_total, ratio=ratio):
            for search in self._searches:
                leaning = search.look_slanted([slant])
                if leaning is not None:
                    payload, placement, slips = leaning
                    self._evidence.move_back(slips)
                    self._found = _Found(search, payload, FINE, placement)
                    return
        with ThreadPoolExecutor(1) as beside:
            # Most files carry no mark: what is asked last is worked out beside the small pictures.
            self._presence = beside.submit(self._p_and_tile)
            self._look_small(Insets(fine))

    def _recognise(self) -> None:
        """Hold what could not be read against the marks that are known."""
        marks = self._known() if self._known is not None else ()
        for search in self._searches if marks else ():
            secret = search.tile.key.secret
            it = recognise(search.unread(), marks, secret, searches=len(self._searches))
            if it is not None:
                if it.where.slips is not None:
                    self._evidence.move_back(it.where.slips)
                self._found = _Found(search, it.payload, it.where.level, it.where.placement)
                self._recognised = len(marks), it.bound
                return

    def _look_small(self, small: Insets) -> None:
        for search in self._searches:
            found = search.look_small(small)
            if found is not None:
                self._found = _Found(search, *found)
                return

    def _geometry(self, level: int, placement: sync.Placement) -> Geometry:
        width, height = self._size
        # Pixels of the frame in hand for one cell: the fold has two pixels a cell.
        grid = min(width, height) / (CELLS_PER_SHORT_SIDE * sync.FOLD_GRAIN) * 2**level
        cell = sync.FOLD_GRAIN * grid * (placement.scale_x + placement.scale_y) / 2
        # Of the picture's corners, turned as the tile lies, the top-left one.
        rows, columns = self._evidence.shape(level)
        far = sync.upright((rows / placement.scale_y, columns / placement.scale_x), placement)
        corner = (min(far[0], 0.0), min(far[1], 0.0))
        row, column = (
            round((edge - shift) / sync.SIDE, 4) % 1.0
            for edge, shift in zip(corner, placement.shift, strict=True)
        )
        # A placement mirrors first and then turns back, a picture was mirrored and then turned.
        turns = placement.quarter_turns
        # A tenth or two of a degree is what refining leaves in a picture that was never turned.
        tilt = round(placement.rotation_deg, 1) if abs(placement.rotation_deg) > _UPRIGHT_DEG else 0
        whole = cell * CELLS_PER_SHORT_SIDE
        native = abs(cell - SMALLEST_CELL_PX) < 0.02 * SMALLEST_CELL_PX
        shown = 1.0 if native and whole >= min(width, height) else min(width, height) / whole
        return Geometry(
            scale=cell / SMALLEST_CELL_PX,
            rotation_deg=(90.0 * (-turns if placement.flipped else turns) + tilt) % 360.0,
            flipped=placement.flipped,
            shown=min(1.0, shown),
            offset=(column, row),
        )

"""Evidence over time, in bounded memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from provenance.watermark import evidence as evidence_module
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.evidence import LEVELS, Evidence

HEIGHT, WIDTH = 128, 160
RATE = 24
RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (16, HEIGHT, WIDTH), dtype=np.uint8)


def collected(count, *, rate=RATE, height=HEIGHT, width=WIDTH, start_s=0.0):
    evidence = Evidence(MatchedFilterExtractor(), width=width, height=height)
    for index in range(count):
        evidence.add(FRAMES[index % len(FRAMES)], time_s=start_s + index / rate, bits=8)
    evidence.flush()
    return evidence


def test_windows_cover_the_time_in_order():
    windows = collected(50).windows
    assert windows[0].start_s == 0
    assert windows[-1].end_s == pytest.approx(50 / RATE)
    for before, after in pairwise(windows):
        assert before.end_s == pytest.approx(after.start_s)
    assert sum(window.frames for window in windows) == 50


def test_a_mean_is_at_most_a_quarter_second_or_eight_frames():
    assert {window.frames for window in collected(48).windows} == {6}
    assert max(window.frames for window in collected(96, rate=120).windows) == 8
    assert {window.frames for window in collected(8, rate=2).windows} == {1}


def test_maps_have_a_working_size_whatever_the_frames_have():
    (window,) = collected(1).windows
    assert [m.shape for m in window.maps] == [(240, 300), (120, 150)]
    assert {m.dtype for m in window.maps} == {np.dtype(np.float16)}
    assert len(window.maps) == LEVELS


def test_totals_are_the_sum_of_the_windows():
    evidence = collected(40)
    for level in range(LEVELS):
        total = sum(window.maps[level].astype(np.float32) for window in evidence.windows)
        assert total == pytest.approx(evidence.totals[level], abs=0.02)


def test_memory_is_bounded_and_merging_keeps_sum_and_time(monkeypatch):
    monkeypatch.setattr(evidence_module, "_MOST_WINDOWS", 8)
    evidence = Evidence(MatchedFilterExtractor(), width=WIDTH, height=HEIGHT)
    most = 0
    for index in range(300):
        evidence.add(FRAMES[index % len(FRAMES)], time_s=index / 4, bits=8)
        most = max(most, len(evidence.windows))
    evidence.flush()
    assert 4 <= most <= 8
    windows = evidence.windows
    assert sum(window.frames for window in windows) == 300
    assert (windows[0].start_s, windows[-1].end_s) == (0, 75)
    for before, after in pairwise(windows):
        assert before.end_s == pytest.approx(after.start_s)
    total = sum(window.maps[0].astype(np.float32) for window in windows)
    scale = float(np.abs(evidence.totals[0]).max())
    assert total == pytest.approx(evidence.totals[0], abs=0.01 * scale)


def test_frames_are_averaged_before_they_are_heard():
    class Counting(MatchedFilterExtractor):
        heard = 0

        def soft_map(self, luma):
            self.heard += 1
            return super().soft_map(luma)

    extractor = Counting()
    evidence = Evidence(extractor, width=WIDTH, height=HEIGHT)
    news = [evidence.add(FRAMES[i % 16], time_s=i / RATE, bits=8) for i in range(24)]
    evidence.flush()
    assert extractor.heard == 4 * LEVELS
    assert [i for i, new in enumerate(news) if new] == [6, 12, 18]


def test_ten_bits_are_heard_like_eight():
    eight, ten = (Evidence(MatchedFilterExtractor(), width=WIDTH, height=HEIGHT) for _ in range(2))
    for index in range(6):
        eight.add(FRAMES[index], time_s=index / RATE, bits=8)
        ten.add(FRAMES[index].astype(np.uint16) * 4, time_s=index / RATE, bits=10)
    eight.flush()
    ten.flush()
    assert ten.totals[0] == pytest.approx(eight.totals[0], rel=1e-4, abs=1e-5)


def test_seconds_count_from_the_first_frame():
    assert collected(48, start_s=10).seconds == pytest.approx(2)
    assert collected(0).seconds == 0
    assert collected(0).windows == ()


def test_seconds_are_right_before_the_first_mean_too():
    evidence = Evidence(MatchedFilterExtractor(), width=WIDTH, height=HEIGHT)
    evidence.add(FRAMES[0], time_s=10.0, bits=8)
    evidence.add(FRAMES[1], time_s=10.1, bits=8)
    assert evidence.seconds == pytest.approx(0.2)

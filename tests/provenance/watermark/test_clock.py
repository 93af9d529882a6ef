"""Which second of the original is seen: from cells alone, and from clips that x264 has encoded."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.payload import Payload, pack
from provenance.video import open_media
from provenance.watermark import ClipDetector, ClipMarker
from provenance.watermark import evidence as evidence_module
from provenance.watermark.clock import FALSE_RUNS, clock_table, read_clock
from provenance.watermark.tile import TILE, lay_out
from provenance.watermark.timeline import Heard
from tests.drawn import natural_luma, write_luma

KEY = CarrierKey(name="test", secret=b"k" * 32)
OTHER = CarrierKey(name="other", secret=b"o" * 32)
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
RATE = 24
SECONDS = 10
WINDOW_S = 0.25
MARK = lay_out(KEY)
BITS = pack(PAYLOAD, KEY.secret)
STEADY = MARK.steady_pattern(BITS)


@pytest.fixture(scope="module")
def marked():
    """Ten seconds from 40 s on into the original."""
    planes = natural_luma(SECONDS * RATE, 480, 640, seed=9)
    marker = ClipMarker(payload=PAYLOAD, key=KEY, width=640, height=480)
    return [marker.mark(plane, time_s=40 + index / RATE) for index, plane in enumerate(planes)]


def read(folder, planes, *, crf=20):
    path = write_luma(folder / "clip.mp4", planes, rate=Fraction(RATE), crf=crf)
    detector = ClipDetector(keys=[KEY], width=640, height=480)
    with open_media(path) as reader:
        for picture in reader.pictures():
            detector.add(picture.luma, time_s=float(picture.time))
    result = detector.finish()
    assert result.payload == PAYLOAD
    return result


def seconds(planes, start, end):
    return planes[round(start * RATE) : round(end * RATE)]


def track(times, rng, *, gain=0.4, still=0.0, tile=MARK, window_s=WINDOW_S):
    """Cells as they are heard at ``times`` of the original (None: nothing there)."""
    picture = rng.normal(0, 1, (TILE, TILE))
    heard = []
    for index, time_s in enumerate(times):
        cells = rng.normal(0, 1, (TILE, TILE)) + still * picture
        if time_s is not None:
            cells += gain * tile.pattern(BITS, int(time_s))
        heard.append(
            Heard(
                start_s=index * window_s,
                end_s=(index + 1) * window_s,
                cells=cells.astype(np.float16),
                loudness=1.0,
            )
        )
    return heard


def test_the_table_is_the_clock():
    table = clock_table(MARK, 40)
    assert table.shape == (40, 96)
    for slot in (0, 9, 10, 39):
        assert np.array_equal(table[slot], MARK.clock_signs(slot))


@pytest.mark.parametrize("start_s", [0.0, 0.4, 12.25, 3599.9, 7100.5])
@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_position_and_speed(start_s, speed):
    rng = np.random.default_rng(int(start_s * 10 + speed * 100))
    times = [start_s + speed * (index + 0.5) * WINDOW_S for index in range(40)]
    (run,) = read_clock(MARK, track(times, rng, still=0.5), STEADY)
    assert (run.start_s, run.end_s) == (0, 10)
    assert run.original_start_s == pytest.approx(start_s, abs=0.5)
    assert run.speed == pytest.approx(speed, abs=0.03)
    end_s = run.original_start_s + run.speed * 10
    assert end_s == pytest.approx(start_s + speed * 10, abs=0.5)


def test_minutes_are_followed_through_their_blocks():
    rng = np.random.default_rng(5)
    times = [100 + (index + 0.5) * WINDOW_S for index in range(1300)]
    (run,) = read_clock(MARK, track(times, rng), STEADY)
    assert (run.start_s, run.end_s) == (0, 325)
    assert run.original_start_s == pytest.approx(100, abs=0.5)
    assert run.speed == pytest.approx(1, abs=0.005)


def test_what_is_not_there_is_not_read():
    """Far more trials than chance allows one false run for, by ten to one, have none."""
    rng = np.random.default_rng(6)
    assert 60 * FALSE_RUNS < 0.1
    for trial in range(30):
        nothing = [None] * 24
        still = (0.0, 3.0)[trial % 2]
        assert read_clock(MARK, track(nothing, rng, still=still), STEADY) == ()
        other = track([index * WINDOW_S for index in range(24)], rng, tile=lay_out(OTHER))
        assert read_clock(MARK, other, STEADY) == ()


def test_no_cells_have_no_clock():
    assert read_clock(MARK, [], STEADY) == ()
    silent = [Heard(start_s=0.0, end_s=0.0, cells=np.zeros((TILE, TILE), np.float16), loudness=0.0)]
    assert read_clock(MARK, silent, STEADY) == ()


def test_an_excerpt_says_where_it_comes_from(marked, tmp_path):
    (run,) = read(tmp_path, seconds(marked, 2.7, 7.2)).clock
    assert run.start_s == 0
    assert run.end_s == pytest.approx(4.5, abs=0.05)
    assert run.original_start_s == pytest.approx(42.7, abs=0.5)
    assert run.speed == 1


def test_cuts_and_repetitions_are_separate_runs(marked, tmp_path):
    pieces = [(0, 3), (6, 9), (0, 3)]
    planes = [plane for start, end in pieces for plane in seconds(marked, start, end)]
    runs = read(tmp_path, planes).clock
    assert len(runs) == 3
    for index, (run, (start, _)) in enumerate(zip(runs, pieces, strict=True)):
        assert run.start_s == pytest.approx(3 * index, abs=0.3)
        expected = 40 + start + run.start_s - 3 * index
        assert run.original_start_s == pytest.approx(expected, abs=0.5)


def test_another_speed_is_measured(marked, tmp_path):
    fast = [marked[round(1.5 * index)] for index in range(len(marked) * 2 // 3 - 1)]
    (run,) = read(tmp_path, fast).clock
    assert run.original_start_s == pytest.approx(40, abs=0.5)
    assert run.speed == pytest.approx(1.5, abs=0.1)


def test_a_long_file_keeps_its_clock_and_its_parts(marked, tmp_path, monkeypatch):
    """Memory for soft maps runs out after two seconds here; the clock still reads quarters."""
    monkeypatch.setattr(evidence_module, "_MOST_WINDOWS", 8)
    planes = [*seconds(marked, 5, 10), *seconds(marked, 0, 4)]
    result = read(tmp_path, planes)
    assert [run.original_start_s for run in result.clock] == pytest.approx([45, 40], abs=0.5)
    assert [segment.state for segment in result.segments] == ["marked"]
    assert result.frames_used == len(planes)

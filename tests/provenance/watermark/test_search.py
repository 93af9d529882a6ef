"""The search for one key: what it tries, in which order, and what it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import cv2
import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.payload import Payload, pack
from provenance.watermark.evidence import FINE
from provenance.watermark.inset import Insets
from provenance.watermark.search import KeySearch
from provenance.watermark.slants import slants
from provenance.watermark.sync import SIDE, Folds, Placement, clipped
from provenance.watermark.tile import lay_out

KEY = CarrierKey(name="test", secret=b"k" * 32)
OTHER = CarrierKey(name="other", secret=b"o" * 32)
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)
LAYOUT = lay_out(KEY)
TILE = np.kron(LAYOUT.pattern(pack(PAYLOAD, KEY.secret), 0), np.ones((2, 2), np.float32))
HEIGHT, WIDTH = 240, 427


def levels(matrix, *, amplitude=0.6, seed=0):
    """Two levels of maps of a 720-line frame whose tile was moved by ``matrix``, 2 × 2 or 3 × 3."""
    moved = np.eye(3)
    moved[: len(matrix), : len(matrix)] = matrix
    origin = np.eye(3)
    origin[:2, 2] = -8 * SIDE
    plane = np.tile(TILE, (20, 20)).astype(np.float32)
    mark = cv2.warpPerspective(plane, moved @ origin, (WIDTH, HEIGHT))
    noise = np.random.default_rng(seed).normal(size=mark.shape)
    soft = np.asarray(amplitude * mark + noise, np.float32)
    half = cv2.resize(soft, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return [Folds(clipped(soft)), Folds(clipped(half))]


def turned(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def search(maps, reach="any", *, key=KEY, patient=False):
    asked = KeySearch(lay_out(key), 1280, 720)
    return asked.look(maps, reach, patient=patient), asked.tried


def test_as_marked_is_found_at_once_and_without_a_sweep():
    maps = levels(np.eye(2))
    (payload, level, placement), tried = search(maps, "likely")
    assert (payload, level, tried) == (PAYLOAD, 0, 1)
    assert (placement.flipped, placement.quarter_turns, placement.bend) == (False, 0, None)
    assert placement.rotation_deg == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(("scale", "level"), [(1.55, 0), (3.1, 1)])
def test_coarse_cells_are_read_at_the_finest_level_that_hears_them(scale, level):
    (payload, found, placement), _ = search(levels(np.diag([scale, scale])), "straight")
    assert (payload, found) == (PAYLOAD, level)
    assert placement.scale_x * 2**found == pytest.approx(scale, rel=0.015)


@pytest.mark.parametrize(
    ("matrix", "rotation", "turns", "flipped"),
    [
        (turned(5), 5, 0, False),
        (turned(-37), -37, 0, False),
        (turned(97), 7, 1, False),
        (turned(180 + 20), 20, 2, False),
        (turned(30) @ np.diag([-1, 1]), 30, 0, True),
        (np.diag([1.2, 1.0]), 0, 0, False),
        (np.diag([0.82, 1.0]), 0, 0, False),
        (np.array([[1.0, 0.08], [0.03, 0.93]]), 1.7, 0, False),
    ],
)
def test_any_shape_is_found_by_the_sweep_alone(matrix, rotation, turns, flipped):
    maps = levels(matrix)
    nothing, _ = search(maps, "likely")
    assert nothing is None
    (payload, _, placement), tried = search(maps)
    assert payload == PAYLOAD
    assert placement.rotation_deg == pytest.approx(rotation, abs=0.3)
    assert placement.flipped == flipped
    assert placement.quarter_turns == turns
    assert tried > 1


def fine(matrix, *, amplitude=0.6, window=None, seed=1):
    """(480, 854) finer map, whose tile of 64 pixels a side was moved by ``matrix`` (3, 3).

    ``window``: top, left, bottom and right of the part that shows it.
    """
    origin = np.eye(3)
    origin[:2, 2] = -8 * SIDE
    plane = np.tile(TILE, (40, 40)).astype(np.float32)
    mark = cv2.warpPerspective(plane, matrix @ origin, (2 * WIDTH, 2 * HEIGHT))
    if window is not None:
        top, left, bottom, right = window
        hidden = np.ones_like(mark)
        hidden[top:bottom, left:right] = 0
        mark = np.where(hidden > 0, 0, mark)
    noise = np.random.default_rng(seed).normal(size=mark.shape)
    return clipped(np.asarray(amplitude * mark + noise, np.float32))


def leaning(right, down, scale=2.0):
    """Homography that enlarges, and leans about the middle of a finer map."""
    back = np.eye(3)
    back[:2, 2] = -WIDTH, -HEIGHT
    lean = np.eye(3)
    lean[2, :2] = right / WIDTH, down / HEIGHT
    return np.linalg.inv(back) @ lean @ back @ np.diag([scale, scale, 1.0])


def ways(seen):
    """The ways in which a finer map that is all there is may be slanted."""
    small = cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return slants([clipped(small)], seen, lambda _: seen)


@pytest.mark.parametrize("lean", [(0.12, 0.0), (0.1, -0.12), (-0.2, 0.1), (0.0, 0.22)])
def test_a_keystone_is_found_and_its_bend_told(lean):
    seen = fine(leaning(*lean))
    asked = KeySearch(LAYOUT, 1280, 720)
    payload, placement, slips = asked.look_slanted(ways(seen))
    assert payload == PAYLOAD
    assert placement.bend is not None
    assert not slips.any()
    assert 1 <= asked.tried <= 3 * 128


def test_a_small_picture_is_found_where_it_is():
    top, left, bottom, right = window = (40, 500, 232, 842)
    moved = np.diag([0.8, 0.8, 1.0])
    moved[:2, 2] = left, top
    asked = KeySearch(LAYOUT, 1280, 720)
    payload, level, placement = asked.look_small(Insets(fine(moved, window=window, amplitude=0.5)))
    assert (payload, level) == (PAYLOAD, FINE)
    assert placement.scale_x == pytest.approx(0.8, abs=0.005)
    assert placement.window == pytest.approx(window, abs=3)
    # The same, mirrored: its tiles begin on the right.
    mirrored = fine(moved, window=window, amplitude=0.5)[:, ::-1].copy()
    payload, _, placement = asked.look_small(Insets(mirrored))
    assert payload == PAYLOAD
    assert placement.flipped
    assert placement.window == pytest.approx(
        (top, 2 * WIDTH - right, bottom, 2 * WIDTH - left), abs=3
    )


def test_nothing_small_or_slanted_is_found_under_another_key():
    seen = fine(leaning(0.1, -0.12))
    asked = KeySearch(lay_out(OTHER), 1280, 720)
    assert asked.look_slanted(ways(seen)) is None
    assert asked.look_small(Insets(seen)) is None
    assert 0 < asked.tried <= (4 + 12) * 128  # every word is counted


def test_nothing_is_found_in_noise_or_under_another_key():
    for maps, key in ((levels(np.eye(2), amplitude=0), KEY), (levels(turned(5)), OTHER)):
        found, tried = search(maps, key=key)
        assert found is None
        assert 0 < tried <= 11 * 128
        found, more = search(maps, key=key, patient=True)
        assert found is None
        assert tried < more <= tried + (3 + 4 + 2 * 2) * 2 * 1024  # every word is counted


def test_with_patience_a_fainter_mark_is_read():
    maps = levels(np.eye(2), amplitude=0.055, seed=4)
    found, tried = search(maps)
    assert found is None
    (payload, level, _), more = search(maps, patient=True)
    assert (payload, level) == (PAYLOAD, 0)
    assert more > tried


def test_what_has_no_prompt_is_looked_for_by_itself():
    unprompted = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567)
    pattern = LAYOUT.pattern(pack(unprompted, KEY.secret), 0)
    noise = np.random.default_rng(6).normal(size=pattern.shape)
    cells = np.asarray(pattern + noise / np.sqrt(0.2), np.float32)
    asked = KeySearch(LAYOUT, 1280, 720)
    assert asked.payload_of(cells) is None
    assert asked.tried == 128
    assert asked.payload_of(cells, patient=True) == unprompted
    assert asked.tried > 128 + 1024  # not among the words that may have a prompt


def test_a_frame_as_it_was_marked_is_read_where_no_pilot_stands_out():
    maps = levels(np.eye(2), amplitude=0.05, seed=7)
    nothing, tried = search(maps, "straight")
    assert nothing is None
    (payload, level, placement), more = search(maps, "straight", patient=True)
    assert (payload, level) == (PAYLOAD, 0)
    assert replace(placement, score=0) == Placement(scale_x=1.0, scale_y=1.0)
    assert tried < more <= tried + 2 * 1024


def test_a_frame_that_was_enlarged_and_mirrored_is_read_where_no_pilot_stands_out():
    # 360 lines were marked with cells of four pixels, a third larger than a frame's of 720 lines.
    mirrored = np.array([[-4 / 3, 0, WIDTH - 1], [0, 4 / 3, 0], [0, 0, 1]])
    maps = levels(mirrored, amplitude=0.075, seed=3)
    nothing, tried = search(maps, "likely")
    assert nothing is None
    (payload, level, placement), more = search(maps, "likely", patient=True)
    assert (payload, level, placement.flipped) == (PAYLOAD, 0, True)
    assert placement.scale_x == pytest.approx(4 / 3)
    assert tried < more <= tried + 2 * 1024


def test_a_faint_mark_of_any_size_is_found_by_the_power_of_its_folds():
    read = 0
    for seed in range(6):
        maps = levels(1.13 * np.eye(2), amplitude=0.068, seed=seed)
        found, _ = search(maps, "straight", patient=True)
        read += found is not None and found[0] == PAYLOAD
    assert read >= 4


def test_lattices_are_looked_for_once_whatever_the_number_of_keys(monkeypatch):
    maps = levels(turned(5))
    first, _ = search(maps, key=OTHER)
    monkeypatch.setattr("provenance.watermark.sync.lattices", None)
    (payload, _, _), _ = search(maps)
    assert (first, payload) == (None, PAYLOAD)


def test_a_keystone_is_found_where_cells_are_larger_than_usual():
    # Of a frame of 320 lines, whose cells are marked with four pixels.
    seen = fine(leaning(0.1, -0.12, scale=3.0), amplitude=0.8)
    small = cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    asked = KeySearch(LAYOUT, 569, 320)
    ways = slants([clipped(small)], seen, lambda _: seen, ratio=1.5)
    payload, placement, _ = asked.look_slanted(ways)
    assert payload == PAYLOAD
    assert placement.scale_x == pytest.approx(3.0, rel=0.1)

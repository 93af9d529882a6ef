"""Finding the tile again: scale, shift, mirror and quarter turns, on synthetic maps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.keys import CarrierKey
from provenance.watermark import sync
from provenance.watermark.sync import (
    FOLD_GRAIN,
    SIDE,
    Folds,
    PilotSearch,
    Placement,
    cells_at,
    fold,
)
from provenance.watermark.tile import TILE, lay_out

LAYOUT = lay_out(CarrierKey(name="test", secret=b"k" * 32))
BITS = np.random.default_rng(0).integers(0, 2, 128, dtype=np.uint8)
PATTERN = LAYOUT.pattern(BITS, 0)
SEARCH = PilotSearch(LAYOUT.pilot_pattern())
HEIGHT, WIDTH = 240, 427
PLAIN = Placement(scale_x=1.0, scale_y=1.0)


def drawn_map(*, amplitude=0.5, seed=0, height=HEIGHT, width=WIDTH, shift=(0, 0)):
    """(height, width) map with two pixels a cell, its origin ``shift`` pixels into the tile."""
    tile = np.kron(PATTERN, np.ones((FOLD_GRAIN, FOLD_GRAIN), np.float32))
    rows, columns = -(-(height + SIDE) // SIDE), -(-(width + SIDE) // SIDE)
    mark = np.tile(tile, (rows + 1, columns + 1))[shift[0] :, shift[1] :][:height, :width]
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return np.ascontiguousarray(amplitude * mark + noise, np.float32)


def resized(soft, ratio_x, ratio_y):
    height, width = soft.shape
    size = (round(width * ratio_x), round(height * ratio_y))
    return cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)


def agreement(soft, placement):
    """Share of the tile's cells that come back with the right sign."""
    return float((np.sign(cells_at(soft, placement)) == PATTERN).mean())


def off(placement, shift):
    """Largest distance in pixels, round the tile, from the shift that undoes ``shift``."""
    apart = (np.add(placement.shift, shift) + SIDE / 2) % SIDE - SIDE / 2
    return float(np.abs(apart).max())


def at(scale_x, scale_y, **more):
    return Placement(scale_x=scale_x, scale_y=scale_y, **more)


def search(soft, shape=PLAIN):
    return SEARCH.best(Folds(soft), [shape])[0]


def warped(soft, matrix):
    """``soft`` with pixel (x, y) moved to ``matrix`` · (x, y), corners at corners."""
    corners = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    moved = corners @ np.vstack([np.column_stack([matrix, [0, 0]]), [0, 0, 1]])
    moved = moved @ np.linalg.inv(corners)
    return cv2.warpAffine(soft, moved[:2], soft.shape[::-1])


def test_fold_adds_whole_and_cut_tiles_up():
    soft = np.arange(100 * 130, dtype=np.float32).reshape(100, 130)
    folded = fold(soft, np.eye(2))
    assert folded.shape == (SIDE, SIDE)
    assert folded[5, 1] == soft[5::SIDE, 1::SIDE].sum()
    assert folded[40, 70 % SIDE] == soft[40::SIDE, 6::SIDE].sum()
    assert folded.sum(dtype=np.float64) == pytest.approx(soft.sum(dtype=np.float64), rel=1e-6)


def test_as_marked():
    found = search(drawn_map())
    assert (found.flipped, found.quarter_turns) == (False, 0)
    assert off(found, (0, 0)) < 0.1
    assert found.score > 10
    assert agreement(drawn_map(), found) > 0.99


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (13, 50), (63, 63)])
def test_a_cut_corner_is_a_shift(shift):
    soft = drawn_map(shift=shift)
    found = search(soft)
    assert off(found, shift) < 0.15
    assert agreement(soft, found) > 0.99


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_mirrored_and_turned(flipped, turns):
    soft = drawn_map(shift=(7, 30))
    laid = np.rot90(soft, -turns)
    laid = np.ascontiguousarray(laid[:, ::-1] if flipped else laid)
    found = search(laid)
    assert (found.flipped, found.quarter_turns) == (flipped, turns)
    assert agreement(laid, found) > 0.99


@pytest.mark.parametrize(("ratio_x", "ratio_y"), [(0.8, 0.8), (1.37, 1.37), (1.2, 1.2)])
def test_the_right_scale_scores_best(ratio_x, ratio_y):
    soft = resized(drawn_map(shift=(5, 9)), ratio_x, ratio_y)
    scales = [at(s, s) for s in np.arange(0.7, 1.6, 0.01)]
    best, second = SEARCH.best(Folds(soft), scales)[:2]
    assert best.scale_x == pytest.approx(ratio_x, rel=0.008)
    assert best.score >= second.score


def test_refining_finds_the_exact_scale_and_a_change_of_shape():
    soft = resized(drawn_map(amplitude=1.0), 1.214, 1.218)
    start = search(soft, at(1.21, 1.21))
    refined = SEARCH.refine(soft, start)
    assert refined.score > start.score
    assert refined.scale_x == pytest.approx(1.214, abs=0.0025)
    assert refined.scale_y == pytest.approx(1.218, abs=0.0025)
    assert off(refined, (0, 0)) < 0.2 < off(start, (0, 0))
    assert agreement(soft, refined) > 0.99


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.98, -0.17], [0.17, 0.98]],
        [[0.8, 0.61], [-0.6, 0.82]],
        [[1.2, 0.1], [0.03, 0.93]],
    ],
)
def test_any_shape_is_folded_and_refined(matrix):
    soft = warped(drawn_map(amplitude=1.0, height=320, width=480), np.array(matrix))
    exact = sync.shaped(PLAIN, np.array(matrix))
    assert sync.shape_of(exact) == pytest.approx(np.array(matrix))
    found = search(soft, exact)
    assert off(found, (0, 0)) < 0.3
    assert agreement(soft, found) > 0.98
    beside = search(soft, sync.shaped(PLAIN, np.array(matrix) @ [[1.005, 0.004], [-0.004, 1]]))
    refined = SEARCH.refine(soft, beside, doubt=0.0)
    assert refined.score > beside.score
    assert sync.shape_of(refined) == pytest.approx(np.array(matrix), abs=0.004)


def test_a_turned_tile_points_clockwise():
    turned = sync.shape_of(at(1.0, 1.0, rotation_deg=90.0))
    assert turned @ [1, 0] == pytest.approx([0, 1])  # along the row becomes down the column


def test_doubt_is_how_far_the_scale_may_be_off():
    soft = resized(drawn_map(amplitude=1.0), 1.02, 1.02)
    start = search(soft, at(1.008, 1.008))
    sure, doubting = (SEARCH.refine(soft, start, doubt=d).scale_x for d in (0.0, 0.015))
    assert doubting == pytest.approx(1.02, abs=0.002)
    assert abs(sure - 1.008) < abs(doubting - 1.008)


def test_a_bend_is_straightened_before_folding():
    soft = drawn_map(amplitude=1.0)
    bend = np.array([[1.02, 0.03, 2.0], [0.01, 0.97, -3.0], [2e-4, 1e-4, 1.0]])
    bent = cv2.warpPerspective(soft, bend, (WIDTH, HEIGHT))
    straight = at(1.0, 1.0, bend=tuple(bend.ravel().tolist()))
    assert agreement(bent, straight) > 0.97
    assert agreement(bent, PLAIN) < 0.7
    assert agreement(bent, SEARCH.refine(bent, straight)) > 0.97


def test_fractions_of_a_pixel_are_shifted_back():
    shifted = cv2.warpAffine(
        drawn_map(amplitude=1.0), np.float32([[1, 0, 10.5], [0, 1, 4.25]]), (WIDTH, HEIGHT)
    )
    found = search(shifted)
    assert found.shift == pytest.approx((4.25, 10.5), abs=0.2)
    assert agreement(shifted, found) > 0.98


def test_noise_and_other_keys_score_low():
    other = PilotSearch(lay_out(CarrierKey(name="other", secret=b"o" * 32)).pilot_pattern())
    noise = [search(drawn_map(amplitude=0, seed=seed)).score for seed in range(20)]
    wrong_key = [
        other.best(Folds(drawn_map(amplitude=0.1, seed=seed)), [PLAIN])[0].score
        for seed in range(20)
    ]
    assert max(noise + wrong_key) < 6
    assert np.median(noise) < 5
    assert search(drawn_map(amplitude=0.15)).score > 6


def test_folds_are_made_once(monkeypatch):
    folds, calls = Folds(drawn_map()), []
    monkeypatch.setattr(sync, "fold", lambda *a: calls.append(a) or fold(*a))
    first = SEARCH.best(folds, [PLAIN, at(1.1, 1.1)])
    assert SEARCH.best(folds, [PLAIN, at(1.1, 1.1)]) == first
    assert len(calls) == 2


def test_upright_undoes_what_orient_says():
    picture = np.zeros((SIDE, SIDE), np.float32)
    picture[3, 10] = 1
    for flipped in (False, True):
        for turns in range(4):
            placement = Placement(scale_x=1, scale_y=1, flipped=flipped, quarter_turns=turns)
            turned = sync.orient(picture, placement)
            row, column = sync.upright((3.5, 10.5), placement)
            assert turned[int(row // 1) % SIDE, int(column // 1) % SIDE] == 1


def test_outliers_are_cut_off():
    soft = drawn_map(amplitude=0)
    soft[5, 5] = 1000
    clipped = sync.clipped(soft)
    assert float(np.abs(clipped).max()) <= 3
    assert not sync.clipped(np.zeros((8, 8), np.float32)).any()


def test_tile_and_fold_fit():
    assert SIDE == TILE * FOLD_GRAIN


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [-1e12, -0.3, 0.0, 0.3, 1e12])
def test_one_level_everywhere_is_no_pilot(level):
    flat = np.full((HEIGHT, WIDTH), level, np.float32)
    assert SEARCH.best(Folds(flat), [PLAIN, at(1.13, 1.13)])[0].score < 4


def test_a_level_beside_a_mark_changes_nothing():
    soft = drawn_map(amplitude=0.2)
    plain, lifted = (search(soft + np.float32(level)) for level in (0.0, 0.1))
    assert lifted.score == pytest.approx(plain.score, rel=0.03)
    assert (lifted.flipped, lifted.quarter_turns) == (plain.flipped, plain.quarter_turns)

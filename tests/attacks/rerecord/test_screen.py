from __future__ import annotations

import numpy as np
import pytest

from attacks.rerecord.screen import (
    ROW_OPEN,
    STRIPE_CENTRES,
    STRIPE_OPEN,
    TABLE,
    Refresh,
    grid_table,
    linear_light,
)


def drawn_grid(fine: int, pixels: int, sigma: float, site: float) -> np.ndarray:
    """A red stripe in each of ``pixels``, ``fine`` steps a pixel, blurred and averaged by brute
    force.
    """
    place = (np.arange(fine * pixels) + 0.5) / fine
    lit = np.abs(place % 1 - STRIPE_CENTRES[0]) < STRIPE_OPEN / 2
    reach = np.arange(-3 * fine, 3 * fine + 1) / fine
    lens = np.exp(-(reach**2) / (2 * sigma**2))
    photosite = (np.abs(reach) <= site / 2).astype(float)
    light = lit / lit.mean()
    for kernel in (lens, photosite):
        light = np.convolve(np.pad(light, 3 * fine, mode="wrap"), kernel / kernel.sum(), "valid")
    return light[:fine]


def test_the_table_is_the_stripe_as_lens_and_photosite_see_it():
    table = grid_table(centre=STRIPE_CENTRES[0], opening=STRIPE_OPEN, sigma=0.2, site=0.5)
    drawn = drawn_grid(TABLE, 12, 0.2, 0.5)
    assert np.abs(table - drawn).max() < 0.05
    assert table.max() - table.min() > 0.3


def test_colours_shine_in_their_own_third_and_blur_takes_the_grid_away():
    for third, centre in enumerate(STRIPE_CENTRES):
        sharp = grid_table(centre=centre, opening=STRIPE_OPEN, sigma=0.05, site=0.2)
        assert int(sharp.argmax() * 3 / TABLE) == third
        assert sharp.mean() == pytest.approx(1, abs=1e-5)
    soft = grid_table(centre=0.5, opening=ROW_OPEN, sigma=0.8, site=0.2)
    assert np.abs(soft - 1).max() < 1e-3


def test_levels_become_light_by_the_gamma():
    table = linear_light(2.2, (1.1, 1.0, 0.9))
    assert table.shape == (1, 256, 3)
    assert table[0, 255] == pytest.approx([1.1, 1.0, 0.9])
    assert table[0, 128, 1] == pytest.approx((128 / 255) ** 2.2)


def test_a_picture_waits_for_the_next_refresh():
    refresh = Refresh(hertz=60, phase=0.25)
    assert refresh.shown_at(0.0) == pytest.approx(0.25 / 60)
    assert refresh.shown_at(1 / 24) == pytest.approx(3.25 / 60)
    # 24 pictures a second on a 60 Hz panel stay for three and two periods in turn.
    shown = [refresh.shown_at(n / 24) * 60 for n in range(9)]
    assert np.diff(shown).round().tolist() == [3, 2, 3, 2, 3, 2, 3, 2]


def test_rows_that_are_exposed_across_a_change_show_both_pictures():
    rows = np.linspace(0, 1, 5)
    shares = Refresh(hertz=1e9, phase=0).shares(
        [0.020], rows=rows, opens_s=rows * 0.020, exposure_s=0.010
    )
    assert shares.shape == (2, 5)
    assert shares.sum(axis=0) == pytest.approx(np.ones(5))
    assert shares[1] == pytest.approx([0, 0, 0, 0.5, 1.0], abs=1e-5)


def test_a_panel_that_draws_its_rows_late_shows_the_old_picture_at_the_bottom():
    rows = np.array([0.0, 1.0])
    shares = Refresh(hertz=60, phase=0).shares(
        [0.0], rows=rows, opens_s=np.zeros(2), exposure_s=0.010
    )
    assert shares[1].tolist() == [1.0, 0.0]

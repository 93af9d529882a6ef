"""Overlays cover the share that they name, where they say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.base import Desk
from attacks.overlay.graphics import (
    Border,
    Captions,
    Emoji,
    Facecam,
    Logo,
    Stickers,
    TextTiles,
    Ticker,
    corner_place,
    side_of,
)
from tests.painted import grey, painted, rgb

DESK = Desk(folder=None)


def flat(count=1, level=128):
    return painted([np.full((180, 320), level, np.uint8)] * count)


def touched(transform, clip=None):
    """(H, W) bool of the first frame: what the overlay changed."""
    frame = rgb(transform.apply(clip or flat(), DESK))[0].astype(int)
    return np.abs(frame - 128).max(axis=2) > 6


@pytest.mark.parametrize("area", [0.01, 0.05, 0.2])
def test_a_logo_covers_its_share_in_its_corner(area):
    for corner in range(4):
        mask = touched(Logo(area=area, corner=corner, opacity=1.0))
        assert mask.mean() == pytest.approx(area, abs=0.1 * area + 0.003)
        rows, columns = np.nonzero(mask)
        assert (rows.mean() > 90) == (corner >= 2)
        assert (columns.mean() > 160) == (corner % 2 == 1)


def test_half_a_logo_shows_what_is_behind():
    full, half = (
        grey(Logo(area=0.1, corner=0, opacity=o).apply(flat(), DESK))[0] - 128 for o in (1.0, 0.5)
    )
    assert np.abs(full).sum() > 10_000
    assert np.abs(half).sum() == pytest.approx(np.abs(full).sum() / 2, rel=0.05)


@pytest.mark.parametrize("kind", [Stickers, Emoji])
@pytest.mark.parametrize("area", [0.05, 0.2])
def test_shapes_cover_about_their_share_and_sway(kind, area):
    out = kind(area=area, seed=4)
    assert touched(out).mean() == pytest.approx(area, rel=0.35)
    one, two = grey(out.apply(flat(2), DESK))
    assert np.abs(one - two).max() > 20


def test_seeds_choose_shapes():
    one, two = (grey(Stickers(area=0.2, seed=s).apply(flat(), DESK))[0] for s in (1, 2))
    assert np.abs(one - two).mean() > 1


def test_captions_darken_a_band_and_are_new_after_two_seconds():
    out = Captions(height=0.14, opacity=0.7, seed=1)
    clip = flat(41)
    frames = grey(out.apply(clip, DESK))
    mask = touched(out)
    rows, columns = np.nonzero(mask)
    assert rows.min() >= 148
    assert rows.max() < 178
    assert mask[150:174, 20:300].mean() > 0.95
    assert columns.min() > 10
    # Letters are white, the band keeps 30 % of the picture.
    assert frames[0].max() > 220
    assert frames[0][152, 20] == pytest.approx(0.3 * 128, abs=4)
    assert np.array_equal(frames[0], frames[19])
    assert np.abs(frames[19] - frames[20]).max() > 100


def test_the_ticker_runs_to_the_left():
    one, two = grey(Ticker(height=0.1, seed=1).apply(flat(2), DESK))
    assert np.abs(one[:160] - 128).max() <= 1
    assert touched(Ticker(height=0.1, seed=1))[164:].mean() > 0.95
    # A fifth of 320 pixels a second, a tenth of a second apart: 6 pixels.
    assert np.abs(one[166:, 6:] - two[166:, :-6]).mean() < 3
    assert np.abs(one[166:] - two[166:]).mean() > 10


def test_the_border_is_as_wide_as_it_says():
    (frame,) = rgb(Border(width=0.1, colour=(240, 20, 20)).apply(flat(), DESK))
    assert frame[4, 100] == pytest.approx((240, 20, 20), abs=6)
    mask = touched(Border(width=0.1, colour=(240, 20, 20)))
    assert mask[:18].all()
    assert mask[:, -18:].all()
    assert not mask[22:-22, 22:-22].any()


def test_tiled_text_is_all_over_and_as_faint_as_asked():
    faint, strong = (
        grey(TextTiles(opacity=o, seed=1).apply(flat(), DESK))[0] - 128 for o in (0.25, 1.0)
    )
    assert faint.max() == pytest.approx(0.25 * 127, abs=3)
    assert strong.max() == pytest.approx(127, abs=3)
    for rows in np.split(strong, 3):
        for part in np.array_split(rows, 3, axis=1):
            assert 0.02 < (part > 20).mean() < 0.4


def test_somebody_talks_in_the_box():
    box = Facecam(area=0.1, corner=3)
    mask = touched(box)
    assert mask.mean() == pytest.approx(0.1, rel=0.1)
    assert not mask[:90].any()
    frames = rgb(box.apply(flat(4), DESK))
    assert np.abs(frames[0].astype(int) - frames[3]).max() > 20


def test_what_does_not_fit_is_made_smaller():
    wide = painted([np.full((32, 320), 128, np.uint8)])
    assert side_of(wide, 1.0) == 32
    left, top = corner_place(wide, 3, (32, 32))
    assert (left + 32 <= 320, top) == (True, 0)
    assert len(rgb(Emoji(area=0.9, seed=1).apply(wide, DESK))) == 1

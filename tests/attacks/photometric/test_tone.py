"""Tones and colours change by the amount that is asked for."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from attacks.base import Desk
from attacks.photometric.tone import (
    Brightness,
    Contrast,
    Gamma,
    Hue,
    Saturation,
    SCurve,
    ToneMap,
    Vignette,
    WhiteBalance,
)
from attacks.srgb import to_levels, to_light
from tests.painted import grey, painted, rgb

DESK = Desk(folder=None)
LEVELS = [10, 60, 100, 128, 180, 230]


def levels(transform):
    """What becomes of flat grey pictures of LEVELS."""
    clip = painted([np.full((16, 16), level, np.uint8) for level in LEVELS])
    return np.array([frame.mean() for frame in grey(transform.apply(clip, DESK))])


def colour(transform, red, green, blue):
    frame = np.full((16, 16, 3), (red, green, blue), np.uint8)
    (out,) = rgb(transform.apply(painted([frame]), DESK))
    return out.reshape(-1, 3).mean(axis=0)


X = np.array(LEVELS) / 255


@pytest.mark.parametrize(
    ("transform", "wanted"),
    [
        (Brightness(factor=1.5), np.minimum(1.5 * X, 1)),
        (Brightness(factor=0.5), 0.5 * X),
        (Contrast(factor=0.5), 0.5 + (X - 0.5) / 2),
        (Contrast(factor=2), np.clip(0.5 + (X - 0.5) * 2, 0, 1)),
        (Gamma(gamma=0.6), X**0.6),
        (Gamma(gamma=1.6), X**1.6),
        (ToneMap(stops=0), X),
        (Saturation(factor=3), X),
        (Hue(turn=0.3), X),
        (Vignette(depth=0), X),
    ],
    ids=repr,
)
def test_curves(transform, wanted):
    assert levels(transform) == pytest.approx(255 * wanted, abs=2.5)


def test_the_s_curve_pulls_apart_about_mid_grey():
    out = levels(SCurve(strength=4))
    assert out[0] < 10
    assert out[2] < 95
    assert out[3] == pytest.approx(128, abs=2)
    assert out[4] > 185


def test_tone_mapping_lifts_shadows_and_keeps_white():
    out = levels(ToneMap(stops=2))
    assert np.all(out[:4] > np.array(LEVELS[:4]) + 2)
    assert np.all(np.diff(out) > 0)
    assert colour(ToneMap(stops=2), 255, 255, 255) == pytest.approx([255] * 3, abs=1.5)


def test_white_balance_warms_cools_and_keeps_luma():
    warm, cold = (colour(WhiteBalance(kelvin=k), 120, 120, 120) for k in (3500, 12000))
    assert warm[0] > warm[1] > warm[2] + 20
    assert cold[2] > cold[1] > cold[0] + 10
    luma = [0.2126, 0.7152, 0.0722]
    for out in (warm, cold):
        assert to_light(out / 255) @ luma == pytest.approx(to_light(np.array(120 / 255)), rel=0.04)
    assert colour(WhiteBalance(kelvin=6504), 120, 120, 120) == pytest.approx([120] * 3, abs=1.5)


def test_a_candle_is_as_red_as_published():
    """sRGB of 2000 K by Charity's table of black bodies (CIE 1931): 255, 137, 14 at full red."""
    white = colour(WhiteBalance(kelvin=2000), 60, 60, 60) / 255
    light = to_light(white)
    shown = 255 * to_levels(light / light[0])
    assert shown[1] == pytest.approx(137, abs=8)
    assert shown[2] < 50


def test_light_and_levels_are_inverse():
    assert to_levels(to_light(X)) == pytest.approx(X)


def test_saturation_moves_from_grey():
    grey_level = 0.2126 * 150 + 0.7152 * 100 + 0.0722 * 80
    assert colour(Saturation(factor=0), 150, 100, 80) == pytest.approx([grey_level] * 3, abs=2)
    wanted = grey_level + 1.5 * (np.array([150, 100, 80]) - grey_level)
    assert colour(Saturation(factor=1.5), 150, 100, 80) == pytest.approx(wanted, abs=2.5)


@pytest.mark.parametrize("turn", [0.1, -0.25, 0.5])
def test_hue_turns(turn):
    hue, saturation, value = colorsys.rgb_to_hsv(180 / 255, 90 / 255, 60 / 255)
    wanted = 255 * np.array(colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value))
    assert colour(Hue(turn=turn), 180, 90, 60) == pytest.approx(wanted, abs=3)


def test_the_vignette_is_darkest_in_the_corners():
    (frame,) = grey(Vignette(depth=0.4).apply(painted([np.full((48, 64), 200, np.uint8)]), DESK))
    assert frame[24, 32] == pytest.approx(200, abs=1.5)
    assert frame[0, 0] == pytest.approx(120, abs=2)
    assert frame[0, 0] < frame[0, 32] < frame[12, 32] < frame[24, 32]

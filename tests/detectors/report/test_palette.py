"""Contrast by the formula of WCAG 2.2, from the very custom properties that the page has."""

from __future__ import annotations

import re

import pytest

from detectors.report.palette import PALETTE, SHAPES_ON, TEXT_ON
from detectors.report.style import STYLE


def contrast(one, other):
    """WCAG 2.2, "contrast ratio" and "relative luminance"."""

    def luminance(colour):
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def themes():
    """The custom properties of the style sheet, light and dark."""
    blocks = re.findall(r":root\{([^}]*)\}", STYLE)
    light, dark = (dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", block)) for block in blocks[:2])
    return {"light": light, "dark": dark}


THEMES = themes()


def test_the_formula():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_style_sheet_has_the_palette():
    assert THEMES["light"] == {role: both[0] for role, both in PALETTE.items()}
    assert THEMES["dark"] == {role: both[1] for role, both in PALETTE.items()}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT_ON, ids="-on-".join)
def test_text_can_be_read(theme, ink, ground):
    assert contrast(THEMES[theme][ink], THEMES[theme][ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("shape", "ground"), SHAPES_ON, ids="-on-".join)
def test_what_figures_say_can_be_seen(theme, shape, ground):
    assert contrast(THEMES[theme][shape], THEMES[theme][ground]) >= 3


def test_every_colour_is_named_once():
    """No rule has a colour of its own, which no test would look at."""
    rules = STYLE.split("*{box-sizing", 1)[1]
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", rules)
    used = set(re.findall(r"var\(--([\w-]+)\)", rules)) - {"tone"}
    assert used == set(PALETTE) - {"conflict", "ai", "edited", "none", "bad", "good"} | (
        used & set(PALETTE)
    )

"""The colours of a report by role, light and dark, and which of them must be told from which.

``tests/detectors/report/test_palette.py`` computes every contrast by the formula of WCAG 2.2
(success criteria 1.4.3 and 1.4.11): 4.5 for text, 3 for what carries meaning in figures.
"""

from __future__ import annotations

PALETTE: dict[str, tuple[str, str]] = {
    # role: (light, dark)
    "page": ("#f6f5f2", "#121417"),
    "card": ("#ffffff", "#1b1e23"),
    "sunk": ("#efeeea", "#24282e"),
    "ink": ("#16191d", "#eceef1"),
    "soft": ("#545a63", "#a8b0bb"),
    "rule": ("#dddbd5", "#343a42"),
    "edge": ("#82868c", "#7b8490"),
    "link": ("#0a55a8", "#8fbcf5"),
    "ai": ("#5a34b5", "#bda4ff"),
    "edited": ("#1553a8", "#8fbcf5"),
    "none": ("#4a515b", "#b4bcc7"),
    "conflict": ("#8f4700", "#ffb261"),
    "bad": ("#b3211c", "#ff9288"),
    "good": ("#17693f", "#6fd39c"),
    "marked": ("#15735c", "#4fc3a1"),
    "unmarked": ("#c23a2b", "#ff8273"),
    "unclear": ("#767b83", "#8c95a1"),
    "sound": ("#2b62b8", "#86b4f7"),
    "quality": ("#8a5a00", "#e9bd5b"),
}

TEXT_ON: tuple[tuple[str, str], ...] = tuple(
    (ink, ground)
    for ground in ("page", "card", "sunk")
    for ink in (
        *("ink", "soft", "link", "ai", "edited", "none", "conflict", "bad", "good"),
        *("marked", "sound", "quality"),
    )
) + tuple(("card", ground) for ground in ("bad", "ai", "edited", "none", "conflict", "good"))
"""Text (first) on a ground (second)."""

SHAPES_ON: tuple[tuple[str, str], ...] = tuple(
    (shape, ground)
    for ground in ("card", "sunk", "page")
    for shape in ("marked", "unmarked", "unclear", "sound", "quality", "edge", "bad", "link")
)
"""What carries meaning in a figure, or is a control's outline, on what surrounds it."""


def custom_properties() -> str:
    """The palette as CSS custom properties, dark where the reader prefers it."""
    light = "".join(f"--{role}:{both[0]};" for role, both in PALETTE.items())
    dark = "".join(f"--{role}:{both[1]};" for role, both in PALETTE.items())
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"@media print{{:root{{color-scheme:light;{light}}}}}\n"
    )

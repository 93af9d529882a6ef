"""How many clips have their sound on the impact, within so many milliseconds: an SVG of curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 32, 34, 34
_NAMES_X, _LINE = 430, 20  # where the names of the curves stand, below each other
_FARTHEST_MS = 500
_COLOURS = ("#1b6ca8", "#c2570c", "#4d7c0f", "#6b7280")


def sync_plot(curves: Mapping[str, Sequence[float]], *, bar_ms: float) -> str:
    """An SVG of shares of clips over errors in milliseconds, one curve for each name.

    ``bar_ms`` is drawn as a line. Names must not hold markup; a curve of no clips is left out.
    """
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="system-ui, sans-serif" font-size="13" fill="#374151">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20">Share of clips whose sound is no farther from the impact</text>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _y(share)
        parts.append(f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    for moment in range(0, _FARTHEST_MS + 1, 100):
        label = f"{moment} ms" if moment else "0"
        parts.append(
            f'<text x="{_x(moment)}" y="{_HEIGHT - 12}" text-anchor="middle">{label}</text>'
        )
    parts.append(
        f'<path d="M{_x(bar_ms)} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#9ca3af" '
        'stroke-dasharray="4 3"/>'
    )
    drawn = {name: sorted(errors) for name, errors in curves.items() if errors}
    for index, (name, errors) in enumerate(drawn.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        way = f"M{_x(0)} {_y(0)}"
        for rank, error in enumerate(errors, 1):
            way += f"H{_x(min(error, _FARTHEST_MS))}V{_y(rank / len(errors))}"
        way += f"H{_x(_FARTHEST_MS)}"
        parts.append(f'<path d="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _y(0.1) - _LINE * (len(drawn) - 1 - index)
        parts.append(f'<text x="{_NAMES_X}" y="{y}" fill="{colour}">{name} ({len(errors)})</text>')
    return "\n".join([*parts, "</svg>\n"])


def _x(error_ms: float) -> float:
    return round(_LEFT + error_ms / _FARTHEST_MS * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)

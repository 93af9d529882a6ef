"""A summary for the terminal, at most 100 columns wide."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attacks.bench.report.summary import Part, Summary, Tally

WIDTH = 100
_NAME = 18
_COLUMN = 26
_REASONS = 8


def to_text(summary: Summary) -> str:
    """Attacks × systems: how many messages came back, with intervals; controls below."""
    left = [f"{summary.done:,} cells done"]
    left += [f"{summary.skipped:,} skipped"] if summary.skipped else []
    left += [f"{summary.failed:,} failed"] if summary.failed else []
    blocks = [f"{len(summary.clips)} clips, {len(summary.systems)} systems, {', '.join(left)}"]
    for part in summary.parts:
        across = (WIDTH - _NAME) // (_COLUMN + 1)
        count = len(part.systems)
        blocks += [
            _block(part, range(first, min(first + across, count)))
            for first in range(0, count, across)
        ]
    blocks += [_reasons(summary)] if summary.without_result else []
    return "\n\n".join(blocks)


def _reasons(summary: Summary) -> str:
    """Why there are results missing, the commonest reasons first."""
    why = Counter((item.system, item.status, item.detail) for item in summary.without_result)
    lines = ["without a result, which no share above counts:"]
    for (system, status, detail), count in why.most_common(_REASONS):
        lines.append(_cut(f"  {count:,} {status}: {system}: {detail}", WIDTH))
    more = len(why) - _REASONS
    return "\n".join(
        [*lines, f"  … and {more:,} more reasons, in report.html"] if more > 0 else lines
    )


def _came_back(tally: Tally) -> str:
    if tally.recovered.trials or not (tally.failed or tally.skipped):
        return tally.recovered.text
    return "failed" if tally.failed else "skipped"


def _block(part: Part, columns: range) -> str:
    systems = [part.systems[column] for column in columns]
    lines = [_line(f"{part.medium}: recovered", [system.name for system in systems])]
    lines += [
        _line(row.attack, [_came_back(row.tallies[column]) for column in columns])
        for row in part.attacks
    ]
    lines.append("─" * len(lines[0]))
    lines += [
        _line("all attacks", [_came_back(system.marked) for system in systems]),
        _line("unmarked, read", [system.unmarked.message.bounded for system in systems]),
        _line("wrong key, read", [system.wrong_key.message.bounded for system in systems]),
        _line("forged, read", [system.forged.message.bounded for system in systems]),
        _line("PSNR, dB", [_number(system.quality["psnr_db"]) for system in systems])
        if part.medium == "video"
        else _line("SNR, dB", [_number(system.quality["snr_db"]) for system in systems]),
        _line("message, bits", [_number(system.message_bits) for system in systems]),
    ]
    return "\n".join(lines)


def _line(name: str, values: Sequence[str]) -> str:
    return f"{_cut(name, _NAME):{_NAME}}" + "".join(
        f" {_cut(value, _COLUMN):>{_COLUMN}}" for value in values
    )


def _cut(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"

"""A summary for the terminal, at most 100 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attacks.bench.report.summary import Part, Summary

WIDTH = 100
_NAME = 18
_COLUMN = 26


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
    return "\n\n".join(blocks)


def _block(part: Part, columns: range) -> str:
    systems = [part.systems[column] for column in columns]
    lines = [_line(f"{part.medium}: recovered", [system.name for system in systems])]
    lines += [
        _line(row.attack, [row.tallies[column].recovered.text for column in columns])
        for row in part.attacks
    ]
    lines.append("─" * len(lines[0]))
    lines += [
        _line("all attacks", [system.marked.recovered.text for system in systems]),
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

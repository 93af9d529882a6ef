"""Quality against robustness: a point for each system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.bench.report.curves import LINES, marker
from attacks.bench.report.markup import Markup, tag, text

if TYPE_CHECKING:
    from attacks.bench.report.summary import Part

_LEFT, _TOP, _WIDE, _HIGH = 48, 12, 440, 220
_SCALES = {
    "vmaf_neg": "VMAF-NEG of the marked clip",
    "psnr_db": "PSNR of the marked clip, dB",
    "snr_db": "SNR of the marked sound, dB",
}


def plane(part: Part) -> Markup:
    """VMAF-NEG where every system has it, else PSNR, or SNR for sound; nothing without any."""
    scales = ("snr_db",) if part.medium == "audio" else ("vmaf_neg", "psnr_db")
    for scale in scales:
        points = [
            (index, system.name, quality, system.marked.recovered)
            for index, system in enumerate(part.systems)
            if (quality := system.quality[scale]) is not None and system.marked.recovered.trials
        ]
        if points and (len(points) == len(part.systems) or scale == scales[-1]):
            break
    else:
        return tag("p", "No system has both a measured quality and a finished cell.")
    qualities = [quality for _, _, quality, _ in points]
    least, most = min(qualities) - 1.0, max(qualities) + 1.0

    def x(quality: float) -> float:
        return _LEFT + _WIDE * (quality - least) / (most - least)

    def y(share: float) -> float:
        return _TOP + _HIGH * (1 - share)

    drawing = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        drawing.append(tag("path", d=f"M{_LEFT} {y(share):.1f} H{_LEFT + _WIDE}", class_="grid"))
        label = f"{100 * share:.0f} %"
        drawing.append(tag("text", label, x=_LEFT - 6, y=f"{y(share) + 4:.1f}", text_anchor="end"))
    for step in range(5):
        value = least + (most - least) * step / 4
        at = f"{x(value):.1f}"
        drawing.append(tag("text", f"{value:.1f}", x=at, y=_TOP + _HIGH + 17, text_anchor="middle"))
    drawing.append(
        tag(
            "text",
            text(_SCALES[scale]),
            x=_LEFT + _WIDE / 2,
            y=_TOP + _HIGH + 36,
            text_anchor="middle",
        )
    )
    spoken = []
    for index, name, quality, count in points:
        span = count.interval
        if span is None or count.share is None:
            continue
        across, height = x(quality), y(count.share)
        said = f"{name}: {quality:.1f}, {count.text}"
        spoken.append(said)
        bar = f"M{across:.1f} {y(span.low):.1f} V{y(span.high):.1f}"
        drawing.append(tag("path", d=bar, class_=f"line c{index % LINES}"))
        drawing.append(marker(across, height, index, said))
        # A name beside its point, on the side where there is room.
        right = across < _LEFT + _WIDE / 2
        drawing.append(
            tag(
                "text",
                text(name),
                x=f"{across + (9 if right else -9):.1f}",
                y=f"{height + 4:.1f}",
                text_anchor="start" if right else "end",
                class_="name",
            )
        )
    return tag(
        "svg",
        *drawing,
        viewBox=f"0 0 {_LEFT + _WIDE + 12} {_TOP + _HIGH + 44}",
        role="img",
        aria_label=f"messages recovered against {_SCALES[scale]}: " + "; ".join(spoken),
        class_="plane",
    )

"""The numbers of a report: pure data, made of results and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from attacks.bench.report.count import Count, count_of
from attacks.bench.results import Cell, Master
from attacks.bench.statistics import Pairing, compare, middle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attacks.bench.results import Arm

QUALITY = (
    "psnr_db",
    "worst_block_psnr_db",
    "flat_rms",
    "ssim",
    "ms_ssim",
    "vmaf",
    "vmaf_neg",
    "vmaf_neg_p1",
    "flicker",
    "snr_db",
    "overhead",
    "marked_per_s",
)
"""The fields of a :class:`~attacks.bench.results.Master` that say what marking costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a system read from some cells. ``bit_accuracy`` is a mean, over ``bit_cells`` cells;
    ``seconds_needed`` the median of the cells whose message came back.
    """

    recovered: Count
    present: Count
    bit_accuracy: float | None
    bit_cells: int
    seconds_needed: float | None
    skipped: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How often a system claims what is not there: a message, or merely a mark."""

    system: str
    attack: str
    message: Count
    presence: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """A system over all clips: ``quality`` are medians over the clips that it marked, by the names
    of :data:`QUALITY`; None: not measured.
    """

    name: str
    medium: str
    message_bits: int | None
    frames: float | None
    clips: int
    quality: dict[str, float | None]
    marked: Tally
    unmarked: Control
    wrong_key: Control
    forged: Control


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One strength of an attack; ``tallies`` in the order of the part's systems."""

    strength: float
    tallies: tuple[Tally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackRow:
    """An attack over all its strengths (``tallies``, in the order of the part's systems) and at
    each (``steps``, in the order of the ladder).
    """

    family: str
    attack: str
    unit: str
    tallies: tuple[Tally, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Two systems over the cells that both have."""

    first: str
    second: str
    pairing: Pairing


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The systems that mark pictures, or those that mark sound: they meet different attacks."""

    medium: str
    systems: tuple[SystemRow, ...]
    attacks: tuple[AttackRow, ...]
    forgeries: tuple[Control, ...]
    duels: tuple[Duel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """``done``, ``skipped``, ``failed``: cells."""

    clips: tuple[str, ...]
    parts: tuple[Part, ...]
    done: int
    skipped: int
    failed: int
    masters: tuple[Master, ...]
    cells: tuple[Cell, ...]

    @property
    def systems(self) -> tuple[SystemRow, ...]:
        return tuple(system for part in self.parts for system in part.systems)

    @property
    def without_result(self) -> tuple[Master | Cell, ...]:
        """What was skipped or failed, masters first."""
        everything: list[Master | Cell] = [*self.masters, *self.cells]
        return tuple(item for item in everything if item.status != "done")


def summarize(results: Iterable[Master | Cell]) -> Summary:
    """The numbers of a run. Of results under the same key the last one counts."""
    latest: dict[tuple[type, str], Master | Cell] = {}
    for item in results:
        latest[type(item), item.key] = item
    masters = tuple(item for item in latest.values() if isinstance(item, Master))
    cells = tuple(item for item in latest.values() if isinstance(item, Cell))
    medium = {cell.system: "audio" if cell.family == "audio" else "video" for cell in cells}
    medium |= {master.system: master.medium for master in masters}
    everything: list[Master | Cell] = [*masters, *cells]
    names = dict.fromkeys(item.system for item in everything)
    parts = []
    for kind in dict.fromkeys(sorted(medium.values(), reverse=True)):
        systems = [name for name in names if medium[name] == kind]
        parts.append(_part(kind, systems, masters, cells))
    return Summary(
        clips=tuple(dict.fromkeys(item.clip for item in everything)),
        parts=tuple(parts),
        done=sum(cell.status == "done" for cell in cells),
        skipped=sum(cell.status == "skipped" for cell in cells),
        failed=sum(cell.status == "failed" for cell in cells),
        masters=masters,
        cells=cells,
    )


def _part(medium: str, names: list[str], masters: Sequence[Master], cells: Sequence[Cell]) -> Part:
    cells = [cell for cell in cells if cell.system in names]
    marked = [cell for cell in cells if cell.arm == "marked"]
    by_attack: dict[str, list[Cell]] = {}
    for cell in marked:
        by_attack.setdefault(cell.attack, []).append(cell)
    families = list(dict.fromkeys(cell.family for cell in marked))
    groups = sorted(by_attack.values(), key=lambda group: families.index(group[0].family))
    forgeries = dict.fromkeys(cell.attack for cell in cells if cell.arm == "forged")
    return Part(
        medium=medium,
        systems=tuple(_system(name, medium, masters, cells) for name in names),
        attacks=tuple(_attack(group, names) for group in groups),
        forgeries=tuple(
            _control(name, "forged", cells, attack) for attack in forgeries for name in names
        ),
        duels=tuple(_duel(a, b, marked) for a, b in combinations(names, 2)),
    )


def _system(name: str, medium: str, masters: Sequence[Master], cells: Sequence[Cell]) -> SystemRow:
    own = [master for master in masters if master.system == name and master.status == "done"]
    return SystemRow(
        name=name,
        medium=medium,
        message_bits=own[0].message_bits if own else None,
        frames=middle(master.frames for master in own),
        clips=len({master.clip for master in own}),
        quality={field: middle(getattr(master, field) for master in own) for field in QUALITY},
        marked=tally([cell for cell in cells if cell.system == name and cell.arm == "marked"]),
        unmarked=_control(name, "unmarked", cells),
        wrong_key=_control(name, "wrong_key", cells),
        forged=_control(name, "forged", cells),
    )


def _control(system: str, arm: Arm, cells: Sequence[Cell], attack: str | None = None) -> Control:
    own = [
        cell
        for cell in cells
        if cell.system == system and cell.arm == arm and attack in (None, cell.attack)
    ]
    found = tally(own)
    return Control(
        system=system, attack=attack or "", message=found.recovered, presence=found.present
    )


def _attack(group: list[Cell], names: list[str]) -> AttackRow:
    steps = []
    for strength in dict.fromkeys(cell.strength for cell in group):
        here = [cell for cell in group if cell.strength == strength]
        steps.append(Step(strength=strength, tallies=_by_system(here, names)))
    first = group[0]
    return AttackRow(
        family=first.family,
        attack=first.attack,
        unit=first.unit,
        tallies=_by_system(group, names),
        steps=tuple(steps),
    )


def _by_system(cells: list[Cell], names: list[str]) -> tuple[Tally, ...]:
    return tuple(tally([cell for cell in cells if cell.system == name]) for name in names)


def tally(cells: Sequence[Cell]) -> Tally:
    """What was read in the ``cells`` that were done."""
    done = [cell for cell in cells if cell.status == "done"]
    bits = [cell.bit_accuracy for cell in done if cell.bit_accuracy is not None]
    return Tally(
        recovered=count_of(cell.recovered for cell in done),
        present=count_of(cell.present for cell in done),
        bit_accuracy=sum(bits) / len(bits) if bits else None,
        bit_cells=len(bits),
        seconds_needed=middle(cell.seconds_needed for cell in done if cell.recovered),
        skipped=sum(cell.status == "skipped" for cell in cells),
        failed=sum(cell.status == "failed" for cell in cells),
    )


def _duel(first: str, second: str, marked: Sequence[Cell]) -> Duel:
    mine, theirs = (outcomes(marked, name) for name in (first, second))
    shared = [(mine[place], theirs[place]) for place in mine if place in theirs]
    return Duel(first=first, second=second, pairing=compare(shared))


def outcomes(cells: Iterable[Cell], system: str) -> dict[tuple[object, ...], bool]:
    """Whether the message came back, by what the cell did and to which clip."""
    return {
        (cell.clip, cell.arm, cell.attack, cell.strength, cell.seed): cell.recovered
        for cell in cells
        if cell.system == system and cell.status == "done" and cell.recovered is not None
    }

"""How often something is found where nothing is: unmarked clips, and marked ones under wrong keys.

Each clip is heard once, as it is and with a mark under a key of its own; then random keys search
what was heard, each the whole search that a real verification makes. The upper limit is
Clopper and Pearson's, one-sided, at 95 % confidence (3 over the number of trials when nothing was
found). The stated bound is what each single search claims: words tried × 2⁻⁴⁸. Every search is also
held against --known marks that it might recognise.

With --minutes, as many of the keys are tried as there is time for, the time shared evenly among
clips and kinds. To use several cores, start several of these with different --seed, each with
OPENCV_FOR_THREADS_NUM=1 and OMP_NUM_THREADS=1: more threads than cores hinder each other.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from attacks.bench.statistics import upper_bound
from benchmarks.footage import KEY, PAYLOAD, drawn_or, encode, pictures, read_mark
from benchmarks.tables import markdown
from provenance.keys import CarrierKey
from provenance.payload import TAG_BITS, Payload
from provenance.programs import run_program
from provenance.video import open_media
from provenance.watermark import too_small
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.evidence import Evidence
from provenance.watermark.inset import Insets
from provenance.watermark.recognition import recognise
from provenance.watermark.search import KeySearch
from provenance.watermark.slants import slants
from provenance.watermark.sync import clipped
from provenance.watermark.tile import CELLS_PER_SHORT_SIDE, cell_size, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``tried``: words of each search. ``found``: how many searches found something."""

    tried: list[int]
    found: int
    wall_s: float


def _hear(source: Path, seconds: float) -> tuple[Evidence, int, int]:
    with open_media(source) as reader:
        video = reader.info.video
        evidence = Evidence(
            MatchedFilterExtractor(), width=video.width, height=video.height, pictures=True
        )
        for time_s, picture in pictures(reader, seconds):
            evidence.add(picture.luma, time_s=time_s, bits=picture.bits)
    evidence.flush()
    return evidence, video.width, video.height


def _search(
    source: Path,
    keys: Iterable[CarrierKey],
    seconds: float,
    *,
    until_s: float,
    known: Sequence[Payload],
) -> Outcome:
    """Whether any of ``keys`` finds something; no new one is tried from ``until_s`` on."""
    evidence, width, height = _hear(source, seconds)
    maps = evidence.folds()
    fine = clipped(evidence.fine_total())
    ratio = cell_size(width, height) * CELLS_PER_SHORT_SIDE / min(width, height)
    slanted = list(slants(evidence.maps(), fine, evidence.fine_total, ratio=ratio))
    small = Insets(fine)
    tried: list[int] = []
    found = 0
    started = time.perf_counter()
    for key in keys:
        if time.perf_counter() >= until_s and tried:
            break
        search = KeySearch(lay_out(key), width, height)
        payload = (
            search.look(maps, "any", patient=True)
            or search.look_slanted(slanted)
            or search.look_small(small)
            or recognise(search.unread(), known, key.secret)
        )
        found += payload is not None
        tried.append(search.tried)
    return Outcome(tried=tried, found=found, wall_s=time.perf_counter() - started)


def _row(name: str, kind: str, outcome: Outcome) -> list[str]:
    trials = len(outcome.tried)
    limit = upper_bound(outcome.found, trials)
    most = max(outcome.tried)
    return [
        name,
        kind,
        str(trials),
        str(outcome.found),
        f"{limit:.2g}",
        f"{most * 2.0**-TAG_BITS:.1e}",
        f"{sum(outcome.tried):,}",
        f"{outcome.wall_s / trials * 1000:.0f}",
    ]


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys", default=100, show_default=True, help="Random keys for each clip and kind.")
@click.option("--seconds", default=5.0, show_default=True, help="Use the start of each clip.")
@click.option("--seed", default=0, show_default=True, help="Of the random keys.")
@click.option("--known", default=1000, show_default=True, help="Marks that might be recognised.")
@click.option("--minutes", type=float, help="End after about so long, with the keys tried by then.")
def main(
    clips: tuple[Path, ...],
    keys: int,
    seconds: float,
    seed: int,
    known: int,
    minutes: float | None,
) -> None:
    began_s = time.perf_counter()
    rng = np.random.default_rng(seed)
    ids = np.random.default_rng([seed, 1]).integers(1 << 53, size=known)
    marks = [Payload(model=1, day=PAYLOAD.day, content_id=int(number)) for number in ids]
    rows: list[list[str]] = []
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        footage = drawn_or(clips, folder, seconds=seconds)
        for clip in footage:
            with open_media(clip) as reader:
                if too_small(reader.info.video.width, reader.info.video.height):
                    raise click.BadParameter(f"{clip.name} is too small to hold a mark")
            marked = encode(clip, folder / "marked.mp4", seconds=seconds, marked=True)
            # A clip in which the right key finds nothing would prove nothing about wrong ones.
            readable = read_mark(marked, keys=[KEY]).payload == PAYLOAD
            kinds = (
                ("unmarked", clip),
                ("wrong key" if readable else "wrong key (the right one fails too)", marked),
            )
            for kind, source in kinds:
                drawn = [CarrierKey(name="random", secret=rng.bytes(32)) for _ in range(keys)]
                share = (len(outcomes) + 1) / (2 * len(footage))
                until_s = math.inf if minutes is None else began_s + 60 * minutes * share
                outcome = _search(source, drawn, seconds, until_s=until_s, known=marks)
                outcomes.append(outcome)
                rows.append(_row(clip.stem, kind, outcome))
                trials = len(outcome.tried)
                click.echo(f"{clip.stem}, {kind}: {outcome.found} of {trials}", err=True)
    total = Outcome(
        tried=[count for outcome in outcomes for count in outcome.tried],
        found=sum(outcome.found for outcome in outcomes),
        wall_s=sum(outcome.wall_s for outcome in outcomes),
    )
    rows.append(_row("all", "", total))
    header = ["clip", "kind", "trials", "found", "true rate below (95 %)"]
    header += ["stated bound a file, most", "words tried", "ms a trial"]
    click.echo(markdown(header, rows))


if __name__ == "__main__":
    run_program(main)

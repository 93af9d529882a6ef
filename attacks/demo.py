"""``make demo``: the main job from end to end, on a clip that the project draws itself.

Drawn, stamped, handled by others in several ways, verified each time. The files stay in ``demo/``.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from attacks.scene import SOUND_RATE, draw_frames, draw_sound
from attacks.single import attack
from detectors.output import write_whole
from detectors.report import percent, to_html, to_text
from detectors.verification import verify
from provenance import stamp
from provenance.clip import AudioSpec, VideoSpec
from provenance.config import LtxCommand
from provenance.keys import ensure_identity
from provenance.store import open_store
from provenance.video import EncodeSettings, MediaWriter, picture_from_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.result import Result

WIDTH, HEIGHT, RATE = 1280, 720, Fraction(30)
# What is done, which attack that is, and how hard.
_CHANGES = (
    ("metadata stripped (remux)", "identity", None),
    ("re-encoded at CRF 28", "x264", 28),
    ("cropped to 70 % a side", "crop", 0.7),
    ("mirrored", "hflip", None),
    ("sent through a messenger", "whatsapp", None),
    ("filmed off a screen (simulated)", "rerecord", 1),
)
PROMPT = "a red ball bouncing over hills at dusk"


@click.command(name="demo", cls=LtxCommand)
@click.option(
    "-o",
    "--output",
    default="demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.",
)
@click.option("--seconds", default=6.0, show_default=True, type=click.FloatRange(1, 60))
@click.option("--clip", type=click.Path(path_type=Path), help="Take this clip, draw none.")
def main(output: Path, seconds: float, clip: Path | None) -> None:
    """Draw a clip, mark and sign it, let others change it, and verify what is left."""
    from datetime import UTC, datetime

    output.mkdir(parents=True, exist_ok=True)
    identity, _ = ensure_identity(output / "keys", now=datetime.now(UTC))
    original = clip or output / "1-original.mp4"
    stamped = output / "2-stamped.mp4"
    with open_store(output / "manifests.sqlite") as store:
        if clip is None:
            _draw(original, seconds)
        with click.progressbar(length=100, label="Marking, signing", file=sys.stderr) as bar:
            made = stamp(
                original,
                stamped,
                model="ltx-2.3",
                prompt=PROMPT,
                identity=identity,
                store=store,
                if_marked="refuse",
                progress=lambda share: bar.update(int(100 * share) - bar.pos),
            )
            bar.update(100 - bar.pos)
        files = {"nothing: as stamped": stamped, **_handle(stamped, output)}
        files["never stamped: the original"] = original
        results = {
            what: verify(path, keys=output / "keys", store=store, storyboard=True)
            for what, path in _shown(files, "Verifying")
        }
    quality = made.carried.quality
    assert quality is not None
    click.echo(f"\n$ ltx-verify {stamped}\n")
    click.echo(to_text(results["nothing: as stamped"]))
    click.echo(
        f"The mark: {quality.psnr_db:.1f} dB luma PSNR, "
        f"{quality.worst_block_psnr_db:.1f} dB in the worst 32×32 block\n"
    )
    click.echo(_table(results))
    write_whole(output / "report.html", to_html(list(results.values()), now=datetime.now(UTC)))
    click.echo(f"\nThe files are in {output}/ for you to look at, with report.html about them.")
    wrong = [what for what, result in results.items() if not _expected(what, result)]
    if wrong:
        raise click.ClickException(f"not as expected: {'; '.join(wrong)}")


def _draw(path: Path, seconds: float) -> None:
    count = round(seconds * RATE)
    video = VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)
    frames = draw_frames(
        count, width=WIDTH, height=HEIGHT, rate=RATE, rng=np.random.default_rng(2026)
    )
    audio = AudioSpec(sample_rate=SOUND_RATE, channels=2)
    with (
        click.progressbar(frames, length=count, label="Drawing a clip  ", file=sys.stderr) as bar,
        MediaWriter(
            path, video=video, audio=audio, settings=EncodeSettings(crf=12, preset="veryfast")
        ) as media,
    ):
        for index, frame in enumerate(bar):
            media.write(picture_from_rgb(frame, time=index / RATE, spec=video))
        media.write_audio(draw_sound(seconds))


def _handle(stamped: Path, folder: Path) -> dict[str, Path]:
    """What others do to a video: each way a file of its own, without our manifest."""
    made = {what: folder / f"{n}-{name}.mp4" for n, (what, name, _) in enumerate(_CHANGES, 3)}
    with click.progressbar(_CHANGES, label="Changing it     ", file=sys.stderr) as bar:
        for what, name, strength in bar:
            attack(stamped, made[what], name, strength=strength, seed=2026)
    return made


def _shown(files: dict[str, Path], label: str) -> Iterator[tuple[str, Path]]:
    with click.progressbar(files.items(), label=f"{label:16}", file=sys.stderr) as bar:
        yield from bar


def _expected(what: str, result: Result) -> bool:
    marked = "never stamped" not in what
    return result.watermark.detected == marked and (
        result.verdict == ("ai_generated" if marked else "no_evidence")
    )


def _table(results: dict[str, Result]) -> str:
    rows = [("what was done to it", "watermark", "made", "credentials", "tampered", "verdict")]
    for what, result in results.items():
        mark, manifest = result.watermark, result.manifest
        found = f"{mark.model_name} {percent(mark.confidence)}" if mark.confidence else "none"
        credentials = f"{manifest.source}, {manifest.state}" if manifest.present else "none"
        tampered = {None: "not checked", True: "yes", False: "no"}[result.tampered]
        rows.append((what, found, mark.date or "-", credentials, tampered, result.verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


if __name__ == "__main__":
    main()

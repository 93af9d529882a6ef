"""What the tests of stamping share: one small clip, the commands in this process, what stands."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from detectors.cli import main as verify_main
from provenance.cli import main as stamp_main
from provenance.keys import ensure_identity
from provenance.video import EncodeSettings, open_media
from provenance.watermark import ClipDetector
from tests.drawn import draw_clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.testing import Result

    from provenance.keys import CarrierKey, Identity
    from provenance.watermark import Detection

ROOT = Path(__file__).parents[1]
COMMANDS = {"ltx-stamp": "provenance.cli", "ltx-verify": "detectors.cli"}
WIDTH, HEIGHT, RATE, FRAMES = 256, 192, Fraction(12), 30
QUICK = EncodeSettings(preset="ultrafast", crf=18, threads=1)
PROMPT = "a red panda on a tram"


def small_clip(path: Path, *, channels: int | None = 2, seed: int = 0) -> Path:
    """2.5 s, 256 × 192, with a tone: about the least that carries a mark."""
    return draw_clip(
        path,
        frames=FRAMES,
        width=WIDTH,
        height=HEIGHT,
        rate=RATE,
        channels=channels,
        settings=EncodeSettings(preset="ultrafast", crf=12, threads=1),
        seed=seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A folder with the clip ``clip``, keys and a store, and the commands that work on it."""

    folder: Path
    clip: Path

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def store(self) -> Path:
        return self.folder / "store.sqlite"

    def with_keys(self) -> Desk:
        ensure_identity(self.keys, now=datetime.now(UTC))
        return self

    def stamp(self, *options: object, source: object = None, output: object = None) -> Result:
        """``ltx-stamp`` on the clip, quickly; ``options`` may overrule what comes before."""
        source = self.clip if source is None else source
        output = self.folder / "out.mp4" if output is None else output
        quick = () if "--preset" in options else ("--preset", "ultrafast", "--crf", 18)
        named = ("--model", "ltx-2.3") if "--model" not in options else ()
        places = ("--keys", self.keys, "--store", self.store)
        return self._run(
            stamp_main, source, "-o", output, *named, *places, "--threads", 1, *quick, *options
        )

    def stamped(self, *options: object, readable: bool = True, **paths: object) -> dict:
        """The facts of a stamp that must be made, with a mark that is read back, or is not."""
        result = self.stamp(*options, "--format", "json", **paths)
        assert result.exit_code == (0 if readable else 1), result.output
        facts = json.loads(result.stdout)
        assert facts["readable"] is readable
        return facts

    def verify(self, *options: object) -> Result:
        return self._run(verify_main, "--keys", self.keys, "--store", self.store, *options)

    def verified(self, path: Path, *options: object) -> dict:
        """The facts that ``ltx-verify`` gives, whatever they are."""
        return json.loads(self.verify(path, "--format", "json", *options).stdout)

    @staticmethod
    def _run(command, *arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments])


def names(folder: Path) -> set[str]:
    """All that lies in a folder, hidden files too, but for the side files of the store."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))}


def read_mark(path: Path, keys: Sequence[CarrierKey]) -> Detection:
    with open_media(path) as media:
        video = media.info.video
        detector = ClipDetector(keys=keys, width=video.width, height=video.height)
        for picture in media.pictures():
            detector.add(picture.luma, time_s=float(picture.time), bits=picture.bits)
        return detector.finish()


def packets_of(path: Path, kind: str) -> list[bytes]:
    """The coded packets of the first track of ``kind``, video or audio."""
    import av

    with av.open(str(path)) as media:
        track = next(stream for stream in media.streams if stream.type == kind)
        return [bytes(packet) for packet in media.demux(track) if packet.size]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A stamp that was made once, for whoever only looks at it."""

    desk: Desk
    out: Path
    facts: dict


def identity_of(desk: Desk) -> Identity:
    from provenance.keys import load_identity

    return load_identity(desk.keys)


def command(name: str, *arguments: object, before: str = "") -> list[str]:
    """The command as a process of its own; the two lines are what its console script does."""
    code = f"{before}\nimport sys\nfrom {COMMANDS[name]} import main\nsys.exit(main())"
    return [sys.executable, "-c", code, *map(str, arguments)]

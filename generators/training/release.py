"""``python -m generators.training.release``: put trained weights where the package ships them.

Copies the transformer's weights beside those of the codecs in ``generators/weights``, rounds all
that lies there to 8 bits, and describes it in ``<model>.json``: sizes, checksums, and the words
that the captions taught.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from generators.bundle import Part, read_bundle, write_bundle
from generators.causal_dit import CausalDiT
from generators.dit import DiT
from generators.presets import PRESETS, STREAMING, config_as_json, preset, streaming_preset
from generators.quantised import pack
from generators.scenes import caption, draw_scene
from generators.text import words_of
from generators.weight_file import load_weights, read_weights, write_tensors
from provenance.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generators.causal_dit import CausalConfig
    from generators.dit import DiTConfig

_SCENES = 20_000
_SIZE = "ltx-2.3-small"
_PARTS: dict[Part, str] = {
    "video_codec": "video_codec.safetensors",
    "audio_codec": "audio_codec.safetensors",
    "superres": "superres.safetensors",
}


def taught_words(scenes: int = _SCENES) -> frozenset[str]:
    """All words of the captions of so many scenes: a word that is not among them was never seen."""
    rng = random.Random(0)  # noqa: S311
    found: set[str] = set()
    for _ in range(scenes):
        found.update(words_of(caption(draw_scene(rng, duration_s=4.0), rng)))
    return frozenset(found)


def release(
    dit: Path, folder: Path, *, about: str, model: str = "ltx-2.3", size: str = _SIZE
) -> Path:
    """Describe ``dit`` and the codecs that lie in ``folder``; returns the description.

    All in ``folder`` are stored as 8-bit integers then; the description of another model that uses
    them has to be made anew where that changes them.
    """
    if size in STREAMING:
        config: DiTConfig | CausalConfig = streaming_preset(size)
        load_weights(dit, CausalDiT(streaming_preset(size)))  # fits, or raises
    else:
        config = preset(size)
        load_weights(dit, DiT(preset(size)))
    target = folder / f"{model}-dit.safetensors"
    if dit.resolve() != target.resolve():  # new codecs beside the transformer that ships
        shutil.copyfile(dit, target)
    for path in sorted(folder.glob("*.safetensors")):
        write_tensors(path, pack(read_weights(path)))  # what is packed already stays as it is
    files: dict[Part, Path] = {"dit": target}
    files |= {part: folder / name for part, name in _PARTS.items() if (folder / name).is_file()}
    if size in STREAMING:  # it makes no sound, and enlarges as fast as a CPU can
        files.pop("audio_codec", None)
        files.pop("superres", None)
    description = folder / f"{model}.json"
    write_bundle(
        description,
        model=model,
        about=about,
        trained=True,
        size=config_as_json(config),
        vocabulary=taught_words(),
        files=files,
    )
    return description


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m generators.training.release", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--dit", type=Path, required=True, help="dit.safetensors of a run")
    parser.add_argument("--folder", type=Path, default=Path("generators/weights"))
    parser.add_argument("--preset", choices=sorted([*PRESETS, *STREAMING]), default=_SIZE)
    parser.add_argument("--model", default="ltx-2.3")
    parser.add_argument("--about", required=True, help="a line on data, steps and what it can do")
    given = parser.parse_args(arguments)
    path = release(given.dit, given.folder, about=given.about, model=given.model, size=given.preset)
    bundle = read_bundle(path)
    total = sum(file.bytes for file in bundle.files.values())
    sys.stdout.write(f"{path}: {len(bundle.vocabulary)} words, {total / 1e6:.1f} MB\n")


if __name__ == "__main__":
    run_program(main)

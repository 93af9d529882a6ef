"""Clips to test a video pipeline with: fast, dark, crowded, still; at 50, 24, 30 and 15 frames/s.

python examples/pipeline_clips.py clips/
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from generators import Request, Watch, open_generator
from generators.base import parse_size
from provenance import ProvenanceWriter

CASES = {
    "fast-motion": ("fast-moving sports car on a race track, high speed", 50),
    "low-light": ("dark room with a single candle, minimal lighting", 24),
    "crowded-scene": ("busy city intersection with many pedestrians and vehicles", 30),
    "static-scene": ("empty conference room, completely still, security camera angle", 15),
}
SLOWEST = 24  # frames a second that the model makes; below, frames are left out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="ltx-2.3", help="a name, or a folder of weights")
    parser.add_argument("--resolution", default="480p")
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()

    generator = open_generator(given.model)
    given.folder.mkdir(parents=True, exist_ok=True)
    width, height = parse_size(given.resolution)
    for name, (prompt, rate) in CASES.items():
        every = 1 if rate >= SLOWEST else 2
        request = Request(
            prompt=prompt,
            width=width,
            height=height,
            rate=Fraction(rate * every),
            duration_s=given.seconds,
            audio=False,
        )
        video, _ = generator.specs(request)
        path, seen = given.folder / f"{name}.mp4", 0
        with ProvenanceWriter(
            path, replace(video, rate=Fraction(rate)), model=generator.model, prompt=prompt
        ) as writer:
            for chunk in generator.generate(request, Watch()):
                kept = chunk.frames[-seen % every :: every]
                seen += len(chunk.frames)
                if len(kept):
                    writer.write(kept)
        print(path)


if __name__ == "__main__":
    main()

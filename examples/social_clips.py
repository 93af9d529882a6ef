"""Three clips of one post, each in the format of where it goes.

python examples/social_clips.py clips/ --title "Streams on one GPU" --summary "…" --point "…"
"""

from __future__ import annotations

import argparse
from pathlib import Path

from generators import generate

SIZES = {"vertical": "720x1280", "horizontal": "1280x720", "banner": "1536x512"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--title", required=True)
    parser.add_argument("--summary", required=True)
    parser.add_argument("--point", required=True)
    parser.add_argument("--model", default="ltx-2.3", help="a name, or a folder of weights")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--scale", type=float, default=1.0, help="of the sides")
    given = parser.parse_args()

    prompts = {
        "vertical": f'motion graphics: "{given.title}". {given.point}. dark background, code',
        "horizontal": f'short tech explainer: "{given.summary}". clean animated diagrams',
        "banner": f'professional animated banner: "{given.title}". subtle gradient',
    }
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, prompt in prompts.items():
        width, height = (2 * round(int(side) * given.scale / 2) for side in SIZES[name].split("x"))
        made = generate(
            prompt,
            given.folder / f"{name}.mp4",
            model=given.model,
            resolution=f"{width}x{height}",
            duration=given.seconds,
        )
        print(made.path)


if __name__ == "__main__":
    main()

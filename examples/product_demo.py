"""A product demo: the clip passes through your screenshots while your narration is heard.

python examples/product_demo.py demo.mp4 --narration voice.wav login.png board.png report.png
"""

from __future__ import annotations

import argparse

from generators import generate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("screenshots", nargs="+")
    parser.add_argument("--narration", required=True, help="a file of speech")
    parser.add_argument("--seconds", type=float, default=3.0, help="from one picture to the next")
    parser.add_argument("--model", default="ltx-2.3", help="a name, or a folder of weights")
    parser.add_argument("--resolution", default="1080p")
    given = parser.parse_args()

    length = given.seconds * max(1, len(given.screenshots) - 1)
    made = generate(
        "smooth screen transition, professional product demo, clean, subtle cursor movement",
        given.output,
        model=given.model,
        resolution=given.resolution,
        duration=length,
        images=[
            f"{screenshot}@{min(length, index * given.seconds)}"
            for index, screenshot in enumerate(given.screenshots)
        ],
        sound=given.narration,
    )
    print(f"{made.path}: {made.written.duration_s:g} s, marked and signed")


if __name__ == "__main__":
    main()

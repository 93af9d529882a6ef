"""Says what a platform could do with an upload: allow it, label it, or have somebody look at it.

python examples/upload_check.py upload.mp4

It prints the verdict and an action as JSON, and neither changes nor blocks anything: that is for
the platform. It stops at the first mark whose tag verifies, so that it does not look for tampering,
and what was found by the published key alone can be forged (`result.watermark.authenticated`).
Files that cannot be read, or are not there, are for somebody to look at, as are contradictions.
"""

from __future__ import annotations

import argparse
import json

from detectors import verify


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upload")
    given = parser.parse_args()

    result = verify(given.upload, fast=True)
    verdict = result.verdict
    # That nothing was found is not that it is real: such uploads pass without a label of any kind.
    action = {
        "ai_generated": "label: made with AI",
        "ai_edited": "label: edited with AI",
        "no_evidence": "allow",
    }.get(verdict, "flag for review")
    print(json.dumps({"verdict": verdict, "action": action}))


if __name__ == "__main__":
    main()

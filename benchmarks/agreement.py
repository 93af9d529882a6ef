r"""Whether ltx-verify says of other makers' files what c2pa-rs says, under several trust settings.

The expected states stand in ``agreement.json``, by the SHA-256 of each file: what c2pa-rs 0.91.3
reports as ``validation_state``, looked through by hand and, for the integrity, held against a
verifier of other authors. They are not computed here. The files are fixtures of the c2pa-rs project
(contentauth/c2pa-rs, sdk/tests/fixtures); the trust settings are given as PEM files: ::

    python -m benchmarks.agreement FOLDER --trust test=roots.pem --trust c2pa=list.pem \
        --trust cai=anchors.pem,allowed.pem
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from benchmarks.tables import markdown
from provenance.errors import InputEmpty, InputMissing
from provenance.programs import run_program


def expected() -> dict[str, Any]:
    """The table: SHA-256 → name and state by trust setting."""
    table: dict[str, Any] = json.loads(
        files("benchmarks").joinpath("agreement.json").read_text(encoding="utf-8")
    )["files"]
    return table


def settings_of(anchors: Path, allowed: Path | None) -> dict[str, Any]:
    """C2PA SDK settings that trust what stands in these PEM files."""
    entry = {
        "trust_kind": "manifest",
        "trust_uri": anchors.name,
        "trust_anchors": _pem(anchors),
    }
    if allowed is not None:
        entry["allowed_list"] = _pem(allowed)
    return {"trust": {"anchors": [entry]}}


def _pem(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise InputMissing(
            f"{path} cannot be read as certificates", hint="name a PEM file in --trust"
        ) from error


def states(paths: list[Path], settings: Path, folder: Path) -> dict[str, str]:
    """By file name: the state that ltx-verify gives with these settings alone."""
    command = [sys.executable, "-c", "from detectors.cli import main; main()"]
    command += ["--trust-settings", str(settings), "--no-default-trust", "--format", "jsonl"]
    nobody = folder / "no-keys"
    nobody.mkdir(exist_ok=True)
    command += ["--quiet", "--keys", str(nobody), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    found = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        manifest = result["manifest"]
        found[result["file"]["name"]] = manifest["state"] if manifest["present"] else "none"
    return found


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--trust",
    "given",
    multiple=True,
    required=True,
    metavar="NAME=PEM[,PEM]",
    help="A trust setting of the table: anchors, and signers that are trusted by themselves.",
)
def main(folder: Path, given: tuple[str, ...]) -> None:
    table = expected()
    known = {
        path: table[digest]
        for path in sorted(folder.iterdir())
        if path.is_file() and (digest := hashlib.sha256(path.read_bytes()).hexdigest()) in table
    }
    if not known:
        raise InputEmpty(f"{folder} has no file of the table", hint="see agreement.json for them")
    rows, wrong = [], 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for one in given:
            setting, _, pems = one.partition("=")
            anchors, _, allowed = pems.partition(",")
            settings = place / f"{setting}.json"
            document = settings_of(Path(anchors), Path(allowed) if allowed else None)
            settings.write_text(json.dumps(document), encoding="utf-8")
            found = states(list(known), settings, place)
            for path, facts in known.items():
                wanted, got = facts["states"][setting], found.get(path.name, "no answer")
                wrong += wanted != got
                verdict = "same" if wanted == got else "DIFFERENT"
                rows.append((facts["name"], setting, wanted, got, verdict))
    click.echo(markdown(("file", "trust", "c2pa-rs", "ltx-verify", ""), rows))
    click.echo(f"{len(rows) - wrong} of {len(rows)} agree; {len(table) - len(known)} files missing")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    run_program(main)

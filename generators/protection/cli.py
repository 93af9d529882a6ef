"""``ltx-protect``: another program, run unchanged, whose videos come out marked and signed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.config import LtxCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

_STARTUP = Path(__file__).parent / "startup"
_NOT_FOUND = 127  # as shells do


@click.command(
    name="ltx-protect",
    cls=LtxCommand,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "ignore_unknown_options": False,
        "allow_interspersed_args": False,
    },
    epilog="Exit codes: the command's own where that is not 0; 2 nothing could be protected, "
    "4 a video was refused, or is there without a mark, or not all of the folder was looked at.",
)
@click.argument("command", nargs=-1, required=True)
@click.option(
    "--model",
    default="other",
    metavar="NAME",
    help="Model that the mark names: ltx-2, ltx-video, wan, helios-14b, other, …",
)
@click.option(
    "--prompt",
    metavar="TEXT",
    help="The prompt; only a keyed digest of it is kept. [default: what follows --prompt in the "
    "command]",
)
@click.option(
    "--keys",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LTX_KEYS",
    help="Keys directory; a development identity is made in it on first use.",
)
@click.option(
    "--store", type=click.Path(), envvar="LTX_STORE", help="Store that keeps the manifest."
)
@click.option("--quiet", is_flag=True, help="No messages about files that were marked.")
@click.version_option(package_name="everyframe")
def main(
    command: tuple[str, ...],
    model: str,
    prompt: str | None,
    keys: Path | None,
    store: str | None,
    quiet: bool,
) -> None:
    """Run COMMAND, a program in Python, with its writers of video replaced.

    What it writes with PyAV, torchvision, imageio, imageio-ffmpeg, OpenCV or diffusers is marked
    and signed. ffmpeg started by it and torchcodec cannot be intercepted and are refused.

    ltx-protect --model ltx-2 -- python -m ltx_pipelines.distilled --prompt "a red ball" …
    """
    from datetime import UTC, datetime

    from generators.protection.leftovers import now_ns
    from generators.protection.orders import VARIABLE, Orders
    from provenance.errors import OptionError
    from provenance.keys import default_keys_directory, ensure_identity, new_identity_notice
    from provenance.payload import model_by_key

    directory = (keys or default_keys_directory(os.environ)).absolute()
    registered = model_by_key(model)
    if not command[0]:
        raise OptionError("the command is empty", hint="ltx-protect -- python program.py")
    _, made = ensure_identity(directory, now=datetime.now(UTC))
    if made:
        _say(new_identity_notice(directory))
    with tempfile.TemporaryDirectory(prefix="ltx-protect-") as folder:
        report = Path(folder) / "report.jsonl"
        report.touch()
        since_ns = now_ns(Path(folder))
        orders = Orders(
            model=registered.key,
            prompt=prompt or _prompt_in(command),
            report=str(report),
        )
        environment = {
            **os.environ,
            VARIABLE: orders.as_text(),
            "LTX_KEYS": str(directory),
            "PYTHONPATH": os.pathsep.join(
                [str(_STARTUP), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
        }
        if store is not None:
            environment["LTX_STORE"] = store if "://" in store else str(Path(store).absolute())
        code = _run(command, environment)
        events = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    sys.exit(_conclude(code, command, events, since_ns, quiet=quiet))


def _run(command: tuple[str, ...], environment: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603  what the user asked for
    except OSError as error:
        _say(f"{command[0]} cannot be run: {error.strerror}")
        return _NOT_FOUND
    with _signals_to(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The command is the one that ends; Ctrl-C reaches it from the terminal by itself."""

    def forward(number: int, _frame: Any) -> None:
        process.send_signal(number)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, forward),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _conclude(
    code: int, command: tuple[str, ...], events: list[dict[str, Any]], since_ns: int, *, quiet: bool
) -> int:
    """Says what was marked and what was not; the exit code."""
    from generators.protection.leftovers import clear, unmarked
    from generators.protection.roads import is_video
    from provenance.printable import printable

    clear(events, since_ns)
    by_kind = _by_kind(events)
    _tell(by_kind, quiet=quiet)
    places = [Path(event["path"]) for event in by_kind.get("opened", [])]
    places += [Path(w) for w in command if is_video(w) and not os.path.isdir(w)]  # noqa: PTH112
    left, whole = unmarked([*places, Path.cwd()], since_ns)
    for path in left:
        _say(printable(f"{path} was written and is NOT marked"))
    if left:
        click.echo("  hint: mark it with ltx-stamp, or delete it", err=True)
    if not whole:
        _say(
            printable(f"{Path.cwd()} has too many files to look for videos without a mark\n")
            + "  hint: run the command in a folder of its own"
        )
    if code:
        return code
    if "started" not in by_kind:
        _say(
            "the command started no Python that could be protected\n"
            "  hint: run Python itself, without -I, -E or -S; mark files of other programs with "
            "ltx-stamp"
        )
        return 2
    return 4 if left or not whole or by_kind.get("refused") else 0


def _by_kind(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_kind.setdefault(event["event"], []).append(event)
    return by_kind


def _tell(by_kind: dict[str, list[dict[str, Any]]], *, quiet: bool) -> None:
    from provenance.printable import printable

    for written in by_kind.get("written", []):
        if not quiet:
            _say(
                printable(f"marked and signed {written['path']} ({written['frames']} frames), ")
                + f"content id {written['content_id']}"
            )
    for refused in by_kind.get("refused", []):
        _say(printable(f"{refused['message']} [{refused['code']}]"))
        if refused["hint"]:
            click.echo(f"  hint: {printable(refused['hint'])}", err=True)
    for left_off in by_kind.get("left", []):
        if left_off["given_up"]:
            _say(printable(f"{left_off['path']} was given up by the program"))


def _prompt_in(command: tuple[str, ...]) -> str | None:
    """What follows ``--prompt``."""
    for word, following in zip(command, (*command[1:], ""), strict=True):
        if word == "--prompt" and following:
            return following
        if word.startswith("--prompt=") and len(word) > len("--prompt="):
            return word.removeprefix("--prompt=")
    return None


def _say(message: str) -> None:
    click.echo(f"ltx-protect: {message}", err=True)

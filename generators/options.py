"""Options that the commands share which make clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")

_SHAPE = (
    click.option(
        "--resolution",
        default="480p",
        metavar="WxH",
        help="Also 360p, 480p, 720p, 1080p, 1440p, 4k.",
    ),
    click.option("--fps", default="24", metavar="RATE", help="Frames a second, 24 to 50."),
)
_CLIP = (
    click.option(
        "--style", metavar="TEXT", help="Added to the prompt: pencil drawing, neon lights."
    ),
    click.option(
        "--image",
        "images",
        multiple=True,
        metavar="FILE[@SECONDS]",
        help="The first frame; with @SECONDS one inside of the clip. Repeatable.",
    ),
    click.option("--seed", type=int, default=0, help="Another seed makes another clip."),
    click.option(
        "--device", metavar="NAME", help="cpu or cuda. [default: a GPU where there is one]"
    ),
    click.option(
        "--keys",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="LTX_KEYS",
        help="Keys directory; a development identity is made in it on first use.",
    ),
    click.option(
        "--store", type=click.Path(), envvar="LTX_STORE", help="Store that keeps the manifest."
    ),
    click.option("--format", "form", type=click.Choice(["text", "json"]), default="text"),
    click.option("--quiet", is_flag=True, help="No progress and no messages; the result only."),
    click.version_option(package_name="everyframe"),
)


def shape_options(command: _F) -> _F:
    """``--resolution`` and ``--fps``."""
    return _with(command, _SHAPE)


def clip_options(command: _F) -> _F:
    """From ``--style`` to ``--version``: what else a clip is, who signs it, and what is told."""
    return _with(command, _CLIP)


def _with(command: _F, options: tuple[Callable[[_F], _F], ...]) -> _F:
    for option in reversed(options):
        command = option(command)
    return command

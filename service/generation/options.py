"""The settings of generation as options of the service's commands."""

from __future__ import annotations

from typing import Any

import click

from generators.base import parse_size
from service.settings import GenerationSettings

_G = GenerationSettings()

GENERATION_OPTIONS = (
    click.option(
        "--generator-bundle", multiple=True, metavar="NAME|FOLDER",
        help="Weights that clips are made with; opens /generate.",
    ),
    click.option("--generator-device", metavar="NAME", help="cpu or cuda; a GPU where there is."),
    click.option(
        "--generations", type=click.IntRange(1, 64), default=_G.at_once, help="Clips at a time."
    ),
    click.option(
        "--max-generations", type=click.IntRange(1), default=_G.waiting, help="Clips that wait."
    ),
    click.option(
        "--largest-clip", metavar="WxH", help="Larger wishes are made smaller, and told so."
    ),
    click.option(
        "--longest-clip", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
        help="Longer wishes are made shorter, and told so.",
    ),
    click.option(
        "--generation-seconds", type=click.FloatRange(1), default=_G.wall_s,
        help="Time for a clip.",
    ),
    click.option(
        "--generation-hours", type=click.FloatRange(min=0, min_open=True), default=_G.hours,
        help="After which clips are deleted.",
    ),
    click.option(
        "--clip-link-hours", type=click.FloatRange(min=0, min_open=True), default=_G.link_hours,
        help="How long the address of a clip needs no key.",
    ),
    click.option("--clips", metavar="ADDRESS", help="Folder or s3://… for clips; in the data."),
)  # fmt: skip


def generation_from(given: dict[str, Any]) -> GenerationSettings:
    """``given``: the options' values by name. Raises
    :class:`~provenance.errors.OptionError` for a size that is none.
    """
    largest = given["largest_clip"]
    return GenerationSettings(
        bundles=tuple(given["generator_bundle"]),
        device=given["generator_device"],
        at_once=given["generations"],
        waiting=given["max_generations"],
        largest=None if largest is None else parse_size(largest),
        longest_s=given["longest_clip"],
        wall_s=given["generation_seconds"],
        hours=given["generation_hours"],
        link_hours=given["clip_link_hours"],
        storage=given["clips"],
    )

"""The settings as options of commands: flag > ``LTX_SERVICE_*`` > ``[service]`` > default.

``ltx-serve`` and ``ltx-worker`` have the same ones, so that one table of settings serves both.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.errors import OptionError
from service.generation.options import GENERATION_OPTIONS, generation_from
from service.settings import MIB, Bounds, ScanSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")
TABLE = "service"
_B, _S, _D = Bounds(), ScanSettings(), Settings()
_FOLDER, _FILE = click.Path(file_okay=False), click.Path(dir_okay=False)

_OPTIONS = (
    click.option("--data", type=_FOLDER, default=str(_D.data), help="The service's folder."),
    click.option(
        "--database", metavar="ADDRESS", help="SQLite file or postgresql://…; in the data folder."
    ),
    click.option("--storage", metavar="ADDRESS", help="Folder or s3://…; in the data folder."),
    click.option("--host", default=_D.host, help="Address to listen on."),
    click.option("--port", type=click.IntRange(0, 65535), default=_D.port, help="Port."),
    click.option(
        "--workers", type=click.IntRange(0, 256), default=_D.workers, help="Scans at a time."
    ),
    click.option(
        "--object-store", multiple=True, metavar="PREFIX", help="Objects to scan: s3://b/"
    ),
    click.option(
        "--private-targets", is_flag=True, help="Webhooks and links may lead to private addresses."
    ),
    click.option("--resolver", is_flag=True, help="Resolve manifests of --store at /c2pa."),
    click.option(
        "--public", metavar="TENANT",
        help="Whose scans those without a key are. Opens the web page; off when not given.",
    ),
    click.option(
        "--visitor-per-minute", type=click.IntRange(1), default=_D.visitor_per_minute,
        help="Scans of one visitor without a key.",
    ),
    click.option(
        "--public-hours", type=click.FloatRange(min=0, min_open=True), default=_D.public_hours,
        help="After which results of visitors without a key are deleted.",
    ),
    click.option("--links", is_flag=True, help="Visitors may give https:// addresses of files."),
    click.option(
        "--drain-seconds", type=click.FloatRange(0), default=_D.drain_s,
        help="From SIGTERM to the last request taken; /readyz fails meanwhile.",
    ),
    click.option(
        "--trusted-proxy", multiple=True, metavar="ADDRESS", default=_D.trusted_proxies,
        help="Proxies whose X-Forwarded-For counts.",
    ),
    click.option("--open-metrics", is_flag=True, help="/metrics needs no key."),
    click.option(
        "--depth", type=click.Choice(["early", "full"]), default=_D.depth,
        help="early: stop at the first signal that decides; full: look for tampering.",
    ),
    click.option(
        "--max-upload-mib", type=click.IntRange(1), default=_B.upload_bytes // MIB,
        help="Size of a file.",
    ),
    click.option(
        "--max-uploads", type=click.IntRange(1), default=_B.uploads, help="Bodies at the same time."
    ),
    click.option(
        "--max-waiting", type=click.IntRange(1), default=_B.waiting, help="Unfinished scans."
    ),
    click.option(
        "--sandbox", type=click.Choice(["auto", "required", "off"]), default=_S.sandbox,
        help="required: refuse to scan where it cannot be had.",
    ),
    click.option(
        "--scan-seconds", type=click.FloatRange(1), default=_S.wall_s, help="Time for a scan."
    ),
    click.option(
        "--scan-mib", type=click.IntRange(64), default=_S.memory_bytes // MIB,
        help="Memory for a scan.",
    ),
    click.option(
        "--attempts", type=click.IntRange(1, 100), default=_S.attempts, help="Tries for a scan."
    ),
    click.option(
        "--lease-seconds", type=click.FloatRange(1), default=_S.lease_s,
        help="After which what a killed process had is taken over.",
    ),
    click.option("--policy", type=_FILE, help="TOML file that says what follows from a result."),
    click.option("--keys", type=_FOLDER, envvar="LTX_KEYS", help="Keys directory."),
    click.option("--store", type=click.Path(), envvar="LTX_STORE", help="Manifest store."),
    click.option(
        "--trust-settings", type=_FILE, multiple=True, envvar="LTX_TRUST_SETTINGS",
        help="C2PA SDK settings whose trust section counts.",
    ),
    click.option(
        "--trust-anchor", type=_FILE, multiple=True, envvar="LTX_TRUST_ANCHOR",
        help="PEM certificates to trust.",
    ),
    click.option(
        "--no-default-trust", is_flag=True, envvar="LTX_NO_DEFAULT_TRUST",
        help="Only what is named here counts.",
    ),
    *GENERATION_OPTIONS,
)  # fmt: skip


def service_options(command: Command) -> Command:
    """Adds all settings to ``command``; :func:`settings_from` makes :class:`Settings` of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_from(given: dict[str, Any]) -> Settings:
    """``given``: the options' values by name.

    Raises :class:`~provenance.errors.OptionError` for a time that is no number: none compares
    with it, so that the bound it stands for would never be met.
    """
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise OptionError(
                f"--{name.replace('_', '-')} must be a number", hint="leave it out for the default"
            )
    policy = given["policy"]
    return Settings(
        data=Path(given["data"]),
        database=given["database"],
        storage=given["storage"],
        host=given["host"],
        port=given["port"],
        workers=given["workers"],
        object_stores=tuple(given["object_store"]),
        private_targets=given["private_targets"],
        resolver=given["resolver"],
        public=given["public"],
        visitor_per_minute=given["visitor_per_minute"],
        public_hours=given["public_hours"],
        links=given["links"],
        drain_s=given["drain_seconds"],
        trusted_proxies=tuple(given["trusted_proxy"]),
        open_metrics=given["open_metrics"],
        depth=given["depth"],
        bounds=Bounds(
            upload_bytes=given["max_upload_mib"] * MIB,
            uploads=given["max_uploads"],
            waiting=given["max_waiting"],
        ),
        scan=ScanSettings(
            sandbox=given["sandbox"],
            wall_s=given["scan_seconds"],
            memory_bytes=given["scan_mib"] * MIB,
            attempts=given["attempts"],
            lease_s=given["lease_seconds"],
            keys=given["keys"],
            store=given["store"],
            trust_settings=tuple(given["trust_settings"]),
            trust_anchors=tuple(given["trust_anchor"]),
            default_trust=not given["no_default_trust"],
            policy=None if policy is None else Path(policy),
        ),
        generation=generation_from(given),
    )

"""How a command gets its settings, and how it reports what goes wrong.

Precedence: flag > environment > ``ltx.toml`` > default. The file is ``$LTX_CONFIG``, else
``ltx.toml`` in the current folder::

    store = "manifests.sqlite"      # an option that several commands share

    [verify]                        # options of ltx-verify alone
    require = ["trusted"]
    format = "jsonl"

Environment variables: ``LTX_<OPTION>`` for shared options, ``LTX_<COMMAND>_<OPTION>`` for any.
Relative paths in the file are relative to the file, so that it means the same from every folder.
A file that merely lies in the current folder may have come with the videos in it: what decides whom
to trust, what to require, or where to write is taken from a file that ``$LTX_CONFIG`` names alone.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from provenance.errors import DISK_FULL, DiskFull, EveryframeError, OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INTERRUPTED: Final = 130
CONFIG_NAME: Final = "ltx.toml"
CONFIG_VARIABLE: Final = "LTX_CONFIG"
SHARED: Final = frozenset({"keys", "store", "trust_settings", "trust_anchor", "no_default_trust"})
"""Options that mean the same in every command: they may stand at the top of the file."""
NAMED_ONLY: Final = frozenset(
    {"keys", "trust_settings", "trust_anchor", "no_default_trust", "require", "policy"}
    | {"remote_manifests", "tsa", "timestamp"}
    | {"output", "stream", "input", "schema"}
)
"""Settings that a file in the current folder may not make."""
COMMANDS: Final = frozenset(
    {"attack", "bench", "disclose", "doctor", "download", "generate", "keys", "service", "stamp"}
    | {"helios_generate", "verify"}
)
"""Tables that the file may have."""
NAMED_TABLES: Final = frozenset({"service"})
"""Tables that a file in the current folder may not have: they open doors."""


def config_path(environ: Mapping[str, str], folder: Path) -> Path | None:
    """The settings file in force, or None.

    Raises :class:`OptionError` when ``$LTX_CONFIG`` names a file that is not there.
    """
    named = environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            raise OptionError(
                f"{CONFIG_VARIABLE} names {path}, which is not a file",
                hint=f"correct or unset {CONFIG_VARIABLE}",
            )
        return path
    path = folder / CONFIG_NAME
    return path if path.is_file() else None


def read_config(path: Path) -> dict[str, Any]:
    """The settings in ``path``; raises :class:`OptionError` for bad TOML or an unknown name."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} is not valid TOML: {error}") from error
    for name, value in document.items():
        is_table = isinstance(value, dict)
        if _option(name) not in (COMMANDS if is_table else SHARED):
            known = ", ".join(sorted(COMMANDS if is_table else SHARED))
            kind = "table" if is_table else "setting"
            raise OptionError(
                f"{path}: unknown {kind} {name!r}",
                hint=f"{kind}s at the top of the file: {known}; others belong in a command's table",
            )
    return document


def defaults_for(command: click.Command, document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The part of ``document`` that ``command`` understands, as click's ``default_map``.

    Raises :class:`OptionError` for a name in the command's own table that is none of its options.
    """
    options = _options(command)
    table = document.get(short_name(command)) or document.get(_option(short_name(command)), {})
    for name in table:
        if _option(name) not in options and not takes_part(command):
            raise OptionError(
                f"{path}: {command.name} has no option {name!r}",
                hint=f"its options are listed by {command.name} --help",
            )
    shared = {name: value for name, value in document.items() if not isinstance(value, dict)}
    return {
        str(option.name): _anchored(value, option, path.parent)
        for name, value in (shared | table).items()
        if (option := options.get(_option(name))) is not None
    }


def check_unnamed(document: Mapping[str, Any], command: str, path: Path) -> None:
    """Raises :class:`OptionError` when a file that nobody named sets what it may not."""
    table = document.get(command, {})
    if table and command in NAMED_TABLES:
        raise OptionError(
            f"{path} lies in the current folder and has a table [{command}]",
            hint=f"if you trust that file, name it: {CONFIG_VARIABLE}={path.name}",
        )
    for name in (*document, *table):
        if _option(name) in NAMED_ONLY:
            raise OptionError(
                f"{path} lies in the current folder and sets {name!r}",
                hint=f"if you trust that file, name it: {CONFIG_VARIABLE}={path.name}",
            )


def short_name(command: click.Command) -> str:
    """``verify`` for ``ltx-verify``; the table that it shares with others where it does."""
    shared = command.settings_table if isinstance(command, LtxCommand) else None
    return shared or (command.name or "").removeprefix("ltx-")


def takes_part(command: click.Command) -> bool:
    """Whether the command takes from its table what it knows, and leaves the rest to others."""
    return isinstance(command, LtxCommand) and command.part_of_table


def _options(command: click.Command) -> dict[str, click.Option]:
    """The options of ``command`` under the name that users know: ``trust_anchor``."""
    return {
        _option(max(option.opts, key=len).lstrip("-")): option
        for option in command.params
        if isinstance(option, click.Option) and option.expose_value
    }


def _option(name: str) -> str:
    return name.replace("-", "_")


def _anchored(value: Any, option: click.Option, folder: Path) -> Any:
    if not isinstance(option.type, click.Path):
        return value
    if isinstance(value, list):
        return [_anchored(one, option, folder) for one in value]
    return value if not isinstance(value, str) or "://" in value else str(folder / value)


class LtxCommand(click.Command):
    """A click command that reads the settings file and the environment, and reports errors our way.

    An :class:`EveryframeError` that reaches the top is printed to stderr with its hint and code and
    ends the process with the error's exit code; anything else unforeseen ends it with 4.

    ``settings_table``: the table in the file, and the name in variables, where several commands
    share one; with ``part_of_table`` this command knows some of the settings in it.
    """

    def __init__(
        self,
        *args: Any,
        settings_table: str | None = None,
        part_of_table: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.settings_table = settings_table
        self.part_of_table = part_of_table
        for name, option in _options(self).items():
            given = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
            option.envvar = [*given, f"LTX_{_option(short_name(self))}_{name}".upper()]

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if "default_map" not in extra and not _asks_for_help(args):
            path = config_path(os.environ, Path.cwd())
            if path is not None:
                document = read_config(path)
                if not os.environ.get(CONFIG_VARIABLE):
                    check_unnamed(document, short_name(self), path)
                extra["default_map"] = defaults_for(self, document, path)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Click would exit with 1, which says "checked, and not met".
            click.echo(f"{self.name}: interrupted", err=True)
            ctx.exit(INTERRUPTED)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except EveryframeError as error:
            click.echo(f"{self.name}: {error.diagnostics()}", err=True)
            sys.exit(error.exit_code)
        except Exception as error:
            if os.environ.get("LTX_DEBUG"):
                raise
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                # Standard output may be a file, too.
                where = error.filename or "what the result is written to"
                full = DiskFull(f"the disk is full: {where}", hint="free some space and try again")
                click.echo(f"{self.name}: {full.diagnostics()}", err=True)
                sys.exit(full.exit_code)
            click.echo(
                f"{self.name}: internal error: {type(error).__name__}: {error} [internal]\n"
                "  hint: this is a fault of the program; LTX_DEBUG=1 shows where",
                err=True,
            )
            sys.exit(4)


def _asks_for_help(args: Sequence[str]) -> bool:
    return "--help" in args

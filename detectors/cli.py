"""``ltx-verify``: says whether AI made a file, which one and when, and whether it was changed.

Exit codes: 0 policy met, 1 not met, 2 usage, 3 a file could not be read, 4 internal; over several
files the highest of 4 > 3 > 1 > 0.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from detectors.files import expand, listed
from detectors.policy import FACTS, load_policy, parse_requirements
from provenance.config import LtxCommand
from provenance.errors import OptionError
from provenance.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.sandbox import SandboxMode


_NOT_WITH_RECEIPT = ("output", "require", "policy_file", "receipt_out")


@click.command(
    name="ltx-verify",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 policy met, 1 not met, 2 usage, 3 file unreadable, 4 internal error.",
)
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--input", "inputs", multiple=True, metavar="FILE", help="A file, as in FILE; may be repeated."
)
@click.option(
    "--files-from",
    "lists",
    multiple=True,
    metavar="LIST",
    help="A file of names, one a line or ended by NUL; - reads them from the standard input.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl", "html"]),
    default="text",
    help="How results are written; html is one page that needs nothing else.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write results to this file.")
@click.option(
    "--resume",
    is_flag=True,
    help="Keep each result in -o FILE (jsonl) as it comes, and leave out files whose result is "
    "there already, for the same content, version and settings.",
)
@click.option(
    "--keys",
    type=click.Path(file_okay=False),
    envvar="LTX_KEYS",
    help="Keys directory; the published key is always tried.",
)
@click.option(
    "--store",
    type=click.Path(),
    envvar="LTX_STORE",
    help="Store from which removed credentials are recovered: path, postgresql://… or https://…",
)
@click.option(
    "--trust-settings",
    type=click.Path(dir_okay=False),
    multiple=True,
    envvar="LTX_TRUST_SETTINGS",
    help="C2PA SDK settings whose trust section counts.",
)
@click.option(
    "--trust-anchor",
    type=click.Path(dir_okay=False),
    multiple=True,
    envvar="LTX_TRUST_ANCHOR",
    help="PEM certificates of an authority to trust.",
)
@click.option(
    "--no-default-trust",
    is_flag=True,
    envvar="LTX_NO_DEFAULT_TRUST",
    help="Trust neither the own identity nor the installed list; only what is named here counts.",
)
@click.option(
    "--remote-manifests",
    multiple=True,
    metavar="HOST",
    envvar="LTX_REMOTE_MANIFESTS",
    help="Fetch credentials that a file only names the address of from this host (https), "
    "or *.HOST; may be repeated. Nothing is fetched from anybody else.",
)
@click.option(
    "--require",
    multiple=True,
    metavar="CONDITION",
    show_default="marked",
    help="What a file must fulfil, such as 'marked and not tampered'; repeated or separated by "
    f'commas, all of it. Words: {", ".join(FACTS)}, model("…"), issuer("…").',
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False),
    help="Rules (TOML) that give each file an action: allow, label, review, block. With it, only "
    "review and block fail, and --require if it is given too.",
)
@click.option("--jobs", type=click.IntRange(1, 1024), default=1, help="Files verified at a time.")
@click.option(
    "--executor",
    type=click.Choice(["processes", "ray"]),
    show_default="processes with --jobs above 1",
    help="Who works: processes of this machine, or a Ray cluster (RAY_ADDRESS, else a local one).",
)
@click.option("--fast", is_flag=True, help="Stop at the verified mark; tampering is not checked.")
@click.option(
    "--quality",
    is_flag=True,
    help="Also look for frozen, doubled, black and flickering pictures, drift, silence, and sound "
    "that is clipped or shifted; no evidence of AI.",
)
@click.option(
    "--receipt-out",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a signed receipt for each result, one a line, by the identity of --keys.",
)
@click.option(
    "--receipt",
    "receipt_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Verify receipts instead, and that each FILE named is one that they are for.",
)
@click.option(
    "--sandbox",
    type=click.Choice(["off", "auto", "required"]),
    default="off",
    help="Read each file in a process that can reach nothing else; required: or not at all.",
)
@click.option("--quiet", is_flag=True, help="No progress and no messages; results only.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the results and stop.")
@click.version_option(package_name="everyframe")
def main(
    files: tuple[str, ...],
    inputs: tuple[str, ...],
    lists: tuple[str, ...],
    form: str,
    output: str | None,
    resume: bool,
    keys: str | None,
    store: str | None,
    trust_settings: tuple[str, ...],
    trust_anchor: tuple[str, ...],
    no_default_trust: bool,
    remote_manifests: tuple[str, ...],
    require: tuple[str, ...],
    policy_file: str | None,
    jobs: int,
    executor: str | None,
    fast: bool,
    quality: bool,
    receipt_out: str | None,
    receipt_file: str | None,
    sandbox: SandboxMode,
    quiet: bool,
    schema: bool,
) -> None:
    """Verify videos: files, folders, patterns such as 'clips/*.mp4', and objects: s3://bucket/clips/,
    gs://…, az://…
    """
    if schema:
        from detectors.report import schema_text

        click.echo(schema_text(), nl=False)
        return
    named = (*inputs, *files)
    if receipt_file is not None:
        from detectors.batch import trust_of_run
        from detectors.receipt_cli import check_receipts

        source = click.get_current_context().get_parameter_source
        # A settings file may well set them for other runs.
        if any(source(name) is ParameterSource.COMMANDLINE for name in _NOT_WITH_RECEIPT):
            raise OptionError(
                "--receipt checks receipts, and writes and judges nothing else",
                hint="leave -o, --require, --policy and --receipt-out out",
            )
        trust = trust_of_run(keys, trust_settings, trust_anchor, default_trust=not no_default_trust)
        sys.exit(check_receipts(receipt_file, named, trust, form=form))
    _check_usage(bool(named or lists), form, output, receipt_out, resume=resume)
    _check_keys(keys)
    requirement = parse_requirements(require or ([] if policy_file else ["marked"]))
    policy = None if policy_file is None else load_policy(Path(policy_file))
    paths = expand([*(name for source in lists for name in listed(source)), *named])
    for written in filter(None, (output, receipt_out)):
        _check_output(written, paths, keys, store)

    from detectors.batch import Settings
    from detectors.executors import executor as make_executor
    from detectors.receipt_cli import Receipts
    from detectors.scan import Scan, run_scan
    from provenance.heap import keep_what_is_freed

    keep_what_is_freed()
    settings = Settings.load(
        keys=keys,
        store=store,
        trust_settings=trust_settings,
        trust_anchors=trust_anchor,
        default_trust=not no_default_trust,
        fast=fast,
        quality=quality,
        storyboard=form == "html",
        sandbox=sandbox,
        remote_hosts=remote_manifests,
    )
    if keys and not quiet and not Path(keys).is_dir():  # of the environment: for all commands
        click.echo(
            f"ltx-verify: there is no keys directory {printable(keys)}: "
            "only the published key is tried",
            err=True,
        )
    receipts = None if receipt_out is None else Receipts(Path(receipt_out), keys, requirement)
    scan = Scan(
        paths=paths,
        settings=settings,
        requirement=requirement,
        policy=policy,
        jobs=jobs,
        executor=None if executor is None else make_executor(executor, jobs),
    )
    code = run_scan(scan, form=form, output=output, resume=resume, quiet=quiet, receipts=receipts)
    if receipts is not None:
        receipts.write()
    sys.exit(code)


def _check_usage(
    named: bool, form: str, output: str | None, receipt_out: str | None, *, resume: bool
) -> None:
    if not named:
        raise click.UsageError("Name at least one file: ltx-verify FILE...")
    if resume and (form != "jsonl" or output in {None, "-"}):
        raise OptionError(
            "--resume needs a file of results that can be added to",
            hint="use --format jsonl -o results.jsonl",
        )
    if receipt_out == "-":
        raise OptionError("--receipt-out needs a file", hint="--receipt-out receipts.jws")
    if receipt_out is not None and output not in {None, "-"}:
        here, there = (Path(name).resolve() for name in (receipt_out, output))
        if here == there:
            raise OptionError(
                f"{output} is also to hold the receipts", hint="choose another name for one of them"
            )
    if resume and receipt_out is not None:
        raise OptionError(
            "--resume writes no receipts: those of the results from before would be missing",
            hint="leave --receipt-out or --resume out",
        )


def _check_keys(keys: str | None) -> None:
    """A directory that somebody named for this command; that of the environment is for all, and
    may be there with the first stamp.
    """
    from provenance.keys import check_directory

    named = click.get_current_context().get_parameter_source("keys")
    if keys and named is not ParameterSource.ENVIRONMENT:
        check_directory(Path(keys))


def _check_output(output: str, paths: Sequence[str], keys: str | None, store: str | None) -> None:
    if any(_same(output, path) for path in paths):
        raise OptionError(f"{output} is also an input", hint="choose another name for -o")
    from provenance.keys import default_keys_directory
    from provenance.store import default_store_path

    own = store or str(default_store_path(os.environ))
    directory = Path(keys) if keys else default_keys_directory(os.environ)
    in_keys = directory.resolve() in Path(output).resolve().parents
    if in_keys or any(_same(output, f"{own}{part}") for part in ("", "-wal", "-shm")):
        raise OptionError(
            f"{output} belongs to the keys or to the store", hint="choose another name for -o"
        )


def _same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


if __name__ == "__main__":
    main()

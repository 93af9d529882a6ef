"""``ltx-keys``: the signing identity and the carrier keys."""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from provenance.errors import EveryframeError, IdentityError
from provenance.trust_cli import trust


class _Group(click.Group):
    """A group whose commands end with our errors' text and exit code, not with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EveryframeError as error:
            click.echo(f"ltx-keys: {error.diagnostics()}", err=True)
            ctx.exit(error.exit_code)


_PEM_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--keys",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keys directory. [default: $LTX_KEYS, else everyframe/keys in your configuration folder]",
)
@click.pass_context
def main(context: click.Context, directory: Path | None) -> None:
    """Make, bring, rotate and share the keys that mark and sign."""
    from provenance.keys import default_keys_directory

    context.obj = directory or default_keys_directory(os.environ)


main.add_command(trust)


@main.command()
@click.pass_obj
def init(directory: Path) -> None:
    """Make a development identity, good for trials.

    Only those who are given its anchor (ltx-keys export-anchor) trust it.
    """
    from provenance.keys import create_development_identity

    identity = create_development_identity(directory, now=datetime.now(UTC))
    click.echo(f"made a development identity in {directory}", err=True)
    click.echo(
        "warning: others read files signed with it as signed by somebody unknown; "
        "for real use bring a certificate: ltx-keys import",
        err=True,
    )
    if identity.carrier_key.public:
        click.echo(
            "warning: marks are made under the published carrier key, which anybody can forge; "
            "make a private one: ltx-keys new-carrier",
            err=True,
        )


@main.command()
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def show(directory: Path, style: str) -> None:
    """Show who signs and which keys there are: nothing secret."""
    from provenance.keys import carrier_keys, load_identity, renewal_notice
    from provenance.keys.certificates import describe

    identity = load_identity(directory)
    notice = renewal_notice(identity, now=datetime.now(UTC))
    key = "in a file" if identity.key_uri is None else identity.key_uri
    certificate = describe(identity.certificate_chain)
    carriers = [key.name for key in carrier_keys(directory)]
    if style == "json":
        document = {
            "directory": str(directory),
            "name": identity.name,
            "development": identity.development,
            "algorithm": identity.algorithm,
            "certificate": certificate,
            "trust_anchor": identity.trust_anchor is not None,
            "key": key,
            "expires": certificate["not_after"],
            "renewal": notice,
            "time_authority": identity.time_authority,
            "time_policy": identity.time_policy,
            "carrier": identity.carrier_key.name,
            "carriers": carriers,
        }
        click.echo(json.dumps(document, indent=2))
        return
    kind = "development, trusted by nobody else" if identity.development else "imported"
    click.echo(f"Directory:      {directory}")
    click.echo(f"Signs as:       {identity.name} ({kind})")
    click.echo(f"Algorithm:      {identity.algorithm}")
    click.echo(f"Certificate:    {certificate['subject']}")
    click.echo(f"  issued by:    {certificate['issuer']}")
    click.echo(f"  good until:   {certificate['not_after']}")
    click.echo(f"  sha256:       {certificate['sha256']}")
    click.echo(f"Own anchor:     {'yes' if identity.trust_anchor else 'no'}")
    click.echo(f"Key:            {key}")
    stamps = f"{identity.time_authority} ({identity.time_policy})"
    click.echo(f"Time-stamps:    {stamps if identity.time_authority else 'none'}")
    public = " (published: anybody can forge)" if identity.carrier_key.public else ""
    click.echo(f"Marks with:     {identity.carrier_key.name}{public}")
    click.echo(f"Reads marks of: {', '.join(carriers)}")
    if notice:
        click.echo(f"warning: {notice}", err=True)


@main.command("import")
@click.argument("chain", type=_PEM_FILE)
@click.argument("private_key", metavar="KEY")
@click.option("--anchor", type=_PEM_FILE, help="The root of the chain (PEM), to verify own files.")
@click.option("--time-authority", help="URL of an RFC 3161 time-stamp authority.")
@click.option(
    "--timestamp",
    type=click.Choice(["required", "best-effort", "off"]),
    default="required",
    show_default=True,
    help="What to do when the authority gives no stamp: sign nothing, sign without, never ask.",
)
@click.pass_obj
def import_(
    directory: Path,
    chain: Path,
    private_key: str,
    anchor: Path | None,
    time_authority: str | None,
    timestamp: Any,
) -> None:
    """Bring a claim-signing certificate.

    CHAIN is PEM, the signer's certificate first. KEY is its key: a PEM file that is not encrypted,
    or the pkcs11: URI (RFC 7512) of one in a hardware module, with module-path and pin-source.
    An identity that was there is kept beside the new one, and what it signed stays trusted here.
    """
    from provenance.keys import import_identity
    from provenance.keys.pkcs11 import SCHEME

    in_module = private_key.startswith(SCHEME)
    identity = import_identity(
        directory,
        _read(chain),
        private_key if in_module else _read(Path(private_key)),
        now=datetime.now(UTC),
        trust_anchor=_read(anchor) if anchor else None,
        time_authority=time_authority,
        time_policy=timestamp,
    )
    click.echo(f"files are now signed as {identity.name} ({identity.algorithm})", err=True)


@main.command()
@click.pass_obj
def rotate(directory: Path) -> None:
    """Replace a development identity by a new one; the old one's files stay trusted here.

    A bought certificate is renewed by its authority and brought by ltx-keys import.
    """
    from provenance.keys import rotate_development_identity

    identity = rotate_development_identity(directory, now=datetime.now(UTC))
    click.echo(f"files are now signed as {identity.name}, with a new key", err=True)
    click.echo("give its anchor to those who verify: ltx-keys export-anchor", err=True)


@main.command("new-carrier")
@click.pass_obj
def new_carrier(directory: Path) -> None:
    """Make a private carrier key and mark with it from now on; old ones are kept for reading."""
    from provenance.keys import create_carrier_key

    key = create_carrier_key(directory, random=secrets.token_bytes)
    click.echo(key.name)
    click.echo(
        "new marks are made under it; verifiers need it too: ltx-keys export-carrier -o FILE",
        err=True,
    )


@main.command("export-carrier")
@click.argument("name", required=False)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export_carrier(directory: Path, name: str | None, output: Path) -> None:
    """Write a carrier key (default: the current one) into a new file that only you can read.

    Whoever has the file can read, forge and remove marks under this key.
    """
    from provenance.keys import carrier_keys, current_carrier_key, dump_carrier_key
    from provenance.keys.directory import write_secret

    if name is None:
        key = current_carrier_key(directory)
    else:
        known = {key.name: key for key in carrier_keys(directory)}
        if name not in known:
            raise IdentityError(
                f"{directory} has no carrier key {name!r}", hint=f"there are: {', '.join(known)}"
            )
        key = known[name]
    write_secret(output, dump_carrier_key(key), replace=False)
    click.echo(f"wrote {key.name} to {output}: hand it over on a secret way", err=True)


@main.command("import-carrier")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--use", is_flag=True, help="Mark with it, too; else it only reads.")
@click.pass_obj
def import_carrier(directory: Path, file: str, use: bool) -> None:
    """Take a carrier key from FILE (- for stdin), to read marks that others made with it."""
    from provenance.keys import import_carrier_key, parse_carrier_key

    text = sys.stdin.buffer.read() if file == "-" else _read(Path(file))
    key = parse_carrier_key(text, where="stdin" if file == "-" else file)
    import_carrier_key(directory, key, use=use)
    click.echo(key.name)


@main.command("export-anchor")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export_anchor(directory: Path, output: Path | None) -> None:
    """Print the public root certificate (PEM) that lets others trust what you sign."""
    from provenance.keys import load_identity

    anchor = load_identity(directory).trust_anchor
    if anchor is None:
        raise IdentityError(
            f"the root of the certificate in {directory} is not known",
            hint="your authority publishes it; bring it with: ltx-keys import --anchor",
        )
    if output is None:
        click.echo(anchor.decode(), nl=False)
        return
    try:
        output.write_bytes(anchor)
    except OSError as error:
        raise IdentityError(
            f"cannot write {output}: {error.strerror}", hint="choose another place"
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IdentityError(
            f"cannot read {path}: {error.strerror}", hint="check its permissions"
        ) from error


if __name__ == "__main__":
    main()

"""``ltx-attack``: one attack on one file, to look at what it does or to try a detector on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.config import LtxCommand

if TYPE_CHECKING:
    from attacks.base import Attack


def _list(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from attacks.catalog import attacks

    family = ""
    for attack in attacks().values():
        if attack.family != family:
            family = attack.family
            click.echo(f"{family}:")
        click.echo(f"  {attack.name:22} {attack.summary}")
        if len(attack.ladder) > 1 or attack.unit != "none":
            click.echo(f"  {'':22} {attack.unit}: {_ladder(attack)}")
    ctx.exit()


def _ladder(attack: Attack) -> str:
    return ", ".join(
        f"{strength:g}{' (default)' if strength == attack.default else ''}"
        for strength in attack.ladder
    )


@click.command(
    name="ltx-attack",
    cls=LtxCommand,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog="Exit codes: 0 done, 2 usage, 3 input unusable, 4 writing failed.",
)
@click.argument("input_path", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to make; it appears when it is complete.",
)
@click.option("--attack", "name", metavar="NAME", help="Which attack; --list shows all.")
@click.option("--strength", type=float, help="How hard. [default: the attack's own]")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of what is left to chance.")
@click.option(
    "--params",
    metavar="JSON",
    help="Instead of all three: what was drawn before, as this command and ltx-bench print it.",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A further file that the attack needs: another copy, or somebody else's video.",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 51),
    help="Of the x264 that writes changed pictures. [default: 28; 18 if only sound changes]",
)
@click.option("--quiet", is_flag=True, help="Do not print what was drawn.")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list,
    help="Show all attacks with their strengths and stop.",
)
@click.version_option(package_name="everyframe")
def main(
    input_path: Path,
    output: Path,
    name: str | None,
    strength: float | None,
    seed: int,
    params: str | None,
    others: tuple[Path, ...],
    crf: int | None,
    quiet: bool,
) -> None:
    """Do to INPUT what happens to videos out there; its sound is kept."""
    if (name is None) == (params is None):
        raise click.UsageError("Name an attack: --attack NAME, or replay one: --params JSON.")
    from attacks.single import attack, replay
    from provenance.interrupts import noted_interrupts

    with noted_interrupts() as check:
        if params is not None:
            drawn = replay(input_path, output, _record(params), others=others, crf=crf, alive=check)
        else:
            drawn = attack(
                input_path,
                output,
                str(name),
                strength=strength,
                seed=seed,
                others=others,
                crf=crf,
                alive=check,
            )
    if not quiet:
        click.echo(json.dumps(drawn, ensure_ascii=False))


def _record(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--params") from error
    if not isinstance(record, dict):
        raise click.BadParameter("is not a JSON object", param_hint="--params")
    return record


if __name__ == "__main__":
    main()

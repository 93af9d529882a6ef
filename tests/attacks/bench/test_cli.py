"""What ``ltx-bench --list`` says is there."""

from __future__ import annotations

from click.testing import CliRunner

from attacks.bench.cli import main
from attacks.bench.suite import SUITES
from attacks.catalog import attacks
from attacks.systems.catalog import names


def test_the_list_names_every_suite_and_system_and_counts_attacks():
    done = CliRunner().invoke(main, ["--list"])
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines()]
    counts = {line[0]: line[-2:] for line in lines if line[0] in SUITES}
    assert counts.keys() == SUITES.keys()
    assert counts["quick"] == [f"({len(SUITES['quick'].entries)}", "attacks)"]
    # The suite that lists none has all.
    assert counts["full"] == [f"({len(attacks())}", "attacks)"]
    assert set(names()) <= {line[0] for line in lines}

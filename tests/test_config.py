from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from provenance.config import LtxCommand, config_path, read_config
from provenance.errors import OptionError, UnreadableMedia


@click.command(name="ltx-verify", cls=LtxCommand)
@click.option("--store", type=click.Path(), envvar="LTX_STORE", default="built-in")
@click.option("--require", multiple=True, default=["marked"])
@click.option("--jobs", type=int, default=1)
@click.option("--format", "form", default="text")
@click.option("--fail", type=click.Choice(["ours", "other", "interrupt"]))
def command(store, require, jobs, form, fail):
    if fail == "ours":
        raise UnreadableMedia("clip.mp4 is damaged", hint="copy it again")
    if fail == "interrupt":
        raise KeyboardInterrupt
    if fail == "other":
        raise RuntimeError("unforeseen")
    if form != "text":
        click.echo(form)
        return
    click.echo(f"{store}|{','.join(require)}|{jobs}")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LTX_CONFIG", "LTX_STORE", "LTX_VERIFY_JOBS", "LTX_VERIFY_FORMAT", "LTX_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments, env=None):
        return CliRunner().invoke(command, list(arguments), env=env or {})

    return invoke


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_defaults_stand_without_a_file(run):
    assert run().stdout == "built-in|marked|1\n"


def test_the_file_gives_defaults(run, tmp_path):
    path = write(
        tmp_path / "mine.toml", '[verify]\nrequire = ["trusted", "untampered"]\njobs = 3\n'
    )
    assert run(env={"LTX_CONFIG": str(path)}).stdout == "built-in|trusted,untampered|3\n"


@pytest.mark.parametrize("setting", ['require = ["trusted"]', 'output = "x"', "schema = true"])
def test_a_file_that_nobody_named_decides_on_no_trust(run, tmp_path, setting):
    """It may have come with the videos in the folder."""
    write(tmp_path / "ltx.toml", f"[verify]\n{setting}\n")
    result = run()
    assert result.exit_code == 2
    assert "LTX_CONFIG" in result.stderr


def test_environment_beats_the_file_and_a_flag_beats_both(run, tmp_path):
    write(tmp_path / "ltx.toml", "[verify]\njobs = 3\n")
    assert run(env={"LTX_VERIFY_JOBS": "4"}).stdout.endswith("|4\n")
    assert run("--jobs", "5", env={"LTX_VERIFY_JOBS": "4"}).stdout.endswith("|5\n")


def test_shared_settings_stand_at_the_top_and_a_commands_own_table_beats_them(run, tmp_path):
    write(tmp_path / "ltx.toml", 'store = "/a"\n')
    assert run().stdout.startswith("/a|")
    assert run(env={"LTX_STORE": "/b"}).stdout.startswith("/b|")
    write(tmp_path / "ltx.toml", 'store = "/a"\n[verify]\nstore = "/c"\n')
    assert run().stdout.startswith("/c|")


def test_options_have_the_names_that_users_type(run, tmp_path):
    assert run(env={"LTX_VERIFY_FORMAT": "json"}).stdout == "json\n"
    write(tmp_path / "ltx.toml", '[verify]\nformat = "jsonl"\n')
    assert run().stdout == "jsonl\n"


def test_paths_are_relative_to_the_file_that_names_them(run, tmp_path):
    path = write(tmp_path / "elsewhere" / "my.toml", 'store = "s.sqlite"\n')
    assert run(env={"LTX_CONFIG": str(path)}).stdout.startswith(f"{path.parent}/s.sqlite|")


def test_addresses_are_no_paths(run, tmp_path):
    write(tmp_path / "ltx.toml", 'store = "sqlite:////s.sqlite"\n')
    assert run().stdout.startswith("sqlite:////s.sqlite|")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("jobs = 3\n", "unknown setting 'jobs'"),
        ("[verfy]\njobs = 3\n", "unknown table 'verfy'"),
        ("[verify]\nsped = 1\n", "no option 'sped'"),
        ("[verify\n", "not valid TOML"),
    ],
)
def test_mistakes_in_the_file_are_usage_errors(run, tmp_path, text, part):
    write(tmp_path / "ltx.toml", text)
    result = run()
    assert result.exit_code == 2
    assert part in result.stderr
    assert "[option.invalid]" in result.stderr


def test_help_works_with_a_broken_file(run, tmp_path):
    write(tmp_path / "ltx.toml", "[verify\n")
    assert run("--help").exit_code == 0


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(OptionError, match=r"gone\.toml"):
        config_path({"LTX_CONFIG": str(tmp_path / "gone.toml")}, tmp_path)
    assert config_path({}, tmp_path) is None


def test_other_commands_tables_are_left_to_them(tmp_path):
    path = write(tmp_path / "ltx.toml", "[stamp]\ncrf = 20\n")
    assert read_config(path) == {"stamp": {"crf": 20}}


def test_our_errors_end_with_their_hint_and_code(run):
    result = run("--fail", "ours")
    assert result.exit_code == 3
    assert result.stderr == (
        "ltx-verify: clip.mp4 is damaged [media.unreadable]\n  hint: copy it again\n"
    )
    assert result.stdout == ""


def test_other_errors_are_internal_and_show_no_traceback(run):
    result = run("--fail", "other")
    assert result.exit_code == 4
    assert "internal error: RuntimeError: unforeseen" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interrupt_is_not_a_result(run):
    assert run("--fail", "interrupt").exit_code == 130

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from click.testing import CliRunner

from provenance.keys import carrier_keys, load_identity
from provenance.keys_cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def run(directory: Path, *arguments: object, code: int = 0, stdin: bytes = b""):
    result = CliRunner().invoke(main, ["--keys", str(directory), *map(str, arguments)], input=stdin)
    assert result.exit_code == code, result.output
    return result


def test_init_show_and_anchor(tmp_path: Path):
    keys = tmp_path / "keys"
    made = run(keys, "init")
    assert made.stdout == ""
    assert "warning" in made.stderr
    identity = load_identity(keys)
    shown = run(keys, "show").stdout
    assert identity.name in shown
    assert "everyframe-public-1 (published" in shown
    document = json.loads(run(keys, "show", "--format", "json").stdout)
    assert document["algorithm"] == "es256"
    assert run(keys, "export-anchor").stdout.encode() == identity.trust_anchor
    run(keys, "export-anchor", "-o", tmp_path / "anchor.pem")
    assert (tmp_path / "anchor.pem").read_bytes() == identity.trust_anchor


def test_show_tells_no_secret(tmp_path: Path):
    run(tmp_path, "init")
    run(tmp_path, "new-carrier")
    identity = load_identity(tmp_path)
    for style in ("text", "json"):
        shown = run(tmp_path, "show", "--format", style).output
        assert "PRIVATE" not in shown
        assert identity.prompt_key.hex() not in shown
        assert identity.carrier_key.secret.hex() not in shown


def test_errors_go_to_stderr_with_advice_and_exit_code_2(tmp_path: Path):
    result = run(tmp_path / "none", "show", code=2)
    assert result.stdout == ""
    assert "[identity.invalid]" in result.stderr
    assert "ltx-keys init" in result.stderr
    run(tmp_path, "init")
    assert "already" in run(tmp_path, "init", code=2).stderr
    assert (
        "no carrier key 'x'"
        in run(tmp_path, "export-carrier", "x", "-o", tmp_path / "f", code=2).stderr
    )


def test_a_carrier_key_is_handed_over_in_a_private_file(tmp_path: Path):
    name = run(tmp_path / "a", "new-carrier").stdout.strip()
    file = tmp_path / "carrier.json"
    run(tmp_path / "a", "export-carrier", "-o", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "exists already" in run(tmp_path / "a", "export-carrier", "-o", file, code=2).stderr
    assert run(tmp_path / "b", "import-carrier", file).stdout.strip() == name
    run(tmp_path / "c", "import-carrier", "-", "--use", stdin=file.read_bytes())
    assert carrier_keys(tmp_path / "b") == carrier_keys(tmp_path / "a")
    assert carrier_keys(tmp_path / "c") == carrier_keys(tmp_path / "a")


def test_the_public_carrier_key_is_not_exported(tmp_path: Path):
    run(tmp_path, "export-carrier", "-o", tmp_path / "f", code=2)
    assert not (tmp_path / "f").exists()


def test_import_of_a_bought_certificate(tmp_path: Path, issue):
    bought = issue("es384")
    for name in ("certificate", "key", "root"):
        (tmp_path / name).write_bytes(getattr(bought, name))
    arguments = ("import", tmp_path / "certificate", tmp_path / "key")
    result = run(tmp_path / "k", *arguments, "--anchor", tmp_path / "root")
    assert "Example Studios (es384)" in result.stderr
    assert load_identity(tmp_path / "k").trust_anchor == bought.root
    assert (
        "URL" in run(tmp_path / "k", *arguments, "--time-authority", "tsa.example", code=2).stderr
    )
    run(tmp_path / "k", *arguments, "--time-authority", "http://tsa.example/")
    assert load_identity(tmp_path / "k").time_authority == "http://tsa.example/"
    assert "not known" in run(tmp_path / "k", "export-anchor", code=2).stderr


def test_the_directory_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "env"))
    assert CliRunner().invoke(main, ["init"]).exit_code == 0
    assert load_identity(tmp_path / "env").development

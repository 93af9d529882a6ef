"""The commands: settings from flag, variable and file in that order; tenants and keys."""

from __future__ import annotations

import socket
import time

import click
import pytest
from click.testing import CliRunner

from provenance.config import LtxCommand
from service.accounts import Accounts, Quota
from service.accounts_cli import main as accounts_command
from service.audit import entries
from service.cli import serve, worker
from service.database import open_database
from service.feedback_cli import main as feedback_command
from service.options import TABLE, service_options, settings_from


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    """The settings that a command line gives."""
    monkeypatch.chdir(tmp_path)
    found = []

    @click.command(name="ltx-serve", cls=LtxCommand, settings_table=TABLE)
    @service_options
    def probe(**given):
        found.append(settings_from(given))

    def run(*arguments):
        result = CliRunner().invoke(probe, arguments)
        assert result.exit_code == 0, result.output
        return found.pop()

    return run


def test_flag_before_variable_before_file_before_default(chosen, tmp_path, monkeypatch):
    assert (chosen().port, chosen().depth) == (8080, "early")
    path = tmp_path / "service.toml"
    path.write_text('[service]\nport = 1\nworkers = 7\nobject-store = ["s3://a/", "s3://b/"]\n')
    monkeypatch.setenv("LTX_CONFIG", str(path))
    assert (chosen().port, chosen().workers) == (1, 7)
    assert chosen().object_stores == ("s3://a/", "s3://b/")
    monkeypatch.setenv("LTX_SERVICE_PORT", "2")
    assert chosen().port == 2
    assert chosen("--port", "3").port == 3
    assert chosen().workers == 7


def test_shared_variables_and_units(chosen, monkeypatch):
    monkeypatch.setenv("LTX_KEYS", "k")
    monkeypatch.setenv("LTX_SERVICE_STORE", "postgresql://db/manifests")
    settings = chosen("--max-upload-mib", "2", "--scan-mib", "100", "--sandbox", "required")
    assert (settings.scan.keys, settings.scan.store) == ("k", "postgresql://db/manifests")
    assert settings.bounds.upload_bytes == 2 << 20
    assert (settings.scan.memory_bytes, settings.scan.sandbox) == (100 << 20, "required")
    assert settings.database_address.endswith("service.sqlite")


def test_a_file_that_merely_lies_there_opens_no_doors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTX_CONFIG", raising=False)
    (tmp_path / "ltx.toml").write_text("[service]\nport = 1\n")
    result = CliRunner().invoke(serve, [])
    assert result.exit_code == 2
    assert "LTX_CONFIG" in result.output


def test_misspelt_settings_are_errors(tmp_path, monkeypatch):
    path = tmp_path / "service.toml"
    path.write_text("[service]\nprot = 1\n")
    monkeypatch.setenv("LTX_CONFIG", str(path))
    result = CliRunner().invoke(worker, [])
    assert (result.exit_code, "prot" in result.output) == (2, True)


@pytest.mark.parametrize("command", [serve, worker, accounts_command])
def test_help(command):
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "--database" in result.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--policy", "none.toml"], 3),
        (["--data", "/dev/null/x"], 4),
        (["--database", "text"], 4),
        (["--storage", "ftp://x/"], 2),
        (["--database", "mysql://x/y"], 2),
        (["--scan-seconds", "nan"], 2),
        (["--public-hours", "inf"], 2),
    ],
)
def test_what_cannot_work_ends_it_at_once_and_says_why(arguments, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("not a database" * 100)
    result = CliRunner().invoke(serve, arguments)
    assert result.exit_code == code, result.output
    assert "hint:" in result.output


def test_a_worker_that_may_not_work_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(worker, ["--workers", "0"])
    assert result.exit_code == 2
    assert "--workers 0" in result.output
    assert "hint:" in result.output
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_ends_it_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(serve, ["--port", port])
    assert result.exit_code == 2
    assert f"port {port}" in result.output
    assert "--port chooses another" in result.output
    assert not list(tmp_path.iterdir())


def test_tenants_and_keys_are_made_and_ended(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(accounts_command, [*arguments, "--data", "d"])

    made = run("create", "acme", "--scope", "scans:read", "--daily-scans", "5")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert "whsec_" in made.stderr
    database = open_database(str(tmp_path / "d" / "service.sqlite"))
    accounts = Accounts(database, clock=lambda: 1.8e9)
    caller = accounts.caller(key)
    assert caller.scopes == {"scans:read"}
    assert caller.tenant.quota.daily_scans == 5
    assert run("create", "acme").exit_code == 2
    assert run("key", "nobody").exit_code == 2
    second = run("key", "acme").stdout.strip()
    assert accounts.caller(second) is not None
    assert run("revoke", "acme", "--key", caller.key).exit_code == 0
    assert run("revoke", "acme", "--key", "x").exit_code == 2
    assert Accounts(database, clock=lambda: 4e9).caller(key) is None
    database.close()


def test_a_tenant_is_changed_closed_and_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strict.toml").write_text('version = "7"\ndefault = "block"\n')

    def run(*arguments):
        return CliRunner().invoke(accounts_command, [*arguments, "--data", "d"])

    key = run("create", "acme", "--daily-scans", "5", "--per-minute", "7").stdout.strip()
    database = open_database(str(tmp_path / "d" / "service.sqlite"))
    accounts = Accounts(database, clock=time.time)
    before = accounts.tenant("acme")
    changed = run(
        "change", "acme", "--policy", "strict.toml", "--daily-mib", "2", "--unset", "daily-scans"
    )
    assert (changed.exit_code, changed.stdout) == (0, "")
    after = accounts.caller(key).tenant
    assert after.policy == str(tmp_path / "strict.toml")
    assert after.quota == Quota(daily_scans=None, daily_bytes=2 << 20, per_minute=7)
    assert after.webhook_secret == before.webhook_secret
    secret = run("change", "acme", "--new-webhook-secret").stdout.strip()
    assert secret == accounts.tenant("acme").webhook_secret != before.webhook_secret
    run("change", "acme", "--disable")
    assert accounts.caller(key) is None
    run("change", "acme", "--enable")
    assert accounts.caller(key) is not None
    told = [
        one["detail"]
        for one in entries(database, after.id, before=None, limit=10)
        if one["action"] == "tenant.changed"
    ]
    assert sorted(told) == [
        "daily_bytes daily_scans policy", "disabled", "disabled", "webhook_secret",
    ]  # fmt: skip
    for wrong in (
        ["change", "acme"],
        ["change", "nobody", "--disable"],
        ["change", "acme", "--webhook", "ftp://example.org/"],
        ["change", "acme", "--unset", "name"],
    ):
        assert run(*wrong).exit_code == 2
    database.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", ""],
        ["create", "a\n\x1b[31m"],
        ["create", "n" * 101],
        ["create", "acme", "--scope", "everything"],
        ["create", "acme", "--webhook", "ftp://example.org/"],
        ["create", "acme", "--policy", "bad.toml"],
        ["create", "acme", "--days", "nan"],
        ["create", "acme", "--days", "0"],
        ["create", "acme", "--database", "mysql://x/y"],
    ],
)
def test_a_tenant_is_made_wholly_or_not_at_all(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('default = "perhaps"\n')
    wrong = CliRunner().invoke(accounts_command, arguments)
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    right = CliRunner().invoke(accounts_command, ["create", "acme"])
    assert right.exit_code == 0, right.output
    assert {entry.name for entry in tmp_path.iterdir()} == {"bad.toml", "ltx-service"}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (accounts_command, ["key", "acme"]),
        (accounts_command, ["revoke", "acme", "--key", "x"]),
        (feedback_command, []),
    ],
)
def test_looking_where_no_service_is_makes_none(command, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 4
    assert "there is no service" in result.output
    assert "hint:" in result.output
    assert not list(tmp_path.iterdir())


@pytest.fixture
def account(tmp_path, monkeypatch):
    """Runs ltx-accounts on a service that has a tenant ``acme``; gives the result."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(accounts_command, [*arguments, "--data", "d"])

    assert run("create", "acme").exit_code == 0
    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "b", "--disable"],
        ["create", "b", "--new-webhook-secret"],
        ["key", "acme", "--daily-scans", "5"],
        ["revoke", "acme", "--days", "2"],
        ["change", "acme", "--disable", "--scope", "scans:read"],
        ["change", "acme", "--unset", "daily-scans", "--daily-scans", "5"],
        ["change", "acme", "--daily-scans", "99999999999999999999"],
    ],
)
def test_what_an_action_would_not_do_is_refused(account, arguments):
    result = account(*arguments)
    assert result.exit_code == 2, result.output
    assert account("create", "b").exit_code == 0  # nothing was made before


def test_the_settings_of_the_service_are_not_given_to_its_tenants(account, tmp_path, monkeypatch):
    (tmp_path / "all.toml").write_text("")
    monkeypatch.setenv("LTX_SERVICE_POLICY", str(tmp_path / "all.toml"))
    monkeypatch.setenv("LTX_SERVICE_PER_MINUTE", "7")
    assert account("create", "b").exit_code == 0
    assert account("change", "acme", "--daily-scans", "5").exit_code == 0
    database = open_database(str(tmp_path / "d" / "service.sqlite"))
    accounts = Accounts(database, clock=time.time)
    found = [accounts.tenant(name) for name in ("b", "acme")]
    database.close()
    assert [(one.policy, one.quota.per_minute) for one in found] == [(None, None)] * 2

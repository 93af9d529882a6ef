"""The image and the compose file, as far as they can be judged without Docker.

That the image builds, and that the containers start, is not tested here.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from provenance.config import LtxCommand
from service.options import TABLE, service_options, settings_from
from service.processes import _DRAIN_S
from service.serving import GRACE_S
from service.settings import Settings

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "service" / "deploy"
OURS = ("server", "worker")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def image():
    """The Dockerfile's instructions as (name, rest), continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def last_stage(image):
    return image[max(i for i, (name, _) in enumerate(image) if name == "FROM") :]


def chosen(arguments, environ):
    """What the service makes of a command line and its environment."""
    found = []

    @click.command(name="ltx-serve", cls=LtxCommand, settings_table=TABLE)
    @service_options
    def probe(**given):
        found.append(settings_from(given))

    result = CliRunner().invoke(probe, arguments, env=environ)
    assert result.exit_code == 0, result.output
    return found.pop()


def test_the_image_runs_as_nobody_and_is_looked_after(image):
    stage = dict(last_stage(image))
    uid, gid = stage["USER"].split(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000
    assert "/healthz" in stage["HEALTHCHECK"]
    assert stage["CMD"] == '["ltx-serve"]'  # as a list: signals reach it, and no shell
    assert stage["WORKDIR"].startswith("/")
    names = [name for name, _ in last_stage(image)]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")


def test_the_image_keeps_the_rules_that_linters_have(image):
    """hadolint's DL3000, 3002, 3004, 3006, 3007, 3020, 3025 and 4000, and no secrets."""
    for name, rest in image:
        assert name != "ADD"
        assert name != "MAINTAINER"
        assert not re.search(r"\bsudo\b|curl .*\| *sh", rest)
        if name == "FROM":
            reference = rest.split()[0]
            assert ":" in reference
            assert not reference.endswith(":latest")
        if name in {"CMD", "ENTRYPOINT"}:
            assert rest.startswith("[")
        if name in {"ENV", "ARG"}:
            assert not re.search(r"PASSWORD|SECRET|TOKEN", rest, re.IGNORECASE)


def test_what_the_image_copies_is_there_and_is_let_in(image):
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for name, rest in image:
        if name == "COPY" and not rest.startswith("--from"):
            for source in shlex.split(rest)[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored


def test_the_compose_file_keeps_the_specification(compose):
    """By the JSON Schema of compose-spec; what it refuses, no version of compose takes."""
    schemas = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text())
    check = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in check.iter_errors(compose)] == []
    spoiled = {**compose["services"]["server"], "memory_limit": "1g"}
    assert not check.is_valid({**compose, "services": {"server": spoiled}})


def test_containers_can_write_and_do_little(compose):
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "mem_limit" in service
        assert "pids_limit" in service
        assert "privileged" not in service
    text = (DEPLOY / "compose.yaml").read_text()
    assert "docker.sock" not in text
    for service in compose["services"].values():
        tag = service["image"].partition(":")[2]
        assert "build" in service or (tag and tag != "latest")
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")
    assert compose["networks"]["inside"]["internal"] is True
    assert compose["services"]["postgres"]["networks"] == ["inside"]


def test_passwords_come_from_outside(compose):
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name:
                assert value.startswith("${POSTGRES_PASSWORD:?")
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_all_that_is_named_is_there(compose):
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            there = source in compose["volumes"] or (DEPLOY / source).exists()
            assert there, source
        assert set(service["networks"]) <= set(compose["networks"])
    build = compose["services"]["server"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {compose["services"][name]["command"][0] for name in OURS} <= set(scripts)


def test_the_settings_are_taken(compose, image, monkeypatch):
    """Variables of image and compose file, flags, and the mounted file, all by their real names."""
    monkeypatch.delenv("LTX_CONFIG", raising=False)
    of_image = dict(
        pair.split("=", 1)
        for name, rest in last_stage(image)
        if name == "ENV"
        for pair in shlex.split(rest)
    )
    known = {parameter.name for parameter in service_options(click.Command("x")).params}
    for name in OURS:
        service = compose["services"][name]
        environ = {**of_image, **service["environment"]}
        assert environ["LTX_CONFIG"] in service["volumes"][1]
        for variable in environ:
            if variable.startswith("LTX_SERVICE_"):
                assert variable.removeprefix("LTX_SERVICE_").lower() in known
        environ["LTX_CONFIG"] = str(DEPLOY / "service.toml")
        settings = chosen(service["command"][1:], environ)
        assert settings.host == "0.0.0.0"
        assert settings.database_address.startswith("postgresql://")
        assert settings.data == Path("/data/service")
        assert settings.scan.sandbox == "required"
        assert settings.scan.keys == "/data/keys"
    assert chosen(compose["services"]["server"]["command"][1:], {}).workers == 0


def test_what_stands_commented_in_the_settings_file_would_be_taken(tmp_path):
    lines = (DEPLOY / "service.toml").read_text().splitlines()
    made = [re.sub(r"^# (?=[a-z-]+ = )", "", line) for line in lines]
    path = tmp_path / "service.toml"
    path.write_text("\n".join(made))
    settings = chosen([], {"LTX_CONFIG": str(path)})
    assert settings.public == "everybody"
    assert settings.links
    assert settings.trusted_proxies == ("10.0.0.5",)


def test_containers_are_given_the_time_that_draining_takes(compose):
    grace = int(compose["services"]["server"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().drain_s + GRACE_S
    grace = int(compose["services"]["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > _DRAIN_S

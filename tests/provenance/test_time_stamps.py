"""Time-stamps: what each policy does with an authority that is well, down, broken, slow or odd."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import provenance.manifest.signing
from provenance.cli import main as ltx_stamp
from provenance.errors import IdentityError, ManifestError, OptionError
from provenance.keys import import_identity, load_identity, with_time_stamps
from provenance.manifest import read_manifest, sign_file
from provenance.manifest.time_relay import TimeRelay
from provenance.trust import TrustSettings
from tests.drawn import draw_clip
from tests.time_authority import time_authority

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def authority():
    with time_authority() as running:
        yield running


@pytest.fixture
def mood(authority):
    yield lambda name: setattr(authority, "mood", name)
    authority.mood = "well"


def test_a_stamp_says_when_and_survives_the_signer_being_untrusted(
    authority, development_identity, plain_mp4: Path, request_for, tmp_path: Path
):
    identity = with_time_stamps(development_identity, authority=authority.url, policy="required")
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    both = TrustSettings(anchors_pem=(identity.trust_anchor, authority.root))
    report = read_manifest(tmp_path / "s.mp4", both)
    assert report.state == "trusted"
    assert report.time_stamped
    assert abs(report.time - datetime.now(UTC)) < timedelta(minutes=1)
    # Without the authority's root it is one more claim of the signer.
    alone = read_manifest(tmp_path / "s.mp4", TrustSettings(anchors_pem=(identity.trust_anchor,)))
    assert not alone.time_stamped
    assert alone.state == "trusted"


def test_off_asks_nobody(authority, development_identity, plain_mp4, request_for, tmp_path):
    before = authority.asked
    identity = with_time_stamps(development_identity, authority=authority.url, policy="off")
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    assert authority.asked == before


@pytest.mark.parametrize("name", ["broken", "refusing", "endless"])
def test_required_signs_nothing_without_a_stamp(
    authority, mood, name, development_identity, plain_mp4, request_for, tmp_path
):
    mood(name)
    identity = with_time_stamps(development_identity, authority=authority.url, policy="required")
    with pytest.raises(ManifestError) as caught:
        sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    assert authority.url in caught.value.message
    assert "best-effort" in caught.value.hint
    assert not (tmp_path / "s.mp4").exists()


@pytest.mark.parametrize("name", ["broken", "refusing", "down"])
def test_best_effort_signs_without_a_stamp_and_says_so(
    authority, mood, name, development_identity, plain_mp4, request_for, tmp_path
):
    mood(name)
    url = NOWHERE if name == "down" else authority.url
    identity = with_time_stamps(development_identity, authority=url, policy="best-effort")
    told: list[str] = []
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity, warn=told.append)
    assert len(told) == 1
    assert url in told[0]
    anchor = TrustSettings(anchors_pem=(identity.trust_anchor, authority.root))
    report = read_manifest(tmp_path / "s.mp4", anchor)
    assert (report.state, report.time_stamped) == ("trusted", False)


def test_best_effort_hides_no_other_failure(
    authority, development_identity, plain_mp4, request_for, tmp_path
):
    spoiled = replace(development_identity, private_key=b"no key")
    identity = with_time_stamps(spoiled, authority=authority.url, policy="best-effort")
    with pytest.raises(ManifestError):
        sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)


def test_an_authority_that_hangs_is_given_up(
    authority, mood, monkeypatch, development_identity, plain_mp4, request_for, tmp_path
):
    mood("slow")
    monkeypatch.setattr(
        provenance.manifest.signing, "TimeRelay", lambda url: TimeRelay(url, timeout_s=0.2)
    )
    identity = with_time_stamps(development_identity, authority=authority.url, policy="best-effort")
    told: list[str] = []
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity, warn=told.append)
    assert "timed out" in told[0]


def test_a_policy_needs_an_authority(development_identity):
    for policy in ("required", "best-effort"):
        with pytest.raises(OptionError) as caught:
            with_time_stamps(development_identity, policy=policy)
        assert "--tsa" in caught.value.hint
    with pytest.raises(OptionError):
        with_time_stamps(development_identity, authority=NOWHERE, policy="sometimes")
    with pytest.raises(IdentityError):
        with_time_stamps(development_identity, authority="ftp://time")
    assert with_time_stamps(development_identity, policy="off").time_authority is None


def test_authority_and_policy_are_kept_with_the_identity(tmp_path: Path, issue):
    bought = issue()
    import_identity(
        tmp_path / "keys",
        bought.certificate,
        bought.key,
        now=datetime.now(UTC),
        time_authority=NOWHERE,
        time_policy="best-effort",
    )
    identity = load_identity(tmp_path / "keys")
    assert (identity.time_authority, identity.time_policy) == (NOWHERE, "best-effort")


def test_ltx_stamp_takes_authority_and_policy(authority, tmp_path):
    clip = draw_clip(tmp_path / "in.mp4", frames=6, width=160, height=128)
    common = [str(clip), "--model", "ltx-2.3", "--keys", str(tmp_path / "keys")]
    common += ["--store", str(tmp_path / "store.sqlite"), "--preset", "ultrafast"]

    def run(name: str, *more: str):
        return CliRunner().invoke(ltx_stamp, [*common, "-o", str(tmp_path / name), *more])

    assert run("no.mp4", "--timestamp", "required").exit_code == 2
    down = run("down.mp4", "--tsa", NOWHERE)
    assert (down.exit_code, (tmp_path / "down.mp4").exists()) == (4, False)
    assert f"{tmp_path / 'down.mp4'} was not signed" in down.stderr  # and no temporary name
    late = run("late.mp4", "--tsa", NOWHERE, "--timestamp", "best-effort")
    assert late.exit_code == 0, late.output
    assert "no time-stamp" in late.stderr
    good = run("good.mp4", "--tsa", authority.url)
    assert good.exit_code == 0, good.output
    anchors = (load_identity(tmp_path / "keys").trust_anchor, authority.root)
    trust = TrustSettings(anchors_pem=anchors)
    stamped = {
        name: read_manifest(tmp_path / name, trust).time_stamped
        for name in ("late.mp4", "good.mp4")
    }
    assert stamped == {"late.mp4": False, "good.mp4": True}

"""The list of authorities: what is accepted, what it changes, what it is worth."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from provenance.errors import FetchRefused, IdentityError, InputMissing, OptionError
from provenance.keys import (
    create_development_identity,
    import_identity,
    own_anchors,
    renewal_notice,
    rotate_development_identity,
)
from provenance.keys_cli import main as ltx_keys
from provenance.manifest import read_manifest, sign_file
from provenance.own_trust import own_trust
from provenance.trust import TrustSettings
from provenance.trust_list import installed_list, shipped_snapshot, update_list

NOW = datetime.now(UTC)


def run(directory, *arguments: str):
    return CliRunner().invoke(ltx_keys, ["--keys", str(directory), *arguments])


def test_a_list_is_brought_trusted_replaced_and_removed(tmp_path, issue, plain_mp4, request_for):
    keys, bought, other = tmp_path / "keys", issue(), issue()
    (tmp_path / "list.pem").write_bytes(bought.root)
    identity = import_identity(tmp_path / "signer", bought.certificate, bought.key, now=NOW)
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)

    def state() -> str | None:
        return read_manifest(tmp_path / "s.mp4", own_trust(keys)).state

    assert state() == "valid"
    done = run(keys, "trust", "update", "--from", str(tmp_path / "list.pem"), "--title", "Ours")
    assert done.exit_code == 0, done.output
    assert state() == "trusted"
    shown = json.loads(run(keys, "trust", "show", "--format", "json").output)
    assert shown["installed"]["title"] == "Ours"
    assert shown["installed"]["source"] == "list.pem"
    assert shown["installed"]["date"] == NOW.date().isoformat()
    assert shown["installed"]["sha256"] == hashlib.sha256(bought.root).hexdigest()
    (tmp_path / "list.pem").write_bytes(other.root)
    update = update_list(keys, str(tmp_path / "list.pem"), title="Ours", now=NOW)
    assert (len(update.added), len(update.removed)) == (1, 1)
    assert state() == "valid"
    assert (keys / "trust" / "list.previous.pem").read_bytes() == bought.root
    assert run(keys, "trust", "remove").exit_code == 0
    assert installed_list(keys) is None


def test_what_the_snapshot_does_not_know_is_named(tmp_path, issue):
    (tmp_path / "list.pem").write_bytes(issue().root)
    done = run(tmp_path / "keys", "trust", "update", "--from", str(tmp_path / "list.pem"))
    assert "not in the C2PA Trust List of 2026-08-21" in done.stderr
    snapshot = shipped_snapshot()
    assert len(snapshot.certificates) == 30
    assert all(len(bytes.fromhex(digest)) == 32 for digest in snapshot.certificates)


def test_what_is_no_list_changes_nothing(tmp_path, issue):
    keys, good = tmp_path / "keys", issue()
    (tmp_path / "good.pem").write_bytes(good.root)
    update_list(keys, str(tmp_path / "good.pem"), title="Ours", now=NOW)
    bad = {
        "text": b"hello",
        "a signer's own": good.certificate,
        "a key beside it": good.root + good.key,
        "empty": b"",
        "too large": good.root + b"\n" * (5 << 20),
        "all expired": good.root,
    }
    for name, content in bad.items():
        (tmp_path / "bad.pem").write_bytes(content)
        now = NOW + timedelta(days=4000) if name == "all expired" else NOW
        with pytest.raises(OptionError):
            update_list(keys, str(tmp_path / "bad.pem"), title="Ours", now=now)
    with pytest.raises(OptionError, match="SHA-256"):
        update_list(
            keys, str(tmp_path / "good.pem"), title="Ours", now=NOW, expected_sha256="0" * 64
        )
    with pytest.raises(InputMissing):
        update_list(keys, str(tmp_path / "none.pem"), title="Ours", now=NOW)
    for url in ("http://example.org/list.pem", "https://127.0.0.1/list.pem"):
        with pytest.raises(FetchRefused):
            update_list(keys, url, title="Ours", now=NOW)
    found = installed_list(keys)
    assert found is not None
    assert found.pem == good.root
    assert not found.stale(NOW.date())
    assert found.stale(NOW.date() + timedelta(days=200))


def test_a_list_that_was_changed_does_not_count(tmp_path, issue):
    keys = tmp_path / "keys"
    (tmp_path / "list.pem").write_bytes(issue().root)
    update_list(keys, str(tmp_path / "list.pem"), title="Ours", now=NOW)
    (keys / "trust" / "list.pem").write_bytes(issue().root)
    with pytest.raises(IdentityError):
        installed_list(keys)
    assert own_trust(keys) == TrustSettings()


def test_a_replaced_identity_still_vouches_for_what_it_signed(
    tmp_path, issue, plain_mp4, request_for
):
    keys = tmp_path / "keys"
    first = create_development_identity(keys, now=NOW)
    sign_file(plain_mp4, tmp_path / "first.mp4", request_for(first), first)
    second = rotate_development_identity(keys, now=NOW)
    assert second.certificate_chain != first.certificate_chain
    assert second.prompt_key == first.prompt_key
    sign_file(plain_mp4, tmp_path / "second.mp4", request_for(second), second)
    assert own_anchors(keys) == (second.trust_anchor, first.trust_anchor)
    for name in ("first.mp4", "second.mp4"):
        assert read_manifest(tmp_path / name, own_trust(keys)).state == "trusted"
    bought = issue()
    import_identity(keys, bought.certificate, bought.key, now=NOW, trust_anchor=bought.root)
    assert own_anchors(keys) == (bought.root, second.trust_anchor, first.trust_anchor)
    assert run(keys, "rotate").exit_code == 2
    assert read_manifest(tmp_path / "first.mp4", own_trust(keys)).state == "trusted"


def test_a_certificate_that_soon_expires_is_named_in_time(tmp_path, issue):
    bought = issue(days=(-1, 20))
    keys = tmp_path / "keys"
    identity = import_identity(keys, bought.certificate, bought.key, now=NOW)
    notice = renewal_notice(identity, now=NOW)
    assert notice is not None
    assert re.search("in (19|20) days", notice)
    assert "ltx-keys import" in notice
    assert renewal_notice(identity, now=NOW - timedelta(days=11)) is None
    shown = run(keys, "show")
    assert "expires on" in shown.stderr
    renewal = json.loads(run(keys, "show", "--format", "json").stdout)["renewal"]
    assert renewal.startswith("the certificate of Example Studios expires on")

"""``ltx-stamp`` on input that is marked or signed already."""

from __future__ import annotations

import json
import secrets
import shutil
from datetime import UTC, datetime

import pytest

from provenance.keys import DEFAULT_CARRIER_KEY, create_carrier_key
from provenance.store import open_store
from tests.desk import (
    HEIGHT,
    WIDTH,
    identity_of,
    names,
    packets_of,
)


class TestMarkedAlready:
    @pytest.fixture
    def marked(self, desk, done):
        """The stamped file with its keys and its store, to work on."""
        shutil.copytree(done.desk.folder, desk.folder, dirs_exist_ok=True)
        return (desk.folder / "out.mp4").rename(desk.folder / "marked.mp4")

    def test_keep_signs_and_touches_nothing_else(self, desk, marked):
        first = desk.verified(marked)
        out = desk.folder / "again.mp4"
        result = desk.stamp(
            "--date", "2020-02-02", "--prompt", "other", "--format", "json",
            source=marked, output=out,
        )  # fmt: skip
        facts = json.loads(result.stdout)
        assert result.exit_code == 0
        assert "that mark was kept" in result.stderr
        assert "LTX Video 2.3, generated, 2026-03-24" in result.stderr
        assert facts["kept"] is True
        assert facts["quality"] is None
        assert packets_of(out, "video") == packets_of(marked, "video")
        # What the new manifest says is what the mark says, not what was asked for.
        again = desk.verified(out)
        assert facts["content_id"] == first["watermark"]["content_id"]
        assert again["watermark"]["content_id"] == first["watermark"]["content_id"]
        assert again["manifest"]["content_id"] == first["watermark"]["content_id"]
        assert (again["manifest"]["model"], facts["date"]) == ("ltx-2.3", "2026-03-24")
        assert (again["verdict"], again["tampered"]) == ("ai_generated", False)
        # The store goes on answering with what was signed when the mark was made.
        with open_store(desk.store) as store:
            assert store.get(facts["content_id"]).manifest in marked.read_bytes()

    @pytest.mark.parametrize(
        "options", [("--model", "helios-1.0"), ("--source", "captured"), ("--source", "edited")]
    )
    def test_keep_vouches_for_no_other_statement(self, desk, marked, options):
        """Somebody else's mark must not decide what the signer says."""
        out = desk.folder / "again.mp4"
        result = desk.stamp(*options, source=marked, output=out)
        assert result.exit_code == 2
        assert "mark.present" in result.stderr
        assert "LTX Video 2.3, generated" in result.stderr
        assert not out.exists()

    def test_keep_claims_no_new_mark(self, desk, marked):
        from provenance.manifest import read_manifest
        from provenance.trust import TrustSettings

        out = desk.folder / "again.mp4"
        desk.stamped(source=marked, output=out)
        report = read_manifest(out, TrustSettings().with_anchor(identity_of(desk).trust_anchor))
        assert report.actions == ("c2pa.opened", "c2pa.edited.metadata")

    def test_the_history_of_the_input_is_kept(self, desk, marked):
        from provenance.manifest import read_manifest
        from provenance.trust import TrustSettings

        out = desk.folder / "again.mp4"
        desk.stamped(source=marked, output=out)
        trust = TrustSettings().with_anchor(identity_of(desk).trust_anchor)
        report = read_manifest(out, trust)
        (parent,) = report.ingredients
        assert (parent.relationship, parent.title) == ("parentOf", "Original")
        assert parent.manifest_label is not None
        assert "c2pa.opened" in report.actions
        third = desk.folder / "third.mp4"
        desk.stamped(source=out, output=third)
        report = read_manifest(third, trust)
        assert report.state == "trusted"
        assert len(report.ingredients) == 2

    def test_keep_names_the_key_that_read_the_mark(self, desk, marked):
        from provenance.manifest import read_manifest
        from provenance.trust import TrustSettings

        create_carrier_key(desk.keys, random=secrets.token_bytes)
        out = desk.folder / "again.mp4"
        assert desk.stamped(source=marked, output=out)["kept"] is True
        assert read_manifest(out, TrustSettings()).carrier == DEFAULT_CARRIER_KEY.name

    def test_keep_changes_no_container(self, desk, marked):
        result = desk.stamp(source=marked, output=desk.folder / "again.mkv")
        assert result.exit_code == 2
        assert "option.invalid" in result.stderr
        assert not (desk.folder / "again.mkv").exists()

    def test_keep_signs_no_file_that_lacks_its_end(self, desk, marked):
        cut = desk.folder / "cut.mp4"
        cut.write_bytes(marked.read_bytes()[:-2000])
        result = desk.stamp(source=cut, output=desk.folder / "again.mp4")
        assert result.exit_code == 3
        assert "media.unreadable" in result.stderr
        assert not (desk.folder / "again.mp4").exists()

    def test_refuse(self, desk, marked):
        before = names(desk.folder)
        result = desk.stamp("--if-marked", "refuse", source=marked)
        assert result.exit_code == 2
        assert "mark.present" in result.stderr
        assert names(desk.folder) == before

    def test_add_makes_a_new_mark(self, desk, marked):
        out = desk.folder / "added.mp4"
        facts = desk.stamped(
            "--if-marked",
            "add",
            "--strength",
            2,
            "--model",
            "helios-1.0",
            source=marked,
            output=out,
        )
        assert facts["kept"] is False
        assert facts["model"] == "helios-1.0"
        earlier = desk.verified(marked)["watermark"]["content_id"]
        assert facts["content_id"] != earlier
        assert facts["readable"] is True
        verified = desk.verified(out)
        assert verified["watermark"]["detected"] is True
        assert verified["manifest"]["piece_ids"] == [earlier]


def test_signed_input_without_a_mark_becomes_the_parent(desk):
    """Somebody else's credentials on unmarked footage."""
    from provenance.manifest import ManifestRequest, read_manifest, sign_file
    from provenance.payload import model_by_key
    from provenance.trust import TrustSettings

    signed = desk.folder / "signed.mp4"
    request = ManifestRequest(
        model=model_by_key("ltx-2.3"),
        title="signed.mp4",
        created=datetime.now(UTC),
        source="captured",
        width=WIDTH,
        height=HEIGHT,
        duration_s=2.5,
        tool_version="test",
    )
    sign_file(desk.clip, signed, request, identity_of(desk))
    facts = desk.stamped("--source", "edited", source=signed)
    assert facts["kept"] is False
    report = read_manifest(desk.folder / "out.mp4", TrustSettings())
    (parent,) = report.ingredients
    assert (parent.relationship, parent.title) == ("parentOf", "Original")
    assert parent.manifest_label is not None
    assert desk.verified(desk.folder / "out.mp4")["verdict"] == "ai_edited"

"""Edits: what was marked or signed stays so, on every path, and is marked once."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.fingerprint import fingerprint
from provenance import stamp
from provenance.edits import edit, parse_operation
from provenance.errors import AlreadyMarked, MediaTooShort, OptionError
from provenance.fingerprint import Prints, match
from provenance.keys import create_development_identity
from provenance.manifest import read_manifest
from provenance.manifest.extraction import extract_manifest
from provenance.resolver.queries import by_fingerprint
from provenance.store import open_managed_store, open_store
from provenance.store.rows import label_of
from provenance.trust import TrustSettings
from provenance.video import EncodeSettings, MediaWriter, open_media
from provenance.watermark import ClipDetector
from tests.drawn import draw_clip
from tests.provenance.rubric import crjson, problems

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.store import ManagedStore

WIDTH, HEIGHT, FRAMES = 256, 192, 48
FAST = EncodeSettings(preset="ultrafast", crf=20)
OPERATIONS = {"trim": "trim=0.25:2", "transcode": "transcode", "concat": "concat"}


class Studio:
    """Identity and store, a bare clip and a marked one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity = create_development_identity(folder / "keys", now=datetime.now(UTC))
        self.store = open_store(folder / "store.sqlite")
        self.bare = draw_clip(folder / "bare.mp4", frames=FRAMES, width=WIDTH, height=HEIGHT)
        self.marked = folder / "marked.mp4"
        self.first = stamp(
            self.bare,
            self.marked,
            model="helios-1.0",
            prompt="a red disc",
            identity=self.identity,
            store=self.store,
            settings=FAST,
        )

    def edit(self, inputs: list[Path], what: str, name: str = "out.mp4", **changes):
        target = self.folder / name
        target.unlink(missing_ok=True)
        fields = {"model": "helios-1.0", "identity": self.identity, "store": self.store}
        fields |= {"settings": FAST} | changes
        return edit(inputs, target, parse_operation(what), **fields)

    def report(self, name: str = "out.mp4"):
        trust = TrustSettings(anchors_pem=(self.identity.trust_anchor,))
        return read_manifest(self.folder / name, trust)

    def read(self, name: str = "out.mp4", *, start_s: float = 0.0):
        """The content id that the pictures from ``start_s`` on carry."""
        with open_media(self.folder / name) as media:
            video = media.info.video
            detector = ClipDetector(
                keys=[self.identity.carrier_key],
                width=video.width,
                height=video.height,
                fast=True,
                reach="straight",
            )
            for picture in media.pictures():
                at = float(picture.time - media.info.start)
                if at >= start_s:
                    detector.add(picture.luma, time_s=at, bits=picture.bits)
            payload = detector.finish().payload
        return None if payload is None else payload.content_id_hex


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Studio:
    return Studio(tmp_path_factory.mktemp("studio"))


def inputs_of(studio: Studio, operation: str, state: str) -> list[Path]:
    one = studio.marked if state == "marked" else studio.bare
    return [one, one] if operation == "concat" else [one]


# What becomes of the mark, by path, state of the input and policy: it is kept and no other is made,
# a new one is made, or the input is refused. None is marked twice without being asked.
POLICY = [
    (operation, state, policy, result)
    for operation in OPERATIONS
    for state, policy, result in (
        ("bare", "keep", "new"),
        ("bare", "refuse", "new"),
        ("marked", "keep", "kept"),
        ("marked", "refuse", "refused"),
    )
] + [("transcode", "marked", "add", "new"), ("transcode", "bare", "add", "new")]


@pytest.mark.parametrize(("operation", "state", "policy", "result"), POLICY)
def test_the_policy_on_marked_input_on_every_path(studio, operation, state, policy, result):
    inputs = inputs_of(studio, operation, state)
    what = OPERATIONS[operation]
    first = studio.first.sealed.payload.content_id_hex
    if result == "refused":
        with pytest.raises(AlreadyMarked):
            studio.edit(inputs, what, if_marked=policy)
        assert not (studio.folder / "out.mp4").exists()
        return
    done = studio.edit(inputs, what, if_marked=policy)
    report, made = studio.report(), done.sealed.payload.content_id_hex
    assert (report.state, report.codes, report.binding_ok) == ("trusted", (), True)
    assert report.content_id == made
    assert ("c2pa.watermarked.unbound" in report.actions) == (result == "new")
    assert (made == first) == (result == "kept")
    if policy != "add":  # of two marks in a file either may be the one that is found
        assert done.readable
        assert studio.read() == made
    assert report.ai_generated is True


@pytest.fixture(scope="module")
def kept(studio, tmp_path_factory):
    """Makes each edit of the marked clip once, into a store that holds nothing else."""
    made = {}

    def make(path: str) -> tuple[str, ManagedStore]:
        if path not in made:
            store = open_managed_store(tmp_path_factory.mktemp(path) / "store.sqlite")
            name = f"kept-{path}.mp4"
            if path == "again":
                fields = {"model": "helios-1.0", "identity": studio.identity, "store": store}
                stamp(studio.marked, studio.folder / name, **fields)
            else:
                inputs = inputs_of(studio, path, "marked")
                studio.edit(inputs, OPERATIONS[path], name, store=store)
            made[path] = (name, store)
        return made[path]

    yield make
    for _, store in made.values():
        store.close()


@pytest.mark.parametrize(
    ("operation", "relationship", "actions"),
    [
        ("trim", "parentOf", ("c2pa.opened", "c2pa.trimmed", "c2pa.transcoded")),
        ("transcode", "parentOf", ("c2pa.opened", "c2pa.transcoded")),
        ("concat", "componentOf", ("c2pa.created", "c2pa.placed", "c2pa.placed")),
    ],
)
def test_the_actions_and_the_history_are_those_of_the_edit(
    studio, kept, operation, relationship, actions
):
    inputs = inputs_of(studio, operation, "marked")
    name, _ = kept(operation)
    report = studio.report(name)
    assert report.actions == actions
    assert {one.relationship for one in report.ingredients} == {relationship}
    assert len(report.ingredients) == len(inputs)
    assert all(one.manifest_label and one.ai_generated for one in report.ingredients)
    assert problems(crjson(studio.folder / name, studio.identity)) == {}
    # The prompt's digest is that of the mark that was kept.
    assert report.prompt_hash == str(studio.first.sealed.prompt)


@pytest.mark.parametrize("path", [*OPERATIONS, "again"])
def test_what_keeps_a_mark_has_a_fingerprint_of_its_own_that_fits_copies(studio, kept, path):
    name, store = kept(path)
    report = studio.report(name)
    said = Prints.from_text(report.fingerprint)
    assert said.video is not None
    assert said.sound is not None
    copy = studio.folder / "copy.mp4"
    with open_media(studio.folder / name) as media:
        video, coarse = media.info.video, EncodeSettings(preset="ultrafast", crf=32)
        length = media.info.duration_s
        with MediaWriter(copy, video=video, settings=coarse) as writer:
            for picture in media.pictures():
                writer.write(picture)
    assert said.video.duration_s == pytest.approx(length, abs=0.1)
    label = label_of(extract_manifest(studio.folder / name))
    assert match(fingerprint(copy), said.video).same
    found = by_fingerprint(store, said.video, limit=5)
    assert [one.manifest_id for one in found] == [label]
    # Nor did it take the place of the file that was marked.
    assert studio.store.get(report.content_id).manifest == extract_manifest(studio.marked)


def test_a_piece_without_a_mark_gets_one_and_the_other_keeps_its_own(studio):
    done = studio.edit([studio.marked, studio.bare], "concat", source="edited")
    first, new = (each.sealed.payload.content_id_hex for each in (studio.first, done))
    report = studio.report()
    assert report.piece_ids == (first,)
    assert report.content_id == new != first
    assert studio.read(start_s=2.0) == new
    assert report.digital_source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    assert studio.store.get(new) is not None


def test_a_tampered_piece_shows_in_a_trusted_whole(studio, tmp_path):
    raw = bytearray(studio.marked.read_bytes())
    raw[raw.rindex(b"mdat") + 4000] ^= 1
    spoilt = tmp_path / "spoilt.mp4"
    spoilt.write_bytes(raw)
    studio.edit([spoilt], "transcode")
    report = studio.report()
    assert report.state == "trusted"
    assert "assertion.bmffHash.mismatch" in report.codes


def test_pictures_and_sound_are_cut_at_the_same_places(studio):
    studio.edit([studio.bare], "trim=0.5:1.5", audio_mark=False)
    with open_media(studio.bare) as before, open_media(studio.folder / "out.mp4") as after:
        assert after.info.video == before.info.video
        pictures = list(after.pictures())
        assert len(pictures) == 24
        sound = np.concatenate(list(after.sound()))
        whole = np.concatenate(list(before.sound()))
    rate = 48_000
    assert abs(len(sound) - rate) < 2048  # AAC has frames of 1024
    wanted = whole[rate // 2 : rate // 2 + len(sound)]
    middle = slice(4096, min(len(wanted), len(sound)) - 4096)
    assert np.corrcoef(wanted[middle, 0], sound[middle, 0])[0, 1] > 0.99


def test_joined_sound_follows_its_pictures(studio, tmp_path):
    silent = draw_clip(
        tmp_path / "silent.mp4", frames=24, width=WIDTH, height=HEIGHT, channels=None
    )
    studio.edit([silent, studio.bare], "concat", audio_mark=False)
    with open_media(studio.folder / "out.mp4") as media:
        assert len(list(media.pictures())) == 24 + FRAMES
        sound = np.concatenate(list(media.sound()))
    assert abs(len(sound) / 48_000 - 3.0) < 0.05
    assert np.abs(sound[:46_000]).max() < 0.01
    assert np.abs(sound[50_000:140_000]).max() > 0.2


@pytest.mark.parametrize(
    "text",
    [
        "trim",
        "trim=1",
        "trim=2:1",
        "trim=-1:2",
        "trim=a:b",
        "trim=0:inf",
        "trim=0:nan",
        "crop",
        "concat=2",
        "",
    ],
)
def test_operations_that_make_no_sense(text):
    with pytest.raises(OptionError) as caught:
        parse_operation(text)
    assert "trim=START:END" in caught.value.hint


def test_what_cannot_be_edited_is_said(studio, tmp_path):
    other = draw_clip(tmp_path / "small.mp4", frames=12, width=160, height=128)
    with pytest.raises(OptionError, match="160×128"):
        studio.edit([studio.bare, other], "concat")
    slow = draw_clip(
        tmp_path / "slow.mp4", frames=12, width=WIDTH, height=HEIGHT, rate=Fraction(12)
    )
    with pytest.raises(OptionError, match=r"12\.000 frames"):
        studio.edit([studio.bare, slow], "concat")
    with pytest.raises(MediaTooShort):
        studio.edit([studio.bare], "trim=5:6")
    with pytest.raises(OptionError, match="no model"):
        studio.edit([studio.bare], "transcode", model=None)
    with pytest.raises(OptionError, match="of 2 files"):
        studio.edit([studio.bare, studio.bare], "transcode")
    with pytest.raises(AlreadyMarked, match="Helios"):
        studio.edit([studio.marked], "transcode", model="ltx-2.3")
    assert sorted(path.name for path in studio.folder.iterdir() if path.name.startswith(".")) == []


def test_marked_input_needs_no_model(studio):
    done = studio.edit([studio.marked], "trim=:1", model=None)
    assert done.statement.model.key == "helios-1.0"
    assert done.sealed.warnings == ()


def test_a_trim_past_the_end_says_where_the_video_ends(studio):
    done = studio.edit([studio.bare], "trim=1.5:100", audio_mark=False)
    assert done.carried.duration_s == pytest.approx(0.5, abs=0.05)
    (warning,) = done.sealed.warnings
    assert "ends after 2.00 s" in warning

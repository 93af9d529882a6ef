"""Copied marks and transplanted credentials, and that nothing else is taken for them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors import verify
from detectors.content import _incomparable, compare_content
from detectors.manifest import Credentials
from detectors.result import ManifestFacts, SegmentFacts
from provenance.clip import VideoSpec
from provenance.fingerprint import Prints
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.manifest import read_manifest, sidecar_path
from provenance.store import open_store
from provenance.trust import TrustSettings
from provenance.video import EncodeSettings, open_media, remux
from provenance.watermark import ClipMarker
from provenance.writer import ProvenanceWriter
from tests.drawn import natural_luma, write_luma
from tests.result_facts import CONTENT_ID, geometry, mark
from tests.stored import record, scene, seen

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.payload import Payload

RATE, SIZE = Fraction(10), (360, 640)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A file that was written marked and signed, its payload, and the store that knows it."""

    path: Path
    payload: Payload
    store: Path
    keys: Path

    def verify(self, path: Path, **options):
        trust = options.pop("trust", TrustSettings())
        return verify(path, keys=self.keys, store=self.store, trust=trust, **options)


def film(seed: int) -> list[np.ndarray]:
    return natural_luma(40, *SIZE, seed=seed, pan=1.0)


@pytest.fixture(scope="module")
def ours(tmp_path_factory, identity) -> Marked:
    folder = tmp_path_factory.mktemp("marked")
    spec = VideoSpec(width=SIZE[1], height=SIZE[0], rate=RATE)
    with (
        open_store(folder / "store") as store,
        ProvenanceWriter(
            folder / "marked.mp4",
            spec,
            identity,
            model="ltx-2.3",
            store=store,
            settings=EncodeSettings(preset="ultrafast", crf=20),
        ) as writer,
    ):
        for plane in film(1):
            writer.write(np.repeat(plane[None, ..., None], 3, axis=3))
    return Marked(
        path=folder / "marked.mp4",
        payload=writer.result.sealed.payload,
        store=folder / "store",
        keys=identity.directory,
    )


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """Another film, without a mark."""
    return write_luma(tmp_path_factory.mktemp("other") / "b.mp4", film(2), rate=RATE, crf=20)


def test_a_stripped_file_is_recovered_and_is_what_was_signed(tmp_path, ours, identity):
    stripped = tmp_path / "stripped.mp4"
    remux(ours.path, stripped)
    assert not read_manifest(stripped, TrustSettings()).present
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    result = ours.verify(stripped, trust=trust)
    assert result.manifest.source == "recovered"
    assert result.content_match is True
    assert result.verdict == "ai_generated"
    assert result.watermark.authenticated, "a trusted signer vouches for this content"
    assert not ours.verify(stripped).watermark.authenticated


def test_handling_leaves_the_content_what_it_is(tmp_path, ours):
    with open_media(ours.path) as media:
        planes = [picture.luma[20:-30, 40:-60] for picture in media.pictures()][7:-5]
    cut = write_luma(tmp_path / "cut.mp4", planes, rate=RATE, crf=24)
    result = ours.verify(cut)
    assert result.watermark.content_id == ours.payload.content_id_hex
    assert result.content_match is True
    assert result.verdict == "ai_generated"


def test_a_copied_watermark_is_conflicting(tmp_path, ours):
    """The best copy there can be: the very mark, on another film."""
    marker = ClipMarker(
        payload=ours.payload, key=DEFAULT_CARRIER_KEY, width=SIZE[1], height=SIZE[0]
    )
    planes = [marker.mark(p, time_s=i / 10) for i, p in enumerate(film(2))]
    result = ours.verify(write_luma(tmp_path / "copy.mp4", planes, rate=RATE, crf=20))
    assert result.watermark.content_id == ours.payload.content_id_hex
    assert result.verdict == "conflicting"
    assert result.content_match is False
    assert result.tampered is True
    assert [found.kind for found in result.tampering] == ["watermark_copied"]
    assert any("come from another file" in reason for reason in result.reasons)


def test_a_transplanted_manifest_is_conflicting(tmp_path, ours, other):
    victim = tmp_path / "b.mp4"
    shutil.copy(other, victim)
    with open_store(ours.store, create=False) as store:
        manifest = store.get(ours.payload.content_id_hex).manifest
    sidecar_path(victim).write_bytes(manifest)
    result = ours.verify(victim)
    assert result.manifest.source == "sidecar"
    assert result.verdict == "conflicting"
    assert "manifest_of_another_file" in [found.kind for found in result.tampering]


def test_credentials_beside_a_changed_copy_of_their_own_file_are_not_another_files(tmp_path, ours):
    with open_media(ours.path) as media:
        planes = [picture.luma.copy() for picture in media.pictures()]
    changed = write_luma(tmp_path / "changed.mp4", planes, rate=RATE, crf=30)
    with open_store(ours.store, create=False) as store:
        manifest = store.get(ours.payload.content_id_hex).manifest
    sidecar_path(changed).write_bytes(manifest)
    result = ours.verify(changed)
    assert result.content_match is True
    assert "manifest_of_another_file" not in [found.kind for found in result.tampering]


def test_an_untouched_file_needs_no_store(ours, tmp_path):
    result = verify(ours.path, keys=ours.keys, store=tmp_path / "none", trust=TrustSettings())
    assert result.content_match is True
    assert result.verdict == "ai_generated"


def credentials(seed: int | None) -> Credentials:
    prints = None if seed is None else seen(scene(seed)).to_bytes()
    return Credentials(
        manifest=ManifestFacts(present=False),
        stored=record(CONTENT_ID, video_fingerprint=prints),
        checks=(),
    )


def test_turned_and_tiny_views_are_not_accused():
    in_hand = Prints(video=seen(scene(1)))
    straight = mark(geometry=geometry())
    assert compare_content(in_hand, straight, credentials(1)).match is True
    assert compare_content(in_hand, straight, credentials(6)).match is False
    for view in (geometry(rotation_deg=12.0), geometry(shown=0.3), geometry(shown=1.6)):
        found = compare_content(in_hand, replace(straight, geometry=view), credentials(6))
        assert (found.match, found.tampering) == (None, ())
        assert found.checks[0].state == "skipped"


def test_an_excerpt_among_other_footage_is_no_copy():
    ours, theirs = scene(1)[8:], scene(2, seconds=21)
    marked = (
        SegmentFacts(start_s=0.0, end_s=10.0, state="unmarked"),
        SegmentFacts(start_s=10.0, end_s=13.0, state="marked"),
        SegmentFacts(start_s=13.0, end_s=24.0, state="unmarked"),
    )
    compiled = Prints(video=seen(np.concatenate([theirs[:80], ours, theirs[80:]])))
    found = compare_content(compiled, mark(segments=marked), credentials(1))
    assert (found.match, found.tampering) == (True, ())
    found = compare_content(compiled, mark(segments=marked), credentials(3))
    assert [one.kind for one in found.tampering] == ["watermark_copied"]


def test_nothing_to_compare_with_says_so():
    in_hand = Prints(video=seen(scene(1)))
    found = compare_content(in_hand, mark(), credentials(None))
    assert (found.match, found.checks[0].state) == (None, "skipped")
    short = Prints(video=seen(scene(1)[:8]))
    assert compare_content(short, mark(), credentials(6)).match is None


def test_what_was_replaced_in_the_picture_explains_another_fingerprint():
    assert _incomparable(mark(), changed=True) is not None
    assert _incomparable(mark(), changed=False) is None

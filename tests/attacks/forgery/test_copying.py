from __future__ import annotations

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.clip import open_clip
from attacks.file_accomplice import FileAccomplice
from attacks.forgery.copying import ATTACKS, KINDS, CopyResidual, ReplayPayload, TransplantManifest
from attacks.marking import marked_by_us
from provenance import MODELS, ensure_identity
from provenance.errors import OptionError
from provenance.keys import DEFAULT_CARRIER_KEY, CarrierKey
from provenance.manifest import ManifestRequest, has_manifest, sign_file
from provenance.payload import Payload
from provenance.watermark import ClipDetector
from tests.attacks.marked import Friend, alike, lumas, marked_clip, psnr_between, spread_pattern
from tests.drawn import draw_clip, natural_luma, write_luma

PAYLOAD = Payload(model=1, day=date(2026, 3, 4), content_id=4711)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("forgery")


@pytest.mark.parametrize("tile", [False, True])
def test_the_stranger_carries_the_pattern_afterwards(folder, tile):
    pattern = spread_pattern(1, tiled=True)
    marked = marked_clip(folder / "marked.mp4", pattern, frames=32)
    stranger = marked_clip(folder / "stranger.mp4", None, seed=9)
    desk = Desk(folder=folder, accomplice=Friend((stranger,)))
    forged = CopyResidual(psnr_db=40.0, tile=tile).apply(marked, desk)
    change = np.mean([a - b for a, b in zip(lumas(forged), lumas(stranger), strict=True)], axis=0)
    assert alike(change, pattern) > 0.4
    assert abs(alike(change, spread_pattern(2, tiled=True))) < 0.15
    assert psnr_between(stranger, forged) == pytest.approx(40.0, abs=0.7)


def test_a_tile_is_laid_out_at_the_size_that_cells_have_there(folder):
    """Cells are 4 pixels at 256 lines and 5 at 600."""
    pattern = spread_pattern(1, tiled=True)
    marked = marked_clip(folder / "marked.mp4", pattern, frames=16)
    planes = [np.full((600, 640), 90, np.uint8)] * 2
    stranger = open_clip(write_luma(folder / "large.mp4", planes, crf=4))
    desk = Desk(folder=folder, accomplice=Friend((stranger,)))
    forged = CopyResidual(psnr_db=40.0, tile=True).apply(marked, desk)
    change = lumas(forged)[0] - lumas(stranger)[0]
    assert alike(change[:160, :160], change[160:320, 160:320]) > 0.7
    assert abs(alike(change[:128, :128], change[128:256, 128:256])) < 0.4


def large_clip(path, seed):
    return open_clip(write_luma(path, natural_luma(12, 480, 640, seed=seed)))


def payload_of(clip, key):
    detector = ClipDetector(
        keys=(key,), width=clip.video.width, height=clip.video.height, reach="straight"
    )
    for picture in clip.pictures():
        detector.add(picture.luma, time_s=float(picture.time))
    return detector.finish().payload


def test_a_payload_under_the_public_key_is_replayed(folder):
    marked = marked_by_us(large_clip(folder / "l.mp4", 1), payload=PAYLOAD, key=DEFAULT_CARRIER_KEY)
    stranger = large_clip(folder / "s.mp4", 2)
    desk = Desk(folder=folder, accomplice=Friend((stranger,)))
    assert payload_of(stranger, DEFAULT_CARRIER_KEY) is None
    forged = ReplayPayload(content_id=5).apply(marked, desk)
    assert payload_of(forged, DEFAULT_CARRIER_KEY) == PAYLOAD


def test_under_a_private_key_the_forger_has_only_a_word_of_its_own(folder):
    key = CarrierKey(name="private", secret=b"p" * 32)
    marked = marked_by_us(large_clip(folder / "l.mp4", 1), payload=PAYLOAD, key=key)
    desk = Desk(folder=folder, accomplice=Friend((large_clip(folder / "s.mp4", 2),)))
    forged = ReplayPayload(content_id=5).apply(marked, desk)
    read = payload_of(forged, DEFAULT_CARRIER_KEY)
    assert read is not None
    assert read.content_id == 5
    assert payload_of(forged, key) is None


@pytest.fixture(scope="module")
def signed(folder):
    now = datetime(2026, 5, 6, tzinfo=UTC)
    identity, _ = ensure_identity(folder / "keys", now=now)
    request = ManifestRequest(
        model=MODELS[0],
        title="signed.mp4",
        created=now,
        width=128,
        height=96,
        duration_s=0.25,
        tool_version="0",
    )
    plain = draw_clip(folder / "plain.mp4", frames=6)
    sign_file(plain, folder / "signed.mp4", request, identity)
    return folder / "signed.mp4"


def test_a_manifest_is_really_carried_to_the_stranger(folder, signed):
    stranger = open_clip(draw_clip(folder / "other.mp4", frames=8, seed=5, width=96))
    assert stranger.file is not None
    assert not has_manifest(stranger.file)
    desk = Desk(folder=folder, accomplice=Friend((stranger,)))
    forged = TransplantManifest().apply(open_clip(signed), desk)
    assert forged.file is not None
    assert has_manifest(forged.file)
    pairs = zip(lumas(stranger), lumas(forged), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_a_stranger_that_is_no_file_becomes_one(folder, signed):
    stranger = open_clip(draw_clip(folder / "o.mp4", frames=8, seed=5)).changed()
    desk = Desk(folder=folder, threads=1, accomplice=Friend((stranger,)))
    forged = TransplantManifest().apply(open_clip(signed), desk)
    assert forged.file is not None
    assert has_manifest(forged.file)


def test_without_a_manifest_there_is_nothing_to_transplant(folder, signed):
    stranger = open_clip(draw_clip(folder / "o.mp4", frames=4))
    desk = Desk(folder=folder, accomplice=Friend((stranger,)))
    for clip in (open_clip(draw_clip(folder / "u.mp4", frames=4)), open_clip(signed).changed()):
        with pytest.raises(OptionError, match="manifest to transplant"):
            TransplantManifest().apply(clip, desk)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_is_drawn_replays_and_needs_a_stranger(attack, folder, signed):
    transform = attack.draw(attack.default, np.random.default_rng(0))
    assert restore(json.loads(json.dumps(describe(transform))), KINDS) == transform
    clip = open_clip(signed)
    with pytest.raises(OptionError):
        transform.apply(clip, Desk(folder=folder))
    with pytest.raises(OptionError, match="somebody else"):
        transform.apply(clip, Desk(folder=folder, accomplice=FileAccomplice()))
    assert attack.needs == {"stranger"}

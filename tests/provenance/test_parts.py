"""The pictures alone, the sound alone: marked as the whole, with credentials of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest

from detectors import verify
from provenance import ProvenanceWriter, VideoSpec
from provenance.clip import AudioSpec
from provenance.errors import OptionError
from provenance.keys import create_development_identity
from provenance.manifest import read_manifest
from provenance.parts import take_part
from provenance.store import EmptyStore, open_store
from provenance.trust import TrustSettings
from provenance.video import open_media, open_sound
from tests.desk import packets_of
from tests.drawn import moving_frames, tone

SPEC = VideoSpec(width=256, height=192, rate=Fraction(24))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    identity = create_development_identity(folder / "keys", now=datetime.now(UTC))
    store = open_store(folder / "store.sqlite")
    given = {"model": "ltx-2.3", "prompt": "a disc", "store": store}
    spec = AudioSpec(sample_rate=48_000, channels=2)
    with ProvenanceWriter(folder / "whole.mp4", SPEC, identity, audio=spec, **given) as writer:
        writer.write(np.stack(list(moving_frames(48, 192, 256))), audio=tone(2))
    yield folder, writer.result.sealed, identity, store
    store.close()


def checked(path, identity):
    trust = TrustSettings(anchors_pem=(identity.trust_anchor,))
    return verify(path, keys=[identity.carrier_key], store=EmptyStore(), trust=trust)


def test_the_pictures_alone_are_marked_signed_and_the_same(desk):
    folder, whole, identity, store = desk
    made = take_part(whole, folder / "video.mp4", "pictures", identity=identity, store=store)
    found = checked(made.path, identity)
    assert (found.verdict, found.manifest.state) == ("ai_generated", "trusted")
    assert not found.file.has_audio
    assert found.watermark.content_id == whole.payload.content_id_hex
    assert packets_of(made.path, "video") == packets_of(whole.path, "video")


def test_the_sound_alone_is_signed_and_the_same(desk):
    folder, whole, identity, store = desk
    before = store.get(whole.payload.content_id_hex).manifest
    made = take_part(whole, folder / "sound.mp4", "sound", identity=identity, store=store)
    report = read_manifest(made.path, TrustSettings(anchors_pem=(identity.trust_anchor,)))
    assert (report.state, report.ai_generated) == ("trusted", True)
    assert packets_of(made.path, "audio") == packets_of(whole.path, "audio")
    with open_sound(made.path) as sound:
        assert sound.info.duration_s == pytest.approx(2, abs=0.1)
    # A copy without credentials still finds those of the whole.
    assert store.get(whole.payload.content_id_hex).manifest == before


def test_there_is_no_sound_in_a_silent_file(desk):
    folder, whole, identity, store = desk
    silent = take_part(whole, folder / "silent.mp4", "pictures", identity=identity, store=store)
    with pytest.raises(OptionError, match="no sound"):
        take_part(silent, folder / "none.mp4", "sound", identity=identity, store=store)
    assert not (folder / "none.mp4").exists()
    with open_media(silent.path) as media:
        assert media.info.audio is None

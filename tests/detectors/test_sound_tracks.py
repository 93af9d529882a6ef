from __future__ import annotations

from datetime import date

import av
import pytest

from benchmarks.drawn_sound import voice
from detectors.verification import verify
from provenance.clip import AudioSpec
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.payload import Payload
from provenance.video import SoundWriter
from tests.drawn_sound import PAYLOAD, RATE, marked

OTHER = Payload(model=1, day=date(2026, 3, 24), content_id=99)


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """A voice without a mark, with one, and with another's."""
    folder, spoken = tmp_path_factory.mktemp("takes"), voice(6, RATE, seed=3)
    sounds = {"bare": spoken, "ours": marked(spoken), "theirs": marked(spoken, payload=OTHER)}
    for name, samples in sounds.items():
        path = folder / f"{name}.m4a"
        with SoundWriter(path, AudioSpec(sample_rate=RATE, channels=1)) as writer:
            writer.write(samples)
    return {name: folder / f"{name}.m4a" for name in sounds}


def together(target, *paths):
    """One file of all tracks, as they are."""
    with av.open(str(target), "w") as output:
        inputs = [av.open(str(path)) for path in paths]
        streams = [output.add_stream_from_template(one.streams.audio[0]) for one in inputs]
        streams[-1].metadata["language"] = "deu"
        for one, stream in zip(inputs, streams, strict=True):
            for packet in one.demux(one.streams.audio[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
            one.close()
    return target


def told(result):
    return {check.name: check.detail for check in result.checks}.get("audio_tracks")


def test_a_mark_in_a_later_track_is_found(tmp_path, takes):
    path = together(tmp_path / "a.mka", takes["bare"], takes["ours"])
    result = verify(path, keys=[DEFAULT_CARRIER_KEY])
    assert result.audio_watermark.content_id == PAYLOAD.content_id_hex
    assert told(result) == f"1: no mark; 2 (deu): {PAYLOAD.content_id_hex}"
    assert "audio_replaced" not in [sign.kind for sign in result.tampering]


def test_a_track_from_another_file_is_told(tmp_path, takes):
    path = together(tmp_path / "b.mka", takes["ours"], takes["theirs"])
    result = verify(path, keys=[DEFAULT_CARRIER_KEY])
    assert result.audio_watermark.content_id == PAYLOAD.content_id_hex
    (sign,) = [sign for sign in result.tampering if sign.kind == "audio_replaced"]
    assert OTHER.content_id_hex in sign.detail
    fast = verify(path, keys=[DEFAULT_CARRIER_KEY], fast=True)
    assert told(fast) == f"1: {PAYLOAD.content_id_hex}; 2: not searched"


def test_a_single_track_needs_no_list(takes):
    assert told(verify(takes["ours"], keys=[DEFAULT_CARRIER_KEY])) is None

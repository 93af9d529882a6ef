"""The 128 bits: what goes in comes out, and only under the right key."""

from __future__ import annotations

import random
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import OptionError, UnknownModel
from provenance.payload import (
    BODY_BITS,
    EPOCH,
    LAST_DAY,
    MODELS,
    NONCE_BITS,
    PAYLOAD_BITS,
    SOURCES,
    Payload,
    beginnings,
    model_by_key,
    model_by_number,
    new_content_id,
    pack,
    unpack,
)

SECRET = b"s" * 32
PAYLOAD = Payload(model=1, day=date(2026, 3, 24), content_id=0x1234567890ABC)

payloads = st.builds(
    Payload,
    model=st.integers(0, 255),
    day=st.dates(EPOCH, LAST_DAY),
    content_id=st.integers(0, 2**53 - 1),
    source=st.sampled_from(SOURCES),
)


@given(payloads, st.binary(min_size=32, max_size=32))
def test_what_is_packed_is_unpacked(payload, secret):
    bits = pack(payload, secret)
    assert bits.shape == (PAYLOAD_BITS,)
    assert set(np.unique(bits)) <= {0, 1}
    assert unpack(bits, secret) == payload


@given(payloads, payloads)
def test_different_payloads_have_different_bits(one, other):
    assert (pack(one, SECRET) == pack(other, SECRET)).all() == (one == other)


@given(payloads, st.binary(min_size=32, max_size=32).filter(lambda key: key != SECRET))
def test_another_key_reads_nothing(payload, secret):
    assert unpack(pack(payload, SECRET), secret) is None


@pytest.mark.parametrize("position", range(PAYLOAD_BITS))
def test_any_flipped_bit_is_rejected(position):
    bits = pack(PAYLOAD, SECRET)
    bits[position] ^= 1
    assert unpack(bits, SECRET) is None


def test_random_words_are_rejected():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2, (2000, PAYLOAD_BITS), dtype=np.uint8)
    assert [word for word in words if unpack(word, SECRET) is not None] == []


def test_the_layout_on_the_wire():
    payload = Payload(
        model=0xA5, day=EPOCH + timedelta(days=0x4321), content_id=0x1F0F0F0F0F0F0F, source="edited"
    )
    body = int("".join(str(b) for b in pack(payload, SECRET)[:BODY_BITS]), 2)
    assert body == (((((1 << 2 | 1) << 8 | 0xA5) << 15) | 0x4321) << 53) | 0x1F0F0F0F0F0F0F


@pytest.mark.parametrize(("version", "source"), [(0, 0), (2, 0), (3, 0), (1, 3)])
def test_versions_and_sources_of_the_future_are_not_misread(monkeypatch, version, source):
    monkeypatch.setattr("provenance.payload.VERSION", version)
    monkeypatch.setattr("provenance.payload.SOURCES", ("generated", "a", "b", "c"))
    payload = Payload(
        model=1, day=date(2026, 3, 24), content_id=1, source=("generated", "a", "b", "c")[source]
    )
    bits = pack(payload, SECRET)
    monkeypatch.undo()
    assert unpack(bits, SECRET) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": 256},
        {"model": -1},
        {"day": EPOCH - timedelta(days=1)},
        {"day": LAST_DAY + timedelta(days=1)},
        {"content_id": 2**53},
        {"content_id": -1},
    ],
)
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(OptionError):
        Payload(**{"model": 1, "day": date(2026, 3, 24), "content_id": 1} | wrong)


def test_the_last_day_is_on_the_wire():
    payload = Payload(model=255, day=LAST_DAY, content_id=2**53 - 1, source="captured")
    assert unpack(pack(payload, SECRET), SECRET) == payload
    assert date(2109, 9, 18) == LAST_DAY


def test_content_id_starts_with_the_prompt():
    draw = random.Random(7).getrandbits
    content_id = new_content_id(bytes.fromhex("abcdef") + bytes(29), draw)
    payload = Payload(model=1, day=EPOCH, content_id=content_id)
    assert payload.prompt_prefix == "abcdef"
    assert content_id & (2**NONCE_BITS - 1) == random.Random(7).getrandbits(NONCE_BITS)
    assert len(payload.content_id_hex) == 14
    assert int(payload.content_id_hex, 16) == content_id


def test_without_a_prompt_there_is_no_prefix():
    content_id = new_content_id(None, random.Random(7).getrandbits)
    assert Payload(model=1, day=EPOCH, content_id=content_id).prompt_prefix is None


def test_models_are_found_by_number_key_and_alias():
    for model in MODELS:
        assert model_by_number(model.number) is model
        assert all(model_by_key(name) is model for name in (model.key, *model.aliases))
    assert len({model.number for model in MODELS}) == len(MODELS)
    with pytest.raises(UnknownModel):
        model_by_key("no-such-model")
    with pytest.raises(UnknownModel):
        model_by_number(254)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("model", [1, 2, 255])
def test_beginnings_are_those_of_what_is_marked_these_years(model, source):
    among = beginnings()
    assert (np.diff(among.numbers) > 0).all()

    def begins(day, number=model):
        payload = Payload(model=number, day=day, content_id=(1 << 53) - 1, source=source)
        bits = pack(payload, b"k" * 32)
        return int("".join(map(str, bits[: among.bits])), 2) in among.numbers

    assert begins(date(2026, 1, 1))
    assert begins(date(2030, 12, 31))
    assert not begins(date(2025, 12, 31))
    assert not begins(date(2031, 1, 1))
    assert not begins(date(2027, 1, 1), number=254)


def test_beginnings_without_a_prompt_are_those_of_what_was_marked_without_one():
    among = beginnings(prompt=False)
    nonce = (1 << NONCE_BITS) - 1
    for content_id, expected in ((nonce, True), (nonce + 1, False)):
        bits = pack(Payload(model=2, day=date(2026, 5, 1), content_id=content_id), SECRET)
        begun = int("".join(map(str, bits[: among.bits])), 2)
        assert (begun in among.numbers) is expected
    assert len(among.numbers) == len(beginnings().numbers)

"""The code: payload bits through noise, and nothing out of nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from provenance import fec
from provenance.payload import PAYLOAD_BITS, Beginnings, Payload, beginnings, pack, unpack

SECRET = b"s" * 32


def received(bits, gamma, rng):
    """LLRs of a coded word whose signs have mean² / variance ``gamma``."""
    signs = 1.0 - 2.0 * fec.encode(bits)
    values = signs + rng.normal(0, 1 / np.sqrt(gamma), signs.shape)
    return (2 * gamma * values).astype(np.float32)


def random_bits(rng):
    return rng.integers(0, 2, PAYLOAD_BITS, dtype=np.uint8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("list_size", [1, 8, 128])
def test_a_clean_word_comes_back_first(seed, list_size):
    bits = random_bits(np.random.default_rng(seed))
    llr = (1.0 - 2.0 * fec.encode(bits)).astype(np.float32)
    words = fec.decode(llr, list_size=list_size)
    assert len(words) <= list_size
    assert (words[0] == bits).all()


def test_the_code_is_linear_and_balanced():
    rng = np.random.default_rng(0)
    one, other = random_bits(rng), random_bits(rng)
    assert (fec.encode(one ^ other) == fec.encode(one) ^ fec.encode(other)).all()
    # Two words differ in many places, or noise could turn one into the other.
    assert 320 < int((fec.encode(one) ^ fec.encode(other)).sum()) < 480
    flipped = one.copy()
    flipped[5] ^= 1
    assert int((fec.encode(one) ^ fec.encode(flipped)).sum()) >= 32


def found(gamma, count, *, list_size=fec.LIST_SIZE, seed=1):
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(count):
        bits = random_bits(rng)
        words = fec.decode(received(bits, gamma, rng), list_size=list_size)
        hits += bool((words == bits).all(1).any())
    return hits


def test_noise_at_the_design_point_is_corrected():
    assert found(0.4, 10) >= 9


def begun_with(bits):
    """What begins with ``bits``, and with nothing else."""
    number = int("0" + "".join(map(str, bits)), 2)
    return Beginnings(numbers=np.array([number]), bits=len(bits))


def beginning_of(words, bits):
    """The numbers that the first ``bits`` bits of (n, 128) ``words`` say."""
    return words[:, :bits].astype(np.int64) @ (1 << np.arange(bits)[::-1])


def test_a_longer_list_finds_more():
    assert found(0.3, 20, list_size=1) < found(0.3, 20)


def test_hopeless_noise_gives_words_but_never_the_right_tag():
    rng = np.random.default_rng(2)
    bits = pack(Payload(model=1, day=date(2026, 3, 24), content_id=99), SECRET)
    for _ in range(5):
        words = fec.decode(received(bits, 0.05, rng))
        assert words.shape == (fec.LIST_SIZE, PAYLOAD_BITS)
        assert [w for w in words if unpack(w, SECRET) is not None] == []


def test_words_of_pure_noise_never_have_a_right_tag():
    rng = np.random.default_rng(3)
    for _ in range(20):
        words = fec.decode(rng.normal(0, 3, fec.CODED_BITS).astype(np.float32))
        assert [w for w in words if unpack(w, SECRET) is not None] == []


def test_words_of_a_list_differ():
    words = fec.decode(np.random.default_rng(4).normal(size=fec.CODED_BITS).astype(np.float32))
    assert len(np.unique(words, axis=0)) == len(words)


def test_what_is_known_begins_every_word_and_helps_in_noise():
    rng = np.random.default_rng(7)
    plain = helped = 0
    for _ in range(12):
        bits = random_bits(rng)
        llr = received(bits, 0.22, rng)
        words = fec.decode(llr, among=begun_with(bits[:40]))
        assert words.shape == (fec.LIST_SIZE, PAYLOAD_BITS)
        assert (words[:, :40] == bits[:40]).all()
        assert len(np.unique(words, axis=0)) == len(words)
        helped += bool((words == bits).all(1).any())
        plain += bool((fec.decode(llr) == bits).all(1).any())
    assert helped >= plain + 4


def test_a_wrong_beginning_finds_nothing():
    bits = random_bits(np.random.default_rng(8))
    llr = (8 * (1.0 - 2.0 * fec.encode(bits))).astype(np.float32)
    assert not (fec.decode(llr, among=begun_with(1 - bits[:3])) == bits).all(1).any()
    assert (fec.decode(llr, among=begun_with(bits[:0]))[0] == bits).all()


def test_words_among_what_payloads_begin_with_are_found_in_more_noise():
    rng = np.random.default_rng(9)
    among = beginnings()
    plain = helped = 0
    for index in range(12):
        payload = Payload(model=3, day=date(2027, 3, 24), content_id=index, source="edited")
        bits = pack(payload, SECRET)
        llr = received(bits, 0.21, rng)
        words = fec.decode(llr, list_size=1024, among=among)
        assert np.isin(beginning_of(words, among.bits), among.numbers).all()
        helped += bool((words == bits).all(1).any())
        plain += bool((fec.decode(llr) == bits).all(1).any())
    assert helped >= plain + 2
    unprompted = beginnings(prompt=False)
    bits = pack(Payload(model=3, day=date(2027, 3, 24), content_id=7), SECRET)
    words = fec.decode(received(bits, 0.1, rng), list_size=1024, among=unprompted)
    assert np.isin(beginning_of(words, unprompted.bits), unprompted.numbers).all()
    early = pack(Payload(model=3, day=date(2025, 3, 24), content_id=7), SECRET)
    llr = received(early, 2.0, rng)
    assert (fec.decode(llr)[0] == early).all()
    assert not (fec.decode(llr, among=among) == early).all(1).any()


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf])
def test_degenerate_evidence_gives_no_mark(value):
    words = fec.decode(np.full(fec.CODED_BITS, value, np.float32))
    assert [w for w in words if unpack(w, SECRET) is not None] == []


def test_a_few_missing_cells_are_bridged():
    rng = np.random.default_rng(5)
    bits = random_bits(rng)
    llr = received(bits, 4.0, rng)
    llr[rng.permutation(fec.CODED_BITS)[:300]] = np.nan
    assert (fec.decode(llr)[0] == bits).all()


@pytest.mark.parametrize("shape", [(127,), (129,), (1, 128), ()])
def test_other_numbers_of_bits_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        fec.encode(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(799,), (1024,), (1, 800)])
def test_other_numbers_of_ratios_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        fec.decode(np.zeros(shape, np.float32))

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from provenance.prompt import prompt_digest

KEY = bytes(range(32))


def test_the_keyed_digest_is_not_the_plain_hash_and_depends_on_the_key():
    plain = hashlib.sha256(b"a red panda").hexdigest()
    keyed = prompt_digest("a red panda", KEY)
    assert str(keyed).startswith("hmac-sha256:")
    assert plain not in str(keyed)
    assert keyed != prompt_digest("a red panda", bytes(32))


def test_the_plain_digest_is_sha256_whatever_the_key():
    digest = prompt_digest("a red panda", KEY, plain=True)
    assert str(digest) == "sha256:" + hashlib.sha256(b"a red panda").hexdigest()
    assert digest == prompt_digest("a red panda", bytes(32), plain=True)


def test_composed_and_decomposed_letters_are_the_same_prompt():
    assert prompt_digest("caf\u00e9", KEY) == prompt_digest("cafe\u0301", KEY)


@given(st.text(), st.booleans())
def test_every_prompt_has_a_digest(prompt: str, plain: bool):
    assert len(prompt_digest(prompt, KEY, plain=plain).digest) == 32


def test_a_lone_surrogate_has_a_digest():
    assert len(prompt_digest("\ud800", KEY).digest) == 32

"""The 128 bits that the mark carries.

::

    bit   0…1   version       1
          2…3   source        how it was made: 0 generated, 1 edited by AI, 2 captured by a camera
          4…11  model         registry number, 1 = LTX Video 2.3
         12…26  day           days since 2020-01-01 (to 2109)
         27…50  prompt prefix first 24 bits of the prompt's digest, 0 when there is none
         51…79  nonce         29 random bits, redrawn when the store already holds the content id
         80…127 tag           HMAC-SHA256 of the first 80 bits under the carrier key, cut to 48 bits

Prompt prefix and nonce together are the 53-bit *content id*. A random word passes the tag with
probability 2⁻⁴⁸ whatever the video looks like: that is where the stated false-positive bound comes
from.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from provenance.errors import OptionError, UnknownModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Source = Literal["generated", "edited", "captured"]

VERSION = 1
SOURCES: tuple[Source, ...] = ("generated", "edited", "captured")
PAYLOAD_BITS = 128
TAG_BITS = 48
BODY_BITS = PAYLOAD_BITS - TAG_BITS
PREFIX_BITS = 24
NONCE_BITS = 29
EPOCH = date(2020, 1, 1)
LAST_DAY = EPOCH + timedelta(days=(1 << 15) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A generator that the mark can name. ``number`` is on the wire and is never used again."""

    number: int
    key: str
    name: str
    aliases: tuple[str, ...] = ()


MODELS: tuple[Model, ...] = (
    Model(number=1, key="ltx-2.3", name="LTX Video 2.3", aliases=("ltx-2.3-full",)),
    Model(number=2, key="helios-1.0", name="Helios 1.0", aliases=("helios-base", "helios")),
    # Models of others, by way of generators.adapters; 255 is any that has no number of its own.
    Model(number=3, key="ltx-video", name="LTX-Video"),
    Model(number=4, key="ltx-2", name="LTX-2"),
    Model(number=5, key="wan", name="Wan"),
    Model(number=6, key="helios-14b", name="Helios 14B"),
    Model(number=255, key="other", name="Another model"),
)


def model_by_key(key: str) -> Model:
    """The registered model with this key or alias; raises :class:`UnknownModel`."""
    for model in MODELS:
        if key == model.key or key in model.aliases:
            return model
    known = ", ".join(m.key for m in MODELS)
    raise UnknownModel(f"unknown model {key!r}", hint=f"registered models: {known}")


def model_by_number(number: int) -> Model:
    """The registered model with this number on the wire; raises :class:`UnknownModel`."""
    for model in MODELS:
        if number == model.number:
            return model
    raise UnknownModel(f"unknown model number {number}", hint="a newer everyframe may know it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What one mark says. ``content_id`` is 53 bits; ``day`` between 2020-01-01 and 2109-09-18."""

    model: int
    day: date
    content_id: int
    source: Source = "generated"

    def __post_init__(self) -> None:
        if not 0 <= self.model < 256:
            raise OptionError(f"model number {self.model} does not fit in 8 bits")
        if not EPOCH <= self.day <= LAST_DAY:
            raise OptionError(
                f"date {self.day} cannot be marked", hint=f"use a date from {EPOCH} to {LAST_DAY}"
            )
        if not 0 <= self.content_id < 1 << (PREFIX_BITS + NONCE_BITS):
            raise OptionError(f"content id {self.content_id} does not fit in 53 bits")

    @property
    def prompt_prefix(self) -> str | None:
        """First 24 bits of the prompt's digest as 6 hex digits, None when no prompt was given."""
        prefix = self.content_id >> NONCE_BITS
        return f"{prefix:06x}" if prefix else None

    @property
    def content_id_hex(self) -> str:
        """The content id as 14 hex digits: the name under which stores keep the manifest."""
        return f"{self.content_id:014x}"


def new_content_id(prompt_digest: bytes | None, draw_bits: Callable[[int], int]) -> int:
    """A content id for a prompt's digest (None: no prompt) and a nonce from ``draw_bits(n)``.

    ``secrets.randbits`` draws for real work, a seeded ``random.Random(…).getrandbits`` in tests.
    """
    prefix = int.from_bytes(prompt_digest[:3], "big") if prompt_digest else 0
    return prefix << NONCE_BITS | draw_bits(NONCE_BITS)


def _tag(body: bytes, secret: bytes) -> bytes:
    digest = hmac.new(secret, b"everyframe payload tag\0" + body, hashlib.sha256).digest()
    return digest[: TAG_BITS // 8]


def pack(payload: Payload, secret: bytes) -> NDArray[np.uint8]:
    """``payload`` and its tag under ``secret`` as (128,) bits, 0 or 1."""
    body = VERSION << 2 | SOURCES.index(payload.source)
    body = body << 8 | payload.model
    body = body << 15 | (payload.day - EPOCH).days
    body = body << (PREFIX_BITS + NONCE_BITS) | payload.content_id
    raw = body.to_bytes(BODY_BITS // 8, "big")
    return np.unpackbits(np.frombuffer(raw + _tag(raw, secret), np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginnings:
    """What words can begin with: ``bits`` bits, fewer than 63, that say one of ``numbers``.

    ``numbers``: (n,), rising, the first bit of the word being the highest of the number.
    """

    numbers: NDArray[np.int64]
    bits: int


@lru_cache(maxsize=2)
def beginnings(*, prompt: bool = True) -> Beginnings:
    """What payloads can begin with: version, any source, a registered model, a day of 2026 to 2030.

    Nothing was marked before. Without a ``prompt`` the bits of its prefix are known to be 0 as
    well, and count among those of the beginning.
    """
    first, end = ((date(year, 1, 1) - EPOCH).days for year in (2026, 2031))
    days = np.arange(first, end, dtype=np.int64)
    makers = sorted(
        (VERSION << 2 | source) << 8 | model.number
        for source in range(len(SOURCES))
        for model in MODELS
    )
    numbers = np.concatenate([maker << 15 | days for maker in makers])
    bits = BODY_BITS - PREFIX_BITS - NONCE_BITS
    if prompt:
        return Beginnings(numbers=numbers, bits=bits)
    return Beginnings(numbers=numbers << PREFIX_BITS, bits=bits + PREFIX_BITS)


def unpack(bits: NDArray[np.uint8], secret: bytes) -> Payload | None:
    """The payload in (128,) ``bits`` if its tag is right under ``secret`` and its version known."""
    raw = np.packbits(bits).tobytes()
    body_bytes, tag = raw[: BODY_BITS // 8], raw[BODY_BITS // 8 :]
    if not hmac.compare_digest(tag, _tag(body_bytes, secret)):
        return None
    body = int.from_bytes(body_bytes, "big")
    version, source = body >> (BODY_BITS - 2), body >> (BODY_BITS - 4) & 0b11
    if version != VERSION or source >= len(SOURCES):
        return None
    return Payload(
        model=body >> (BODY_BITS - 12) & 0xFF,
        day=EPOCH + timedelta(days=body >> (PREFIX_BITS + NONCE_BITS) & 0x7FFF),
        content_id=body & ((1 << (PREFIX_BITS + NONCE_BITS)) - 1),
        source=SOURCES[source],
    )

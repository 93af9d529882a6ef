"""The role of a watermark under test, ours or anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from attacks.accomplice import Accomplice
    from attacks.clip import Clip

Medium = Literal["video", "audio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a system read from a clip in which it was told what to expect.

    ``recovered``: the whole message came back, every bit. ``bit_accuracy``: share of the message's
    bits that are right, 0…1 (0.5 is chance), None where the system gives no bits. ``present``: the
    system's own claim that a mark is there; None for systems that cannot make one. ``presence_p``:
    the probability of such a claim without a mark. ``gamma``: mean² / variance of what was heard of
    the true cells (ours only). ``seconds_needed``: of the clip, from its start, until the message
    was there. ``bound``: upper bound of the probability that a message is read where none is.
    """

    recovered: bool
    bit_accuracy: float | None = None
    present: bool | None = None
    presence_p: float | None = None
    gamma: float | None = None
    seconds_needed: float | None = None
    bound: float | None = None


class System(Protocol):
    """A watermark: it writes a message into a clip and reads it from another.

    Key and message both follow from ``seed``, so that reading knows what to expect, and reading
    with another seed asks for another key and message. ``version`` changes when results do: it is
    part of what results are stored under. ``keyed``: whether reading takes a secret; a wrong key is
    not tried where there is none. ``frames_most``: how many pictures a cell of an evaluation shows
    it unless told otherwise (None: all). A system is pickled to other processes: heavy things are
    loaded on first use.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def medium(self) -> Medium: ...

    @property
    def message_bits(self) -> int: ...

    @property
    def keyed(self) -> bool: ...

    @property
    def frames_most(self) -> int | None: ...

    def mark(self, clip: Clip, *, seed: int) -> Clip:
        """``clip`` with the mark in it, lazily: marked while it is read."""
        ...

    def read(self, clip: Clip, *, seed: int) -> Reading:
        """What of the message of ``seed`` is in ``clip``."""
        ...

    def accomplice(self, original: Clip, *, seed: int, stranger: Clip | None) -> Accomplice:
        """Who helps to attack ``original`` as marked with ``seed``."""
        ...

"""Forward error correction of the payload: a punctured polar code with list decoding.

128 payload bits become 800 cell signs. The code is a polar code of length 1,024 (Arıkan 2009,
doi:10.1109/TIT.2009.2021379) of which 224 positions are punctured; the information set is chosen by
the Gaussian approximation (Trifonov 2012) for the noise at which the mark is hardest to read. The
decoder is the LLR-based successive-cancellation list decoder of Balatsoukas-Stimming et al. (2015,
doi:10.1109/TSP.2015.2439211); the keyed tag inside the payload picks the word out of the list, so
that no bits are spent on a checksum of the code's own. ``benchmarks/fec.py`` holds the comparison
that chose it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from provenance.payload import PAYLOAD_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.payload import Beginnings

CODED_BITS = 800
MOTHER_BITS = 1024
LIST_SIZE = 128
_NO_NUMBER = np.int64(2**63 - 1)  # larger than any with which a word may begin
_DESIGN_GAMMA = 0.4  # mean² / variance of a cell at which the code is built: just above its limit


def _bit_reversed(size: int) -> NDArray[np.intp]:
    index = np.arange(size)
    out = np.zeros(size, np.intp)
    for bit in range(size.bit_length() - 1):
        out |= (index >> bit & 1) << (size.bit_length() - 2 - bit)
    return out


def _phi(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chung's 1 − E[tanh(L/2)] of a Gaussian L with this mean and twice that variance."""
    low = np.minimum(mean, 0.8678)
    small = np.exp(0.0564 * low**2 - 0.48560 * low)
    large = np.exp(-0.4527 * np.maximum(mean, 1e-12) ** 0.86 + 0.0218)
    return np.clip(np.where(mean < 0.8678, small, large), 1e-300, 1.0)


def _phi_inverse(value: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.zeros_like(value), np.full_like(value, 1e4)
    for _ in range(60):
        middle = (low + high) / 2
        above = _phi(middle) > value
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


@lru_cache(maxsize=4)
def _construct(mother: int, coded: int, info: int) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """(mother,) mask of the frozen inputs and (coded,) positions that are sent."""
    # Quasi-uniform puncturing (Niu et al. 2013): the first in bit-reversed order are not sent.
    sent = np.sort(_bit_reversed(mother)[mother - coded :])
    mean = np.zeros(mother)
    mean[sent] = 2 * _DESIGN_GAMMA
    half = mother // 2
    while half >= 1:
        pairs = mean.reshape(-1, 2, half)
        upper, lower = pairs[:, 0], pairs[:, 1]
        check = _phi_inverse(1 - (1 - _phi(upper)) * (1 - _phi(lower)))
        mean = np.stack([np.where(np.minimum(upper, lower) == 0, 0.0, check), upper + lower], 1)
        mean = mean.reshape(-1)
        half //= 2
    frozen = np.ones(mother, bool)
    frozen[np.argsort(mean, kind="stable")[mother - info :]] = False
    return frozen, sent


def _polar_transform(rows: NDArray[np.uint8]) -> None:
    """Product with F^{⊗n} along the first axis, in place, without the bit reversal."""
    size, half = len(rows), 1
    while half < size:
        pairs = rows.reshape(size // (2 * half), 2, half, -1)
        pairs[:, 0] ^= pairs[:, 1]
        half *= 2


def construct() -> None:
    """Makes the code, which takes some 20 ms once; else whoever uses it first does."""
    _construct(MOTHER_BITS, CODED_BITS, PAYLOAD_BITS)


def encode(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(128,) payload bits → (800,) coded bits, each 0 or 1."""
    if bits.shape != (PAYLOAD_BITS,):
        raise ValueError(f"payload bits must have shape ({PAYLOAD_BITS},), not {bits.shape}")
    return np.asarray(encode_all(bits[None])[0])


def encode_all(words: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As :func:`encode`, of many words at once: (n, 128) → (n, 800)."""
    frozen, sent = _construct(MOTHER_BITS, CODED_BITS, PAYLOAD_BITS)
    eights = np.zeros((MOTHER_BITS, -(-len(words) // 8)), np.uint8)  # one bit a word
    eights[~frozen] = np.packbits(words.T, axis=1)
    _polar_transform(eights)
    return np.unpackbits(eights[sent], axis=1, count=len(words)).T


def decode(
    llr: NDArray[np.float32],
    *,
    list_size: int = LIST_SIZE,
    among: Beginnings | None = None,
) -> NDArray[np.uint8]:
    """(800,) log-likelihood ratios, positive for a 0 → (≤ ``list_size``, 128) words.

    The likeliest comes first. All words begin with one of ``among``, where that is given: the fewer
    those are, the louder noise may be. Raises ValueError for ``llr`` of another shape.
    """
    if llr.shape != (CODED_BITS,):
        raise ValueError(f"llr must have shape ({CODED_BITS},), not {llr.shape}")
    frozen, sent = _construct(MOTHER_BITS, CODED_BITS, PAYLOAD_BITS)
    full = np.zeros(MOTHER_BITS, np.float32)
    full[sent] = np.nan_to_num(llr, posinf=1e3, neginf=-1e3)
    return _ListDecoder(frozen, list_size, among).run(full)


_FROZEN, _REPEATED = "frozen", "repeated"
_Node: TypeAlias = "str | tuple[_Node, _Node]"


@lru_cache(maxsize=256)
def _tree(frozen: bytes) -> _Node:
    """What there is to decide about inputs, a byte each, 0 for those that carry information: none
    of them, one bit that repeats, or what both halves say.
    """
    if 0 not in frozen:
        return _FROZEN
    if 0 not in frozen[:-1]:
        return _REPEATED
    half = len(frozen) // 2
    return _tree(frozen[:half]), _tree(frozen[half:])


class _ListDecoder:
    """Successive cancellation over all paths at once: arrays are (paths, …), recursion by subtree.

    A fork makes and drops paths. What the levels above it hold is not copied then, but when it is
    next used: until that, each keeps which of its rows the paths of now descend from.
    """

    def __init__(
        self,
        frozen: NDArray[np.bool_],
        list_size: int,
        among: Beginnings | None = None,
    ) -> None:
        self._tree = _tree(frozen.tobytes())
        self._list_size = list_size
        self._metric = np.zeros(1, np.float32)
        numbers = np.zeros(0, np.int64) if among is None else among.numbers
        self._among = np.append(numbers, _NO_NUMBER)
        self._limited_bits = 0 if among is None else among.bits  # those that are still to come
        self._begun = np.zeros(1, np.int64)  # the number of the limited bits that each path decided
        self._stack: list[tuple[NDArray[Any], NDArray[np.intp] | None]] = []
        self._forks: list[tuple[NDArray[np.intp], NDArray[np.uint8]]] = []

    def run(self, llr: NDArray[np.float32]) -> NDArray[np.uint8]:
        self._subtree(llr[None], self._tree)
        row = np.argsort(self._metric, kind="stable")
        decided = []
        for parent, bit in reversed(self._forks):
            decided.append(bit[row])
            row = parent[row]
        return np.stack(decided[::-1], 1)

    def _subtree(self, llr: NDArray[np.float32], node: _Node) -> NDArray[np.float32]:
        """Decide the inputs of ``node``; returns their (paths, width) partial sums as signs."""
        if node is _FROZEN:  # nothing to decide: every path pays for the signs that disagree with 0
            self._metric = self._metric - np.add.reduce(np.minimum(llr, 0), 1)
            return np.ones(llr.shape, np.float32)
        if node is _REPEATED:  # one bit: step by step, the paths would pay the same
            return self._fork(llr)
        assert isinstance(node, tuple)
        half = llr.shape[1] // 2
        upper, lower = llr[:, :half], llr[:, half:]
        check = np.copysign(np.minimum(np.abs(upper), np.abs(lower)), upper * lower)
        if node[0] is _FROZEN:  # no fork, and all its signs are 1
            self._metric = self._metric - np.add.reduce(np.minimum(check, 0), 1)
            right = self._subtree(lower + upper, node[1])
            return np.concatenate([right, right], 1)
        self._stack.append((llr, None))
        left = self._subtree(check, node[0])
        llr = self._pop()
        upper, lower = llr[:, :half], llr[:, half:]
        self._stack.append((left, None))
        right = self._subtree(lower + upper * left, node[1])
        return np.concatenate([self._pop() * right, right], 1)

    def _pop(self) -> NDArray[Any]:
        """What was put aside last, of the paths that are left."""
        held, rows = self._stack.pop()
        return held if rows is None else held[rows]

    def _may_begin(self, begun: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) whether any of the numbers begins as each of (n,) ``begun`` does."""
        nearest = self._among[np.searchsorted(self._among, begun << self._limited_bits)]
        return np.asarray(nearest >> self._limited_bits == begun)

    def _fork(self, llr: NDArray[np.float32]) -> NDArray[np.float32]:
        """Try both values of an information bit on every path and keep the likeliest paths.

        ``llr``: (paths, width), all of them of that bit. Returns its sign (paths, width).
        """
        paths = len(llr)
        against = np.add.reduce(np.minimum(llr, 0), 1)
        agreeing = np.add.reduce(llr, 1) - against
        metric = np.concatenate([self._metric - against, self._metric + agreeing])
        keep = np.arange(2 * paths)
        begun = None
        if self._limited_bits:
            self._limited_bits -= 1
            begun = np.concatenate([2 * self._begun, 2 * self._begun + 1])
            keep = np.flatnonzero(self._may_begin(begun))
        if len(keep) > self._list_size:
            best = np.argpartition(metric[keep], self._list_size - 1)[: self._list_size]
            keep = keep[best]
        if begun is not None:
            self._begun = begun[keep]
        parent = keep % paths
        self._metric = metric[keep]
        self._stack = [
            (held, parent if rows is None else rows[parent]) for held, rows in self._stack
        ]
        bit = (keep >= paths).astype(np.uint8)
        self._forks.append((parent, bit))
        return np.repeat(1 - 2 * bit[:, None].astype(np.float32), llr.shape[1], 1)

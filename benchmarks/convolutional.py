"""A convolutional code of the payload's size, to compare the polar code with.

The rate-1/3 code of constraint length 9 of UMTS (3GPP TS 25.212 §4.2.3.1: generators 557, 663, 711
octal), ended by 8 zeros, each bit sent twice, and the last of the second copies left out: 128 bits
become 800. Decoded by a soft Viterbi over many words at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERATORS = (0o557, 0o663, 0o711)
MEMORY = 8
STATES = 1 << MEMORY


def _parity(value: NDArray[np.intp]) -> NDArray[np.uint8]:
    return (np.bitwise_count(value) & 1).astype(np.uint8)


# (2, 256, 3): what goes out when this bit comes in at this state. The newest bit is the highest.
_OUTPUTS = np.stack(
    [
        np.stack([_parity((bit << MEMORY | np.arange(STATES)) & g) for g in GENERATORS], 1)
        for bit in (0, 1)
    ]
)


def encode(bits: NDArray[np.uint8], coded: int) -> NDArray[np.uint8]:
    """(words, info) bits → (words, ``coded``) bits."""
    words = len(bits)
    state = np.zeros(words, np.intp)
    out = []
    for bit in np.concatenate([bits, np.zeros((words, MEMORY), np.uint8)], 1).T:
        out.append(_OUTPUTS[bit, state])
        state = state >> 1 | bit.astype(np.intp) << (MEMORY - 1)
    mother = np.concatenate(out, 1)
    return np.concatenate([mother, mother], 1)[:, :coded]


def decode(llr: NDArray[np.float32], info: int) -> NDArray[np.uint8]:
    """(words, coded) log-likelihood ratios → (words, ``info``) bits of the likeliest word."""
    words, coded = llr.shape
    steps = info + MEMORY
    mother = np.zeros((words, 2 * steps * len(GENERATORS)), np.float32)
    mother[:, :coded] = llr
    combined = mother.reshape(words, 2, steps, len(GENERATORS)).sum(1)
    signs = (1.0 - 2.0 * _OUTPUTS).astype(np.float32)
    # A state's predecessors differ in the bit that fell out; the bit that came in is its highest.
    state = np.arange(STATES)
    came_in = state >> (MEMORY - 1)
    before = np.stack([(state << 1 & (STATES - 1)) | dropped for dropped in (0, 1)])
    branch = np.stack([signs[came_in, before[dropped]] for dropped in (0, 1)])  # (2, 256, 3)
    metric = np.full((words, STATES), -np.inf, np.float32)
    metric[:, 0] = 0
    chosen = np.zeros((steps, words, STATES), np.uint8)
    for step in range(steps):
        gain = np.einsum("wg,dsg->dws", combined[:, step], branch)
        paths = metric[:, before].transpose(1, 0, 2) + gain
        chosen[step] = paths[1] > paths[0]
        metric = np.maximum(paths[0], paths[1])
    bits = np.zeros((words, steps), np.uint8)
    here = np.zeros(words, np.intp)
    for step in reversed(range(steps)):
        bits[:, step] = came_in[here]
        here = before[chosen[step, np.arange(words), here], here]
    return bits[:, :info]

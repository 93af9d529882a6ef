"""Which code for the payload: share of words that come back, over the noise of the cells.

γ is mean² over variance of a cell. 128 bits in 800 cells; the words begin as payloads without a
prompt do. "polar n": the project's code with a list of n (the keyed tag picks the word out of it,
so that a list of n costs log₂ n bits of the tag); "payloads": a list of words that begin as
payloads can, "no prompt": as those without a prompt can. "convolutional": rate 1/3, K = 9, sent
twice, soft Viterbi. "bound": the normal approximation of what the best code of this length can do
that is told no beginning (Polyanskiy, Poor and Verdú 2010, doi:10.1109/TIT.2010.2043769).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks import convolutional
from benchmarks.tables import markdown
from provenance import fec
from provenance.payload import PAYLOAD_BITS, beginnings
from provenance.programs import run_program

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from provenance.payload import Beginnings

GAMMAS = (0.15, 0.2, 0.23, 0.25, 0.3, 0.35, 0.4, 0.5)
POLAR = {
    "polar 1": (1, None),
    "8": (8, None),
    "32": (32, None),
    "128": (128, None),
    "1,024, payloads": (1024, beginnings()),
    "1,024, no prompt": (1024, beginnings(prompt=False)),
}


def approximation(gamma: float, *, info: int = PAYLOAD_BITS, coded: int = fec.CODED_BITS) -> float:
    """Share of words that the best code brings back, by the normal approximation."""
    # Moments of the information density of ±1 in Gaussian noise, by quadrature over the LLR,
    # which is Gaussian with mean 2γ and variance 4γ.
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    density = 1 - np.logaddexp(0, -(2 * gamma + 2 * math.sqrt(gamma) * nodes)) / math.log(2)
    capacity = float((weights * density).sum())
    dispersion = float((weights * density**2).sum()) - capacity**2
    margin = (coded * capacity - info + 0.5 * math.log2(coded)) / math.sqrt(coded * dispersion)
    return 0.5 * math.erfc(-margin / math.sqrt(2))


def drawn(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(count, 128) words that begin as payloads without a prompt do."""
    among = beginnings(prompt=False)
    begun = rng.choice(among.numbers, count)
    bits = rng.integers(0, 2, (count, PAYLOAD_BITS), dtype=np.uint8)
    bits[:, : among.bits] = begun[:, None] >> np.arange(among.bits)[::-1] & 1
    return bits


def _polar(
    bits: NDArray[np.uint8],
    noise: NDArray[np.float64],
    gamma: float,
    list_size: int,
    among: Beginnings | None,
) -> tuple[float, float]:
    """(share that came back, seconds a word)."""
    hits, spent = 0, 0.0
    for word, disturbance in zip(bits, noise, strict=True):
        values = 1 - 2.0 * fec.encode(word) + disturbance
        started = time.perf_counter()
        llr = (2 * gamma * values).astype(np.float32)
        listed = fec.decode(llr, list_size=list_size, among=among)
        spent += time.perf_counter() - started
        hits += bool((listed == word).all(1).any())
    return hits / len(bits), spent / len(bits)


def _convolutional(
    bits: NDArray[np.uint8], noise: NDArray[np.float64], gamma: float
) -> tuple[float, float]:
    values = 1 - 2.0 * convolutional.encode(bits, fec.CODED_BITS) + noise
    started = time.perf_counter()
    decoded = convolutional.decode((2 * gamma * values).astype(np.float32), PAYLOAD_BITS)
    spent = time.perf_counter() - started
    return float((decoded == bits).all(1).mean()), spent / len(bits)


@click.command(help=__doc__)
@click.option("--trials", default=200, show_default=True, help="Words for each γ and code.")
@click.option("--seed", default=0, show_default=True, help="Of words and noise.")
def main(trials: int, seed: int) -> None:
    rows, times = [], []
    for gamma in GAMMAS:
        # The same words and noise for every code.
        rng = np.random.default_rng(seed)
        bits = drawn(trials, rng)
        noise = rng.normal(0, 1 / math.sqrt(gamma), (trials, fec.CODED_BITS))
        results = [_convolutional(bits, noise, gamma)]
        results += [_polar(bits, noise, gamma, *code) for code in POLAR.values()]
        rows.append([f"γ = {gamma}", *(f"{share:.1%}" for share, _ in results)])
        rows[-1].append(f"{approximation(gamma):.1%}")
        times.append([spent for _, spent in results])
    milliseconds = [f"{1000 * t:.1f}" for t in np.median(times, axis=0)]
    rows.append(["ms a word", *milliseconds, ""])
    header = ["", "convolutional", *POLAR, "bound"]
    click.echo(markdown(header, rows))


if __name__ == "__main__":
    run_program(main)

"""How a run of the original goes on: at which speed, held, backwards, or with a small leap in it.

Every line, position against time, at a handful of speeds and every tenth of a second, is a state;
the most likely course stays on a line or pays to change to another (Viterbi). What is cheaper to
explain by one line stays one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# What another speed than the original's has to be worth: pictures are held, played backwards, and
# then hurried or slowed down, in this order.
_UNUSUAL_NATS = {0.0: 3.0, -1.0: 6.0, 1.0: 0.0}
CHANGED_NATS, _USUAL_NATS = 11.0, 16.0
LEAP_NATS = 20.0  # what another line has to be worth
PACE_NATS = 7.0  # and what one is that goes on from where the last one came to
SPEEDS = (-1.0, 0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
STEP_S = 0.1


class Costs(NamedTuple):
    """What changes of the course have to be worth, in nats: ``changed``, another speed than usual;
    ``pace``, a line that goes on from where the last one came to; ``leap``, any other, at each
    window (W,) or at all of them.
    """

    changed: float = CHANGED_NATS
    pace: float = PACE_NATS
    leap: float | NDArray[np.float64] = LEAP_NATS


class Piece(NamedTuple):
    """Windows ``first`` to ``last`` (not included): ``position_s`` of the original at the start of
    the first, going on at ``speed`` seconds of the original a second.
    """

    first: int
    last: int
    position_s: float
    speed: float


def pieces(
    start: NDArray[np.float64],
    seconds: Sequence[int],
    gains: Callable[[float, NDArray[np.float64]], NDArray[np.float64]],
    *,
    usual: float,
    costs: Costs | None = None,
) -> list[Piece]:
    """The most likely course through windows that start at ``start`` (W,).

    ``seconds``: about which second of the original each shows. ``gains`` (speed, offsets (L,)):
    (L, W) log-likelihood ratios of the lines that are at ``offsets`` seconds of the original when
    the first window starts. ``usual``: the speed of the whole, tried as well.
    ``costs``: of changes.
    """
    costs = costs or Costs()
    if len(start) < 2:
        return [Piece(0, len(start), float(seconds[0]), usual)]
    length_s = float(start[-1] - start[0])
    low, high = min(seconds) - 1.0, max(seconds) + 2.0
    speeds, offsets, told = [], [], []
    for speed in sorted({*SPEEDS, usual}):
        reach = speed * length_s
        tried = np.arange(low - max(reach, 0.0), high - min(reach, 0.0), STEP_S)
        told.append(gains(speed, tried))
        offsets.append(tried)
        speeds.append(np.full(len(tried), speed))
    speed_of, offset_of, gain = (
        np.concatenate(speeds),
        np.concatenate(offsets),
        np.concatenate(told),
    )
    # Of two lines that say the same, the one at the usual speed.
    gain = gain + 1e-3 * (speed_of == usual)[:, None]
    prices = dict.fromkeys(SPEEDS, costs.changed) | {usual: _USUAL_NATS} | _UNUSUAL_NATS
    price = np.array([prices[speed] for speed in speed_of.tolist()])
    leap: NDArray[np.float64] = np.broadcast_to(costs.leap, len(start))
    value = gain[:, 0] - price
    # Where each state came from at each window.
    origin = np.tile(np.arange(len(value)), (len(start), 1))
    for w in range(1, len(start)):
        place = np.rint((offset_of + speed_of * (start[w] - start[0])) / STEP_S).astype(np.intp)
        place -= place.min()
        # The best state at each place: the last one written there, in order of value.
        order = np.argsort(value, kind="stable")
        best_at = np.empty(place.max() + 1, np.intp)
        best_at[place[order]] = order
        stay = np.arange(len(value))
        paced, leaped = value[best_at[place]] - costs.pace, value.max() - leap[w]
        ways = np.stack([value, paced - price, leaped - price])
        way = ways.argmax(0)
        origin[w] = np.choose(way, [stay, best_at[place], np.full_like(stay, order[-1])])
        value = ways.max(0)
        value += gain[:, w]
    state, last = int(value.argmax()), len(start)
    found = []
    for w in range(len(start) - 1, -1, -1):
        if w and origin[w, state] == state:
            continue
        position = offset_of[state] + speed_of[state] * (start[w] - start[0])
        found.append(Piece(w, last, float(position), float(speed_of[state])))
        state, last = int(origin[w, state]), w
    return found[::-1]

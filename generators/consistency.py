"""One or two steps from noise to latents: the consistency function of a velocity.

The function that a consistency model learns sends every point of a way from noise to latents to the
latents at its end (Song et al. 2023, arXiv:2303.01469). Of a model that gives velocities along
straight ways it is ``x − level · velocity``, which at level 0 is ``x`` whatever the model says: the
condition that such a function must meet. More steps mix what was found with new noise and look
again (algorithm 1 there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.flow import clean_of, mix
from generators.sampling import noise_levels

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SHIFT = 2.0
"""How far the levels of a few steps lie towards the noisy end."""


def few_steps(
    velocity: Callable[[Tensor, float], Tensor], draw: Callable[[], Tensor], steps: int
) -> Tensor:
    """Latents, by so many looks at ``velocity(latents, level)``; ``draw`` gives unit noise."""
    levels = noise_levels(steps, SHIFT)[:-1]
    state = draw()
    for level, following in zip(levels, [*levels[1:], 0.0], strict=True):
        # Filled in where it is: a number that is copied to a GPU waits for all of its work.
        found = clean_of(state, velocity(state, level), state.new_full((), level))
        state = mix(found, draw(), state.new_full((), following)) if following else found
    return state

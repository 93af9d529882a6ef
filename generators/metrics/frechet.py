"""Fréchet distance of two sets of features (M. Heusel et al., 2017): generated from real.

The distance depends on how many samples there are, so it means something only beside that of real
to real of the same number: :func:`beside_real`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Beside(NamedTuple):
    """``distance`` of generated to real, and ``floor``: of one half of the real to the other."""

    distance: float
    floor: float


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between Gaussians fitted to (N, D) and (M, D): |µ - ν|² + tr(S + T - 2 (S T)^½)."""
    one, other = one.double(), other.double()
    gap = (one.mean(dim=0) - other.mean(dim=0)).pow(2).sum()
    first, second = _covariance(one), _covariance(other)
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # (S T)^½ has the trace of (S^½ T S^½)^½, which is symmetric.
    inner = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float(gap + first.trace() + second.trace() - 2 * inner))


def beside_real(generated: Tensor, real: Tensor) -> Beside:
    """Distances of (N, D) generated to N of (2 N or more, D) real features, and of N real to N
    other real ones.
    """
    count = min(len(generated), len(real) // 2)
    first, second = real[:count], real[count : 2 * count]
    return Beside(frechet_distance(generated[:count], first), frechet_distance(second, first))


def _covariance(features: Tensor) -> Tensor:
    centred = features - features.mean(dim=0)
    return centred.T @ centred / max(1, len(features) - 1)

"""Removal by drawing the picture anew: from a code that has no room for a mark, or by denoising.

Regeneration attacks send a picture through an autoencoder, of which a mark is what it cannot say
(Zhao et al., "Invisible image watermarks are provably removable using generative AI", NeurIPS 2024,
arXiv:2306.01953). :class:`RegenerateAutoencoder` has one that was trained on photographs;
:class:`Regenerate` fits a sparse linear one, principal components of patches with a threshold, on
the clip itself (Muresan and Parks, "Adaptive principal components and image denoising", ICIP 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack, drawn_seed, whole_within, within
from attacks.clip import frames_of, on_frames
from attacks.photometric.filters import NonLocalMeans
from provenance.video import picture_from_rgb, rgb_from_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attacks.base import Desk, Transform
    from attacks.clip import Clip
    from provenance.video import Picture

PATCH = 8
_FIT_EVERY_S = 0.5
_FITS_MOST = 40  # frames that the code is fitted on


@dataclass(frozen=True, slots=True, kw_only=True)
class Regenerate:
    """Every frame is coded in the principal components of the clip's own 8 × 8 patches, whatever
    is below ``threshold`` levels in the code is forgotten, and patches are put together again with
    half of their width overlapping.
    """

    threshold: float

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        code = principal_patches(clip)

        def again(frame: NDArray[np.uint8], _: float) -> NDArray[np.uint8]:
            planes = cv2.split(cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2YCrCb))
            # Colours are stored with an offset of half, which the mean of a patch carries.
            drawn = [regenerated(np.asarray(p, np.float32), code, self.threshold) for p in planes]
            rgb = cv2.cvtColor(cv2.merge(drawn), cv2.COLOR_YCrCb2RGB)
            return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)

        return on_frames(clip, again)


def principal_patches(clip: Clip) -> NDArray[np.float32]:
    """(64, 64) orthonormal, a component of 8 × 8 luma patches a column, the weakest first."""
    total, next_s, seen = np.zeros((PATCH**2, PATCH**2)), 0.0, 0
    for time_s, frame in frames_of(clip):
        if time_s < next_s - 1e-6 or seen >= _FITS_MOST:
            continue
        next_s, seen = time_s + _FIT_EVERY_S, seen + 1
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        patches = _patches(luma[: luma.shape[0] // 8 * 8, : luma.shape[1] // 8 * 8])
        patches = patches - patches.mean(axis=1, keepdims=True)
        total += patches.T.astype(np.float64) @ patches
    return np.asarray(np.linalg.eigh(total)[1], np.float32)


def regenerated(
    plane: NDArray[np.float32], code: NDArray[np.float32], threshold: float
) -> NDArray[np.float32]:
    """``plane`` (H, W) from what of its code is at least ``threshold``."""
    height, width = plane.shape
    half = PATCH // 2
    # Room for patches that begin half a patch outside, and for whole ones at the end.
    room = [(PATCH, PATCH + -side % PATCH) for side in (height, width)]
    padded = np.pad(plane, room, mode="symmetric")
    total = np.zeros_like(padded)
    for top in (0, half):
        for left in (0, half):
            part = padded[top:, left:]
            part = part[: part.shape[0] // PATCH * PATCH, : part.shape[1] // PATCH * PATCH]
            patches = _patches(part)
            mean = patches.mean(axis=1, keepdims=True)
            said = (patches - mean) @ code
            said[np.abs(said) < threshold] = 0
            drawn = said @ code.T + mean
            rows, columns = (side // PATCH for side in part.shape)
            whole = drawn.reshape(rows, columns, PATCH, PATCH).swapaxes(1, 2)
            total[top:, left:][: part.shape[0], : part.shape[1]] += whole.reshape(part.shape)
    return np.asarray(total[PATCH:, PATCH:][:height, :width] / 4, np.float32)


def _patches(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 64) of a plane of whole patches."""
    rows, columns = (side // PATCH for side in plane.shape)
    split = plane.reshape(rows, PATCH, columns, PATCH).swapaxes(1, 2)
    return split.reshape(rows * columns, PATCH**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegenerateAutoencoder:
    """Every frame is said in ``kept`` numbers for 8 × 8 pixels, and drawn again from them."""

    kept: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        from attacks.removal.autoencoder import redrawn  # torch: 2.5 s

        return on_frames(clip, lambda frame, _: redrawn(frame, self.kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiseTemporal:
    """A recursive mean over about ``frames`` frames where the picture stands still."""

    frames: float
    _STILL_LEVELS = 4.0

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        most_kept = 1 - 1 / self.frames

        def pictures() -> Iterator[Picture]:
            before: NDArray[np.float32] | None = None
            for picture in clip.pictures():
                frame = rgb_from_picture(picture).astype(np.float32)
                if before is not None:
                    moved = cv2.blur(cv2.absdiff(frame, before).mean(axis=2), (7, 7))
                    kept = most_kept * np.exp(-np.square(moved / self._STILL_LEVELS))
                    frame += (before - frame) * kept[..., None].astype(np.float32)
                before = frame
                level: NDArray[Any] = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
                yield picture_from_rgb(level, time=picture.time, spec=clip.video)

        return clip.changed(pictures=pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """The attacker marks it too, ``times`` times, each with a message of ``seed`` and following."""

    seed: int
    times: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        accomplice = desk.require_accomplice("re-watermarking")
        for index in range(self.times):
            clip = accomplice.mark(clip, seed=self.seed + index)
        return clip


def draw_regenerate(strength: float, _: np.random.Generator) -> Transform:
    return Regenerate(threshold=within("threshold", strength, 0.5, 200))


def draw_autoencoder(strength: float, _: np.random.Generator) -> Transform:
    return RegenerateAutoencoder(kept=whole_within("numbers kept", strength, 1, 16))


def draw_non_local(strength: float, _: np.random.Generator) -> Transform:
    return NonLocalMeans(h=within("filter strength", strength, 0.5, 40))


def draw_temporal(strength: float, _: np.random.Generator) -> Transform:
    return DenoiseTemporal(frames=within("frames", strength, 1, 60))


def draw_remark(strength: float, random: np.random.Generator) -> Transform:
    return Remark(seed=drawn_seed(random), times=whole_within("times", strength, 1, 8))


ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="regenerate",
        family="removal",
        summary="drawn anew from a sparse code of the clip's own patches",
        unit="threshold of the code in levels",
        ladder=(4.0, 8.0, 16.0, 32.0),
        default=16.0,
        draw=draw_regenerate,
    ),
    Attack(
        name="regenerate_autoencoder",
        family="removal",
        summary="drawn anew by a trained autoencoder",
        unit="numbers kept of 192 (8 × 8 pixels, three colours)",
        ladder=(16.0, 12.0, 8.0, 4.0, 2.0),
        default=8.0,
        draw=draw_autoencoder,
    ),
    Attack(
        name="denoise_nonlocal",
        family="removal",
        summary="non-local means",
        unit="filter strength in levels",
        ladder=(2.0, 4.0, 8.0),
        default=4.0,
        draw=draw_non_local,
    ),
    Attack(
        name="denoise_temporal",
        family="removal",
        summary="mean over frames where nothing moves",
        unit="frames",
        ladder=(2.0, 4.0, 8.0),
        default=4.0,
        draw=draw_temporal,
    ),
    Attack(
        name="remark",
        family="removal",
        summary="marked again by somebody else",
        unit="times",
        ladder=(1.0, 2.0, 3.0),
        default=1.0,
        draw=draw_remark,
        needs=frozenset({"marker"}),
    ),
)
KINDS: dict[str, type[Transform]] = {
    "Regenerate": Regenerate,
    "RegenerateAutoencoder": RegenerateAutoencoder,
    "DenoiseTemporal": DenoiseTemporal,
    "Remark": Remark,
}

"""Forgery: a stranger's clip is made to look as if its maker had marked or signed it.

The attacker has a marked clip and somebody else's clip (need: ``stranger``), which comes back
changed. Whatever a reader then reads is the forger's success. Copying an estimated mark is the
copy attack (Kutter, Voloshynovskiy and Herrigel, "The watermark copy attack", 2000).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attacks.base import Attack
from attacks.clip import encode, on_luma, open_clip
from attacks.forgery.boxes import manifest_boxes, write_with_boxes
from attacks.marking import marked_by_us
from attacks.removal.averaging import loudness
from attacks.removal.estimation import (
    at_psnr,
    budget,
    laid_out,
    mean_tile,
    static_residual,
    tile_period,
    with_added,
)
from provenance.errors import OptionError
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.manifest import container_of, sidecar_path
from provenance.payload import Payload
from provenance.quality.levels import levels
from provenance.video import EncodeSettings
from provenance.watermark import ClipDetector

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from attacks.base import Desk, Need, Transform
    from attacks.clip import Clip

_LISTEN_S = 10.0  # of the marked clip, to read what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyResidual:
    """What all frames of the marked clip have in common, at the stranger's size, is added to the
    stranger's clip at ``psnr_db`` dB.

    ``tile``: the size of our tile is known: its mean is laid out anew at the size that cells have
    in the stranger's clip, and as loud as public code allows where.
    """

    psnr_db: float
    tile: bool

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        stranger = desk.require_accomplice("copying a mark").stranger()
        width, height, bits = stranger.video.width, stranger.video.height, stranger.video.bits
        residual = static_residual(clip)
        if self.tile:
            tile = mean_tile(residual, tile_period(clip.video.width, clip.video.height))
            pattern = laid_out(tile, tile_period(width, height), width, height)
        else:
            resized = cv2.resize(residual.mean, (width, height), interpolation=cv2.INTER_LINEAR)
            pattern = np.asarray(resized, np.float32)

        def forged(luma: NDArray[Any], _: float) -> NDArray[Any]:
            loud = loudness(levels(luma, bits)) if self.tile else np.float32(1)
            return with_added(luma, at_psnr(pattern * loud, self.psnr_db), bits)

        return on_luma(stranger, forged)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPayload:
    """What the marked clip says under the published default key is said by the stranger's clip.

    Nothing read, the forger says something of ``content_id``: without the private key, whoever
    asks for the maker's mark must not be taken in by either.
    """

    content_id: int

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        stranger = desk.require_accomplice("replaying a payload").stranger()
        return marked_by_us(stranger, payload=self._read(clip), key=DEFAULT_CARRIER_KEY)

    def _read(self, clip: Clip) -> Payload:
        detector = ClipDetector(
            keys=(DEFAULT_CARRIER_KEY,),
            width=clip.video.width,
            height=clip.video.height,
            fast=True,
            reach="straight",
        )
        for picture in clip.pictures():
            detector.add(picture.luma, time_s=float(picture.time), bits=picture.bits)
            if detector.decided or picture.time > _LISTEN_S:
                break
        own = Payload(model=1, day=date(2026, 1, 1), content_id=self.content_id)
        return detector.finish().payload or own


@dataclass(frozen=True, slots=True, kw_only=True)
class TransplantManifest:
    """The C2PA manifest of the file that holds the clip, in it or beside it, is put into a file
    with the stranger's clip, or beside it. No picture is changed.

    A stranger's clip that is no MP4 or MOV file becomes one, at CRF ``crf``.
    """

    crf: int = 20

    def apply(self, clip: Clip, desk: Desk) -> Clip:
        stranger = desk.require_accomplice("transplanting a manifest").stranger()
        if clip.file is None:
            raise OptionError(
                "a clip that is not in a file has no manifest to transplant",
                hint="use it as the first of a chain, on a signed file",
            )
        taken = manifest_boxes(clip.file)
        sidecar = sidecar_path(clip.file)
        if not taken and not sidecar.is_file():
            raise OptionError(
                f"{clip.file.name} has no C2PA manifest to transplant",
                hint="sign it first: ltx-stamp",
            )
        source = stranger.file
        if source is None or container_of(source).name not in {"mp4", "mov"}:
            settings = EncodeSettings(crf=self.crf, threads=desk.threads)
            source = encode(stranger, desk.new_file(".mp4"), settings).file
        assert source is not None
        target = desk.new_file(source.suffix or ".mp4")
        self._write(source, target, taken, sidecar)
        return open_clip(target)

    @staticmethod
    def _write(source: Path, target: Path, taken: list[bytes], sidecar: Path) -> None:
        write_with_boxes(source, target, taken)
        if not taken:
            shutil.copyfile(sidecar, sidecar_path(target))


def draw_residual(strength: float, _: np.random.Generator) -> Transform:
    return CopyResidual(psnr_db=budget(strength), tile=False)


def draw_tile(strength: float, _: np.random.Generator) -> Transform:
    return CopyResidual(psnr_db=budget(strength), tile=True)


def draw_replay(_: float, random: np.random.Generator) -> Transform:
    return ReplayPayload(content_id=int(random.integers(1, 1 << 29)))


def draw_transplant(_: float, __: np.random.Generator) -> Transform:
    return TransplantManifest()


_BUDGET = "PSNR of what is added in dB"
_STRANGER: frozenset[Need] = frozenset({"stranger"})

ATTACKS: tuple[Attack, ...] = (
    Attack(
        name="copy_residual",
        family="forgery",
        summary="the mean detail of all frames is added to another clip",
        unit=_BUDGET,
        ladder=(48.0, 44.0, 40.0, 36.0),
        default=40.0,
        draw=draw_residual,
        needs=_STRANGER,
    ),
    Attack(
        name="copy_tile",
        family="forgery",
        summary="the mean tile is laid out on another clip, its size being known",
        unit=_BUDGET,
        ladder=(48.0, 44.0, 40.0, 36.0),
        default=40.0,
        draw=draw_tile,
        needs=_STRANGER,
    ),
    Attack(
        name="replay_payload",
        family="forgery",
        summary="what it says under the public key is written into another clip",
        unit="1: done",
        ladder=(1.0,),
        default=1.0,
        draw=draw_replay,
        needs=_STRANGER,
    ),
    Attack(
        name="transplant_manifest",
        family="forgery",
        summary="its C2PA manifest is put into another file",
        unit="1: done",
        ladder=(1.0,),
        default=1.0,
        draw=draw_transplant,
        encoded=True,
        needs=_STRANGER,
    ),
)
KINDS: dict[str, type[Transform]] = {
    "CopyResidual": CopyResidual,
    "ReplayPayload": ReplayPayload,
    "TransplantManifest": TransplantManifest,
}

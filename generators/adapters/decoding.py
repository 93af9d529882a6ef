"""From latents to pictures a piece at a time, so that memory does not grow with the length.

A pipeline decodes the whole clip at once, in floating point: 7.5 GB for ten seconds of 1080p. So
the ``decode`` of its codec is replaced while it runs. What it is given then is ready to be decoded,
whatever the pipeline did to it before (unpacked, denormalised, noise mixed in): each does that in
its own way, and at another point for ``output_type="latent"``.

* *windows*: the codecs of LTX look some latents ahead and behind. Overlapping windows of latents
  are decoded, and what overlaps is faded from one into the next.
* *steps*: the codec of Wan is causal in time and decodes latent by latent itself; each picture is
  taken as it leaves the decoder, which changes nothing about it.
  Helios decodes each of its chunks as soon as it is made, with the same codec.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW, OVERLAP = 8, 3
"""Latents that are decoded at once, and how many of those were in the window before."""
_TILED_BEYOND = 768 * 512  # pixels, above which a window is decoded in tiles too


@dataclass(frozen=True, slots=True, kw_only=True)
class Decodable:
    """``latents`` (1, C, T, H, W) and what else the codec is to be given with them."""

    latents: Tensor
    more: tuple[Any, ...]


@contextmanager
def replaced_decode(vae: Any, decode: Callable[..., Any]) -> Iterator[None]:
    """``vae.decode`` is ``decode`` inside of the block."""
    before = vae.__dict__.get("decode")
    vae.decode = decode
    try:
        yield
    finally:
        if before is None:
            del vae.decode
        else:
            vae.decode = before


@contextmanager
def withheld_decode(vae: Any) -> Iterator[list[Decodable]]:
    """Decodes nothing inside of the block; what was to be decoded lies in the list."""
    kept: list[Decodable] = []

    def keep(latents: Tensor, *more: Any, return_dict: bool = True) -> tuple[Tensor]:  # noqa: ARG001
        kept.append(Decodable(latents=latents, more=more))
        return (latents.new_zeros(1, 3, 1, 8, 8),)  # something that can be post-processed

    with replaced_decode(vae, keep):
        yield kept


def decoded_in_windows(vae: Any, given: Decodable, step: int) -> Iterator[Tensor]:
    """Pictures (1, 3, T, H, W) in −1…1; ``step`` frames for each latent after the first."""
    count, height, width = given.latents.shape[2:]
    if height * width * vae.spatial_compression_ratio**2 > _TILED_BEYOND:
        vae.enable_tiling()
    kept: Tensor | None = None  # the end of what is decoded, which the next window overlaps
    for start, end in windows(count, size=WINDOW, overlap=OVERLAP):
        window = given.latents[:, :, start:end]
        pictures: Tensor = vae.decode(window, *given.more, return_dict=False)[0]
        if kept is not None:
            pictures = torch.cat(
                [faded(kept, pictures[:, :, : kept.shape[2]]), pictures[:, :, kept.shape[2] :]], 2
            )
        # The first latent of a window is one picture: the last of those that it stands for.
        tail = 0 if end == count else (OVERLAP - 1) * step + 1
        kept = pictures[:, :, pictures.shape[2] - tail :]
        yield pictures[:, :, : pictures.shape[2] - tail]


def windows(count: int, *, size: int, overlap: int) -> list[tuple[int, int]]:
    """Start and end of windows over ``count`` latents, the last of which may be shorter."""
    bounds = [(0, min(size, count))]
    while bounds[-1][1] < count:
        start = bounds[-1][1] - overlap
        bounds.append((start, min(start + size, count)))
    return bounds


def faded(before: Tensor, after: Tensor) -> Tensor:
    """From one stretch (1, 3, T, H, W) into another one of the same pictures, linearly."""
    count = before.shape[2]
    weight = torch.arange(1, count + 1, device=before.device, dtype=before.dtype) / (count + 1)
    return torch.lerp(before, after, weight[:, None, None])


def decode_in_steps(
    vae: Any, decode: Callable[..., Any], latents: Tensor, hand_out: Callable[[Tensor], None]
) -> None:
    """Gives pictures (1, 3, T, H, W) in −1…1 to ``hand_out`` as the decoder of Wan makes them.

    ``decode`` is the codec's own. What was handed out is not kept: the decoder is told that it made
    no pictures.
    """
    patch = vae.config.patch_size

    def take(_decoder: Any, _inputs: Any, made: Tensor) -> Tensor:
        pictures = made
        if patch is not None:
            from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

            unpatched: Any = unpatchify
            pictures = unpatched(made, patch_size=patch)
        hand_out(pictures.clamp(-1, 1))
        return made[:, :, :0]

    hook = vae.decoder.register_forward_hook(take)
    try:
        decode(latents, return_dict=False)
    finally:
        hook.remove()

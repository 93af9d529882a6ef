"""The listener: a small network that hears how much each spot speaks for a louder cell.

It weighs what the whitened map says by what is around it: in noise, in the tail of a room, or
where a codec has left little, most spots say nothing, and which ones say something is what it has
learned (``benchmarks/listener_training.py``; the weights' README says from what). It knows no key,
no payload and no place in the tile: it sees 9 bands and 300 ms around a spot, and all keys share
its map. What it claims is not believed: a payload counts by its tag alone, and presence by the
pilot.

The arithmetic is numpy's and OpenCV's, so that verification does not wait for torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from provenance.audio_watermark.bands import FEATURES, HALVES

Map = NDArray[np.float32]

_WEIGHTS = "listener.safetensors"
_LEAST_GATE, _MOST_GATE = -4.0, 2.0
_SCALE = 0.15  # of the whitened map before it has been weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kernel for each channel, (C, h, w), ``bias`` (C,), and then how channels mix: (C, C)."""

    kernels: Map
    bias: Map
    mixing: Map
    mixed_bias: Map


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """The weights: ``first`` (C, features · height · width), layers, and a head of two outputs."""

    first: Map
    first_bias: Map
    first_shape: tuple[int, int]
    layers: tuple[Layer, ...]
    head: Map
    head_bias: Map

    def listen(self, features: Map) -> Map:
        """(44, T) log-likelihood ratios, one for a spot, of (6, 88, T) ``features``."""
        count = features.shape[2]
        place = np.linspace(-1, 1, HALVES, dtype=np.float32)
        known = np.concatenate(
            [features, np.broadcast_to(place[:, None], (1, HALVES, count))], axis=0
        )
        heard = self._opened(known)
        each = np.empty_like(heard)
        flat = each.reshape(len(each), -1)
        for layer in self.layers:
            rows = np.maximum(heard, 0)
            for row, kernel, out in zip(rows, layer.kernels, each, strict=True):
                cv2.filter2D(row, cv2.CV_32F, kernel, dst=out, borderType=cv2.BORDER_CONSTANT)
            flat += layer.bias[:, None]
            np.maximum(flat, 0, out=flat)
            heard += (layer.mixing @ flat).reshape(heard.shape)
            heard += layer.mixed_bias[:, None, None]
        np.maximum(heard, 0, out=each)
        told = (self.head @ flat + self.head_bias[:, None]).reshape(2, *heard.shape[1:])
        white = features[-1, 0::2] + features[-1, 1::2]
        gate = np.exp(np.clip(told[0], _LEAST_GATE, _MOST_GATE))
        return np.asarray(_SCALE * white * gate + told[1], np.float32)

    def _opened(self, known: Map) -> Map:
        """(C, 44, T): the first layer, which takes two half bands at a step."""
        height, width = self.first_shape
        padded = np.pad(known, ((0, 0), (1, 1), (width // 2, width // 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
        windows = windows[:, ::2]
        shape = windows.shape[1:3]
        columns = windows.transpose(0, 3, 4, 1, 2).reshape(self.first.shape[1], -1)
        opened = self.first @ columns + self.first_bias[:, None]
        return np.asarray(opened.reshape(-1, *shape), np.float32)


@lru_cache(maxsize=1)
def shipped() -> Listener:
    """The listener whose weights come with the package."""
    with as_file(files("provenance.audio_watermark") / "weights" / _WEIGHTS) as path:
        return assembled(load_file(path))


def assembled(tensors: dict[str, NDArray[np.float32]]) -> Listener:
    """The listener of these ``tensors``, named as its training names them."""
    first = tensors["first.weight"]
    if first.shape[1] != FEATURES + 1:
        raise ValueError(f"a listener of {first.shape[1]} features, not {FEATURES + 1}")
    count = sum(name.startswith("each.") and name.endswith(".weight") for name in tensors)
    layers = tuple(
        Layer(
            kernels=np.ascontiguousarray(tensors[f"each.{n}.weight"][:, 0]),
            bias=tensors[f"each.{n}.bias"],
            mixing=tensors[f"mixed.{n}.weight"][:, :, 0, 0],
            mixed_bias=tensors[f"mixed.{n}.bias"],
        )
        for n in range(count)
    )
    return Listener(
        first=first.reshape(len(first), -1),
        first_bias=tensors["first.bias"],
        first_shape=(first.shape[2], first.shape[3]),
        layers=layers,
        head=tensors["head.weight"][:, :, 0, 0],
        head_bias=tensors["head.bias"],
    )

"""What enlarging costs: pictures of any shape, in memory that does not grow with them."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch

from generators import decoding
from generators.base import as_frames
from generators.latents import CHUNK, PATCH
from generators.superres import SuperResolution


class Codec:
    """Gives one picture, then eight a step, as large as its latents say."""

    def decode_step(self, step, look):
        height, width = (PATCH * side for side in step.shape[-2:])
        count = 1 if look is None else CHUNK
        random = torch.Generator().manual_seed(count)
        return torch.rand(1, 3, count, height, width, generator=random) * 2 - 1, step


def steps(rows, columns, count=2):
    return [torch.zeros(1, 40, rows, columns)] * count


@pytest.mark.parametrize(("rows", "columns"), [(7, 12), (12, 7), (9, 9)])
def test_what_is_large_is_enlarged_in_tiles_however_it_is_turned(rows, columns, monkeypatch):
    seen = []

    def upscale(_net, frames, *, tile):
        for frame in frames:
            height, width = frame.shape[-2:]
            seen.append((max(height, width), tile))
            yield frame.new_zeros(1, 1, 1, 1).expand(1, 3, 2 * height, 2 * width)

    monkeypatch.setattr(decoding, "upscale", upscale)
    size = 24 * PATCH * columns, 24 * PATCH * rows
    frames = list(decoding.pictures(steps(rows, columns, 1), Codec(), SuperResolution(), size))
    assert frames[0].shape == (1, size[1], size[0], 3)
    assert {tile for side, tile in seen if side <= 1024} == {None}
    assert {tile for side, tile in seen if side > 1024} == {512}


def test_at_most_one_earlier_picture_is_held_as_floats(monkeypatch):
    alive, most = weakref.WeakSet(), 0
    real = decoding.cover

    def cover(frames, **size):
        nonlocal most
        most = max(most, len(alive))
        made = real(frames, **size) * 1
        alive.add(made)
        return made

    monkeypatch.setattr(decoding, "cover", cover)
    given = list(decoding.pictures(steps(7, 12, 3), Codec(), None, (256, 144)))
    assert [len(frames) for frames in given] == [1, CHUNK, CHUNK]
    assert most <= 1


def test_frames_are_those_of_all_pictures_at_once():
    codec = Codec()
    given = list(decoding.pictures(steps(7, 12), codec, None, (192, 112)))
    whole = codec.decode_step(steps(7, 12)[0], 0)[0][0].transpose(0, 1)
    assert np.array_equal(given[1], as_frames(whole))


def test_no_pass_is_made_for_a_third_more(monkeypatch):
    widths = []

    def upscale(_net, frames, *, tile):
        for frame in frames:
            widths.append(2 * frame.shape[-1])
            yield frame.new_zeros(1, 1, 1, 1).expand(1, 3, 2 * frame.shape[-2], widths[-1])

    monkeypatch.setattr(decoding, "upscale", upscale)
    for size, made in (((1024, 576), 768), ((1280, 720), 1536), ((4096, 2304), 3072)):
        widths.clear()
        list(decoding.pictures(steps(7, 12, 1), Codec(), SuperResolution(), size))
        assert widths[-1] == made

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from attacks.removal.listener import listen, resized, soft_map
from provenance.watermark.carrier import MatchedFilterExtractor
from tests.drawn import natural_luma


@pytest.mark.parametrize(("height", "width"), [(240, 427), (360, 641), (480, 854)])
def test_it_hears_what_the_reader_hears(height: int, width: int) -> None:
    luma = natural_luma(1, height, width)[0].astype(np.float32)
    size = (round(width * 240 / height), 240)
    small = luma if height == 240 else cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    expected = MatchedFilterExtractor().soft_map(np.asarray(small, np.float32))
    heard = listen(torch.from_numpy(luma)[None, None])[0, 0].numpy()
    assert heard.shape == expected.shape
    assert np.abs(heard - expected).max() < 1e-3 * np.abs(expected).max()


def test_a_picture_that_is_too_small_is_enlarged_as_the_reader_does() -> None:
    luma = natural_luma(1, 144, 192)[0].astype(np.float32)
    expected = cv2.resize(luma, (320, 240), interpolation=cv2.INTER_LINEAR)
    grown = resized(torch.from_numpy(luma)[None, None], (240, 320))[0, 0].numpy()
    assert np.abs(grown - expected).max() < 0.1


def test_gradients_flow_back_to_the_luma() -> None:
    luma = torch.full((2, 1, 96, 128), 100.0) + torch.rand(2, 1, 96, 128)
    luma.requires_grad_()
    listen(luma).square().sum().backward()
    assert luma.grad is not None
    assert bool(torch.isfinite(luma.grad).all())
    assert float(luma.grad.abs().max()) > 0


def test_another_noise_is_another_map() -> None:
    first, second = (torch.from_numpy(p.astype(np.float32)) for p in natural_luma(2, 96, 128))
    difference = soft_map(first[None, None]) - soft_map(second[None, None])
    assert float(difference.abs().mean()) > 1e-3

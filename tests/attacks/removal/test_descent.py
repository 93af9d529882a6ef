from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from attacks.base import Desk, describe, restore
from attacks.removal.descent import ATTACKS, KINDS, Descend
from attacks.removal.listener import listen
from provenance.errors import OptionError
from tests.attacks.marked import (
    Friend,
    alike,
    held,
    lumas,
    marked_clip,
    psnr_between,
    spread_pattern,
)


def said(clip, pattern) -> float:
    """What the reader hears of a pattern, on the mean of all maps."""
    with torch.no_grad():
        maps = [listen(torch.from_numpy(p)[None, None])[0, 0] for p in lumas(clip)]
        signs = torch.nn.functional.interpolate(
            torch.from_numpy(pattern)[None, None], maps[0].shape, mode="area"
        )
    return alike(torch.stack(maps).mean(0).numpy(), signs[0, 0].numpy())


@pytest.mark.parametrize("tile", [False, True])
def test_the_reader_no_longer_hears_a_pattern_and_the_budget_is_kept(tmp_path, tile):
    pattern = spread_pattern(1, tiled=True)
    clip = marked_clip(tmp_path / "clip.mp4", pattern, frames=10)
    desk = Desk(folder=tmp_path, accomplice=Friend())
    attacked = held(Descend(psnr_db=42.0, steps=8, tile=tile).apply(clip, desk))
    before, after = said(clip, pattern), said(attacked, pattern)
    assert before > 0.5
    assert after < 0.4 * before
    assert psnr_between(clip, attacked) > 41.5


def test_a_smaller_budget_does_less(tmp_path):
    pattern = spread_pattern(1, tiled=True)
    clip = marked_clip(tmp_path / "clip.mp4", pattern, frames=5)
    desk = Desk(folder=tmp_path, accomplice=Friend())
    left = [
        said(Descend(psnr_db=db, steps=6, tile=False).apply(clip, desk), pattern)
        for db in (54.0, 44.0)
    ]
    assert left[0] > left[1]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_is_drawn_replays(attack, tmp_path):
    transform = attack.draw(attack.default, np.random.default_rng(0))
    again = restore(json.loads(json.dumps(describe(transform))), KINDS)
    clip = marked_clip(tmp_path / "clip.mp4", spread_pattern(2), frames=3)
    desk = Desk(folder=tmp_path, accomplice=Friend())
    pairs = zip(lumas(transform.apply(clip, desk)), lumas(again.apply(clip, desk)), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    with pytest.raises(OptionError):
        transform.apply(clip, Desk(folder=tmp_path))

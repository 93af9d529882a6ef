from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.clip import open_clip
from attacks.file_accomplice import FileAccomplice
from provenance.errors import OptionError
from tests.attacks.marked import lumas
from tests.drawn import draw_clip, natural_luma, write_luma


def test_copies_and_strangers_are_the_files_that_were_named(tmp_path):
    paths = tuple(draw_clip(tmp_path / f"{n}.mp4", frames=3 + n) for n in range(2))
    ally = FileAccomplice(others=paths)
    assert [clip.frames for clip in ally.copies(2)] == [3, 4]
    assert ally.stranger().file == paths[0]
    with pytest.raises(OptionError, match="3 more"):
        ally.copies(3)
    with pytest.raises(OptionError):
        FileAccomplice().stranger()


def test_its_marks_follow_from_the_seed_and_are_the_same_in_each_pass(tmp_path):
    clip = open_clip(write_luma(tmp_path / "c.mp4", natural_luma(4, 192, 256)))
    ally = FileAccomplice()
    first, other = ally.mark(clip, seed=1), ally.mark(clip, seed=2)
    for a, b in zip(lumas(first), lumas(first), strict=True):
        assert np.array_equal(a, b)
    change = lumas(first)[0] - lumas(clip)[0]
    assert 0.3 < change.std() < 4
    assert not np.array_equal(lumas(first)[0], lumas(other)[0])


def test_it_listens():
    assert FileAccomplice().listen(torch.full((1, 1, 240, 320), 90.0)).shape == (1, 1, 240, 320)

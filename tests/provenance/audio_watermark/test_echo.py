from __future__ import annotations

import numpy as np
import pytest

from provenance.audio_watermark.echo import EchoLimit

STEP = 40


def limited(original, mark, blocks):
    limit = EchoLimit(step=STEP, channels=1)
    parts, at = [], 0
    for count in blocks:
        end = at + count
        parts.append(limit.push(original[at:end], mark[at:end], last=end >= len(mark)))
        at = end
    assert limit.held == 0
    assert np.array_equal(np.concatenate([sound for sound, _ in parts]), original)
    return np.concatenate([changed for _, changed in parts])


def test_the_mark_is_quiet_where_the_sound_is():
    mark = np.full((400, 1), 0.01, np.float32)
    original = np.full((400, 1), 0.1, np.float32)
    original[200:] = 0.001
    out = limited(original, mark, [400])
    assert np.array_equal(out[:160], mark[:160])
    assert np.abs(out[280:]).max() < 0.0004
    assert not limited(0 * original, mark, [400]).any()


@pytest.mark.parametrize("blocks", [[80, 320, 10], [40] * 10 + [10], [0, 400, 0, 10]])
def test_blocks_change_nothing(blocks):
    rng = np.random.default_rng(0)
    original, mark = rng.standard_normal((2, 410, 1)).astype(np.float32)
    assert np.array_equal(limited(original, mark, blocks), limited(original, mark, [410]))

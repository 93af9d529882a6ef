from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.listener_training import Network
from provenance.audio_watermark.bands import FEATURES, HALVES, features, half_bands
from provenance.audio_watermark.listener import assembled, shipped
from provenance.audio_watermark.softmap import Stretch, heard_features
from provenance.audio_watermark.tile import ROWS
from tests.drawn_sound import RATE


def test_numpy_computes_what_was_trained():
    torch.manual_seed(1)
    network = Network()
    # So that the gate and the second output say something, too.
    torch.nn.init.normal_(network.head.weight, 0, 0.3)
    tensors = {name: t.numpy() for name, t in network.state_dict().items()}
    given = np.random.default_rng(0).standard_normal((FEATURES, HALVES, 30)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(given)[None])[0].numpy()
    told = assembled(tensors).listen(given)
    assert told.shape == (ROWS, 30)
    assert np.allclose(told, expected, atol=1e-4)
    assert not np.allclose(shipped().listen(given), expected, atol=0.1)


def test_other_weights_are_refused():
    tensors = {"first.weight": np.zeros((8, 3, 4, 5), np.float32)}
    with pytest.raises(ValueError, match="3 features"):
        assembled(tensors)


def test_loudness_changes_no_feature():
    sound = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    loud, quiet = (heard_features(gain * sound, RATE, Stretch()) for gain in (0.3, 0.003))
    assert loud.shape == (FEATURES, HALVES, 50)
    assert np.allclose(loud, quiet, atol=1e-3)
    assert not np.allclose(loud, heard_features(sound**3, RATE, Stretch()), atol=0.1)


def test_tones_stand_out_and_noise_is_even():
    time = np.arange(RATE) / RATE
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 4000 * time) + 1e-3 * rng.standard_normal(RATE)
    size = 2 * round(0.025 * RATE)
    given = [
        features(
            half_bands(sound.astype(np.float32), RATE, size=size, spot_s=0.02, count=50, pitch=1.0),
            0.02,
        )
        for sound in (tone, rng.standard_normal(RATE))
    ]
    loudest = int(given[0][0].mean(1).argmax())
    uneven, peaks = ([float(one[index, loudest].mean()) for one in given] for index in (1, 2))
    assert uneven[0] > uneven[1] + 1
    assert peaks[0] > peaks[1] + 0.5

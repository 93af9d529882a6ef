from __future__ import annotations

from itertools import count

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from attacks.training.autoencoder import drawn_batch, loss_of, main, measure, read_pictures, train
from provenance.errors import InputEmpty
from tests.drawn import natural_luma


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for index in range(33):
        grey = natural_luma(1, 48, 64, seed=index)[0]
        cv2.imwrite(str(folder / f"{index:03}.png"), np.repeat(grey[..., None], 3, axis=-1))
    cv2.imwrite(str(folder / "small.png"), np.zeros((8, 8, 3), np.uint8))
    (folder / "text.txt").write_text("no picture")
    return folder


def test_what_is_too_small_or_no_picture_is_left_out(folder, tmp_path):
    assert read_pictures(folder, 48).shape == (33, 3, 48, 48)
    with pytest.raises(InputEmpty, match="0 pictures of 64"):
        read_pictures(folder, 64)


def test_a_batch_is_cut_from_the_pictures(folder):
    pictures = read_pictures(folder, 48)
    batch = drawn_batch(pictures, 5, 32, torch.Generator().manual_seed(1))
    again = drawn_batch(pictures, 5, 32, torch.Generator().manual_seed(1))
    assert batch.shape == (5, 3, 32, 32)
    assert 0 <= batch.min() < batch.max() <= 1
    assert torch.equal(batch, again)


def test_the_loss_sees_levels_and_edges(folder):
    batch = read_pictures(folder, 48)[:4].float() / 255
    assert loss_of(batch, batch) == 0
    blurred = torch.nn.functional.avg_pool2d(batch, 3, stride=1, padding=1)
    assert loss_of(blurred, batch) > 0.01
    assert loss_of(batch + 0.1, batch) == pytest.approx(0.4, rel=1e-3)  # no edge has changed


def test_a_few_steps_learn_something(folder):
    pictures = read_pictures(folder, 48)
    # A clock that a look moves on by a second: one step each, on every machine.
    settings = {"batch": 4, "side": 32, "rate": 1e-3, "seed": 1}
    model, steps = train(pictures, seconds=240, clock=count().__next__, **settings)
    untrained, none = train(pictures, seconds=1, clock=count().__next__, **settings)
    assert (steps, none) == (239, 0)
    after, before = measure(model, pictures[:16]), measure(untrained, pictures[:16])
    assert after[16] > before[16] + 1


def test_the_command_writes_weights_and_figures(folder, tmp_path):
    out = tmp_path / "new" / "a.safetensors"
    done = CliRunner().invoke(
        main,
        ["--images", str(folder), "--out", str(out), "--seconds", "1", "--batch", "2",
         "--picture", "48", "--crop", "32", "--device", "cpu"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert '"psnr_db"' in done.stdout
    assert out.stat().st_size < 3e6
    assert [path.name for path in out.parent.iterdir()] == [out.name]

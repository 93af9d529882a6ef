import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.training.checkpoint import load_checkpoint, save_checkpoint
from attacks.training.data import RUN, SIDE, Pack
from attacks.training.screens import draw_screens
from attacks.training.step import Recipe
from attacks.training.train import (
    Plan,
    advance,
    export_weights,
    load_sources,
    progress_at,
    rate_at,
    run,
    start_training,
)
from provenance.errors import InputMissing, UnreadableMedia
from provenance.watermark.net import NetSizes

CPU = torch.device("cpu")
TINY = Plan(
    steps=200,
    decay=50,
    warm=5,
    ramp=1_000,
    rate=4e-3,
    log_every=1,
    sizes=NetSizes(embed=8, embed_deep=1, extract=8, extract_deep=1),
    recipe=Recipe(crop=64, scenes=((1, 6), (3, 3)), sizes=(0.5, 1.0, 1.5)),
)


@pytest.fixture(scope="module")
def sources():
    random = np.random.default_rng(5)
    stills = draw_screens(8, SIDE, random)
    runs = np.repeat(draw_screens(2, SIDE, random)[:, None], RUN, 1)
    return load_sources(Pack(stills=stills, runs=runs), 1, CPU)


def _steps(training, sources, plan, count):
    random = torch.Generator()
    return [float(advance(training, sources, plan, random)["bits"]) for _ in range(count)]


def test_some_steps_lower_the_loss(sources):
    training = start_training(TINY, CPU)
    bits = _steps(training, sources, TINY, 60)
    assert np.mean(bits[-10:]) < np.mean(bits[:10]) - 0.02


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(sources, tmp_path):
    through = start_training(TINY, CPU)
    _steps(through, sources, TINY, 4)
    first = start_training(TINY, CPU)
    _steps(first, sources, TINY, 2)
    save_checkpoint(tmp_path / "c", first.nets, first.average, first.optimizer, first.step)
    second = start_training(replace(TINY, seed=9), CPU)
    second.step = load_checkpoint(tmp_path / "c", second.nets, second.average, second.optimizer)
    _steps(second, sources, TINY, 2)
    assert second.step == 4
    for name, tensor in through.nets.state_dict().items():
        # Adam's moments travel as bfloat16, hence not to the last bit.
        torch.testing.assert_close(
            second.nets.state_dict()[name].float(), tensor.float(), atol=1e-2, rtol=0.05
        )


def test_a_checkpoint_of_other_nets_is_refused(tmp_path):
    small = start_training(TINY, CPU)
    save_checkpoint(tmp_path / "c", small.nets, small.average, small.optimizer, 1)
    other = start_training(replace(TINY, sizes=NetSizes(embed=16, extract=8)), CPU)
    with pytest.raises(UnreadableMedia):
        load_checkpoint(tmp_path / "c", other.nets, other.average, other.optimizer)
    with pytest.raises(InputMissing):
        load_checkpoint(tmp_path / "none", small.nets, small.average, small.optimizer)


def test_a_run_stops_when_its_time_is_up(sources):
    training = start_training(TINY, CPU)
    log = run(training, sources, TINY, device=CPU, stop_after_s=0.0)
    assert log == []
    assert training.step == 0


def test_real_encoders_take_part(sources):
    plan = replace(TINY, steps=12, ramp=2, replay=2, feed_every=2, workers=1)
    training = start_training(plan, CPU)
    log = run(training, sources, plan, device=CPU, stop_after_s=600.0)
    assert training.step == 12
    assert all(math.isfinite(line["bits"]) for line in log)


def test_the_rate_warms_up_and_falls_to_nearly_nothing():
    assert rate_at(0, TINY) < rate_at(4, TINY) == pytest.approx(TINY.rate * 0.99, rel=0.02)
    assert rate_at(TINY.steps, TINY) <= 0.02 * TINY.rate
    assert progress_at(0, TINY).hidden == 0
    assert progress_at(TINY.ramp, TINY).level == 1.0


def test_exported_weights_are_half_precision_and_complete(tmp_path):
    from safetensors.torch import load_file

    training = start_training(TINY, CPU)
    export_weights(tmp_path / "w.safetensors", training.average)
    state = load_file(tmp_path / "w.safetensors")
    assert set(state) == set(training.average.state_dict())
    assert {t.dtype for t in state.values() if t.is_floating_point()} == {torch.float16}

"""The training loop: skips what is not finite, ends in time, and resumes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch import nn

from generators.residual import Down, Residual, stack
from generators.training.trainer import Run, close, compile_blocks, rate_at, save, start, work
from generators.training.world import World
from provenance.errors import InputMissing

if TYPE_CHECKING:
    from pathlib import Path


def run_in(folder: Path, *, steps: int, resume: bool = False) -> Run:
    return Run(
        out=folder,
        resume=resume,
        seconds=1000,
        steps=steps,
        batch=1,
        rate=0.05,
        seed=1,
        world=World.join("cpu", 1),
        compiled=False,
        started_s=0.0,
    )


def squared(net: nn.Module, share: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    assert 0 <= share < 1
    x = torch.tensor([[1.0, 2.0, 3.0]])
    return (net(x) - 2).square().mean(), {}


def test_the_rate_rises_by_steps_and_falls_with_the_budget():
    assert rate_at(0.0, 0, 1.0) < 0.01
    assert rate_at(0.1, 500, 1.0) > 0.9
    assert rate_at(0.5, 500, 1.0) == pytest.approx(0.51)
    assert rate_at(0.999, 500, 1.0) < 0.03


def test_steps_make_the_loss_fall_and_are_resumed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 1.0)
    torch.manual_seed(1)
    run = run_in(tmp_path, steps=60)
    training = start(nn.Linear(3, 1), run)
    before = float(squared(training.net, 0)[0].detach())
    work(training, run, squared)
    after = float(squared(training.net, 0)[0].detach())
    assert after < 0.5 * before
    save(training, run)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "average.safetensors", "log.jsonl", "state.safetensors",
    ]  # fmt: skip
    again = start(nn.Linear(3, 1), run_in(tmp_path, steps=5, resume=True))
    assert again.step == 60
    assert torch.equal(again.net.weight, training.net.weight)
    moments = [state["exp_avg_sq"] for state in training.optimizer.state.values()]
    back = [state["exp_avg_sq"] for state in again.optimizer.state.values()]
    assert all(torch.allclose(a, b, rtol=0.01) for a, b in zip(moments, back, strict=True))
    assert '"loss"' in capsys.readouterr().err


def test_a_step_that_is_not_finite_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 1.0)
    run = run_in(tmp_path, steps=3)
    training = start(nn.Linear(3, 1), run)
    weight = training.net.weight.detach().clone()
    work(training, run, lambda net, _: (net(torch.full((1, 3), float("nan"))).sum(), {}))
    assert training.step == 0
    assert training.skipped == 3
    assert torch.equal(training.net.weight, weight)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(InputMissing):
        start(nn.Linear(3, 1), run_in(tmp_path, steps=1, resume=True))


# Dynamo looks at the gradient of what it is given, which is a result here.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_blocks_of_one_shape_are_compiled_once():
    graphs = []

    def count(graph, inputs):
        graphs.append(len(inputs))
        return graph.forward

    plain = nn.Sequential(*(Residual(8) for _ in range(3)), Down(8, 16), *stack(16, 2))
    for weight in plain.parameters():
        nn.init.normal_(weight, std=0.1)
    x = torch.rand(1, 8, 4, 4, requires_grad=True)
    wanted = plain(x)
    compile_blocks(plain, Residual, backend=count)
    assert torch.allclose(plain(x), wanted, atol=1e-5)
    assert len(graphs) == 2


def test_the_programs_need_no_package_of_the_media_side(tmp_path):
    """They run where only torch, NumPy and safetensors are."""
    program = (
        "import sys, generators.training.video_codec, generators.training.audio_codec, "
        "generators.training.superres\n"
        "print(sorted({'av', 'c2pa', 'cv2', 'click', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def far(net: nn.Module, share: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Each process wants its own number; what both want together is the middle."""
    del share
    aim = 2.0 + 6.0 * dist.get_rank()
    return (net(torch.ones(1, 3)) - aim).square().mean(), {}


def one_of_two(rank: int, port: int, folder: Path) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    run = run_in(folder, steps=600)
    torch.manual_seed(run.seed)
    training = start(nn.Linear(3, 1), run)
    work(training, run, far)
    said = training.net(torch.ones(1, 3)).detach()
    torch.save((rank, said, torch.rand(2)), folder / f"{rank}.pt")
    if close(training, run):
        (folder / "first").write_text(str(rank))


def test_two_processes_follow_the_mean_of_their_gradients(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes.spawn(one_of_two, (port, tmp_path), nprocs=2)
    ranks, said, drawn = zip(*(torch.load(tmp_path / f"{n}.pt") for n in (0, 1)), strict=True)
    assert ranks == (0, 1)
    assert torch.equal(*said)
    assert float(said[0]) == pytest.approx(5, abs=0.3)
    assert not torch.equal(*drawn)
    assert (tmp_path / "first").read_text() == "0"
    assert (tmp_path / "average.safetensors").exists()

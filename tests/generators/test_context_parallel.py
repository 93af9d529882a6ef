from __future__ import annotations

import socket
from fractions import Fraction
from itertools import islice

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from generators.causal_dit import CausalConfig
from generators.context_parallel import HeadsAcross, spread
from generators.rollout import Stage, roll
from tests.generators.streaming import CAUSAL, tiny_causal

STAGE = Stage(rows=1, columns=5, rate=Fraction(24), steps=2)  # places that two cannot share evenly
THREE_HEADS = CausalConfig(
    video=type(CAUSAL.video)(parts=(3, 2), heads=3, head_dim=16, mlp_ratio=2),
    text=CAUSAL.text, blocks=2, window_moments=2,
)  # fmt: skip


def _stream(across: HeadsAcross | None) -> torch.Tensor:
    model = tiny_causal(THREE_HEADS)
    if across is not None:
        spread(model, across)
    with torch.inference_mode():
        text = model.read(torch.ones(1, 32, dtype=torch.long))
        stream = roll(
            model, STAGE, lambda: text, generator=torch.Generator().manual_seed(0), across=across
        )
        return torch.stack(list(islice(stream, 5)), 1)


def _share(rank: int, port: int) -> torch.Tensor:
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    try:
        return _stream(HeadsAcross.joined(5))
    finally:
        dist.destroy_process_group()


def _other(_index: int, port: int, path: str) -> None:
    torch.set_num_threads(1)
    torch.save(_share(1, port), path)


def test_two_processes_make_the_stream_that_one_makes(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # One of the two is this process: another start of Python with PyTorch is 2 s.
    other = processes.spawn(_other, (port, str(tmp_path / "other.pt")), join=False)
    made = _share(0, port)
    while not other.join():
        pass
    alone = _stream(None)
    for shared in (made, torch.load(tmp_path / "other.pt")):
        torch.testing.assert_close(shared, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_all_tokens_and_all_heads_are_somebodys(count):
    whole = list(range(5))
    tokens = tuple(5 // count + (index < 5 % count) for index in range(count))
    each = [HeadsAcross(rank=rank, tokens=tokens) for rank in range(count)]
    assert [place for one in each for place in whole[one.own]] == whole
    assert sum(one.own_heads(4) for one in each) == 4

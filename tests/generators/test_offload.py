from __future__ import annotations

import torch

from generators.blocks import Block
from generators.offload import StreamedBlocks
from generators.quantised import pack, unpack
from generators.text import encode_bytes
from tests.generators.tiny import CONFIG, tiny_dit, tiny_tokens

CPU = torch.device("cpu")


def build() -> Block:
    return Block(CONFIG.video, CONFIG.audio, text_width=CONFIG.text.width)


def test_streamed_blocks_work_as_the_packed_ones():
    model, (video, audio) = tiny_dit(), tiny_tokens()
    model.load_state_dict(unpack(pack(model.state_dict())))
    text = model.read(encode_bytes(["a ball", "a box"], 32))
    wanted = model(video, audio, text)
    model.blocks = StreamedBlocks.of(model.blocks, build, CPU)
    for _ in range(2):  # and again, from the first on
        seen, heard = model(video, audio, text)
        torch.testing.assert_close(seen, wanted[0])
        torch.testing.assert_close(heard, wanted[1])


def test_only_two_blocks_have_a_seat():
    model = tiny_dit()
    blocks = StreamedBlocks.of(model.blocks, build, CPU)
    assert len(list(blocks)) == len(blocks) == CONFIG.blocks
    held = sum(weight.numel() for weight in blocks.parameters())
    assert held == 2 * sum(weight.numel() for weight in build().parameters())


def test_packing_is_off_by_half_a_step_at_most():
    weight = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    back = unpack(pack({"weight": weight, "bias": weight[0]}))
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((back["weight"] - weight).abs() <= 0.5 * step + 1e-6).all()
    torch.testing.assert_close(back["bias"], weight[0], atol=1e-3, rtol=1e-3)

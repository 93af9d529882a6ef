from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest
import torch

from generators.bundle import read_bundle
from generators.causal_dit import CausalDiT
from generators.metrics.attributes import AttributeReader
from generators.presets import STREAMING
from generators.sampling import SamplingSettings
from generators.training import dit_eval
from generators.training import release as releasing
from generators.training import student as program
from generators.training.dit_eval import Maker
from generators.training.pool import Format, Pool
from generators.training.student_eval import Streamer, evaluate, long_figures
from generators.training.student_objective import gap_at, student_losses
from generators.training.world import World
from generators.weight_file import load_weights, save_packed
from provenance.errors import UnreadableMedia
from tests.generators.streaming import CAUSAL, tiny_causal
from tests.generators.tiny import FoldingAudioCodec, FoldingVideoCodec, tiny_dit
from tests.generators.training.test_dit import LAYOUT, DrawnSource


@pytest.fixture
def tiny_program(monkeypatch, tmp_path):
    monkeypatch.setitem(STREAMING, "tiny", CAUSAL)
    other = Format(width=32, height=48, rate=30, chunks=6, window=3)
    monkeypatch.setattr(program, "FORMATS", ((LAYOUT, 0.7), (other, 0.3)))
    return program.Plan(
        out=tmp_path / "out", seconds=60, tail_s=1, preset="tiny", batch=8, pool=32, fill=8,
        render=4, held_out=4, steps=4, read_s=0, warm=2, halve=1, looks=1,
    )  # fmt: skip


def _pool(count: int = 8) -> Pool:
    pool = Pool(LAYOUT, count)
    pool.put(DrawnSource().clips(LAYOUT, count))
    return pool


def _tune(model, pool, steps: int, gap: float) -> list[float]:
    model.requires_grad_()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for _ in range(steps):
        generator = torch.Generator().manual_seed(7)
        loss = student_losses(model, pool.draw(8, generator), generator, gap=gap).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_the_loss_of_consistency_falls_from_flow_matching_to_a_small_gap():
    model, pool = tiny_causal(awake=False), _pool(4)
    wide = _tune(model, pool, 20, 1.0)
    assert wide[-1] < 0.7 * wide[0]
    near = _tune(model, pool, 12, 0.25)
    assert near[-1] < 0.8 * near[0]


def test_at_a_whole_gap_it_is_flow_matching_and_a_consistent_model_has_no_loss_at_any():
    pool = _pool(4)
    windows = pool.first(4)

    class Knows(torch.nn.Module):
        """Says the velocity to the true latents, from wherever it is."""

        config = CAUSAL

        def read(self, raw):
            return raw

        def forward(self, video, _past, _text):
            clean = windows.video.latents.clone()
            clean[:, 0, :, 3:] = 0
            level = torch.cat(
                [video.level[..., :1].expand(-1, -1, 3), video.level[..., 1:].expand(-1, -1, 2)], -1
            )[:, :, None]
            return (video.latents - clean) / level.clamp(min=1e-3)

    for gap in (1.0, 0.5, 0.1):
        generator = torch.Generator().manual_seed(3)
        found = student_losses(Knows(), windows, generator, gap=gap)
        assert float(found.total) < 1e-6
    frozen = tiny_causal(awake=False)  # says 0, so that the loss is that of noise minus latents
    said = student_losses(frozen, windows, torch.Generator().manual_seed(3), gap=1.0)
    spread = 1 + windows.video.latents[:, 1:, :, :3].square().mean().item()
    assert float(said.looks) == pytest.approx(spread, rel=0.35)


def test_the_gap_is_whole_at_first_and_then_halved_to_its_least():
    gaps = [gap_at(step, warm=100, halve=50, least=1 / 16) for step in (0, 99, 100, 150, 200, 9999)]
    assert gaps == [1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]


def test_a_run_starts_from_a_teacher_and_another_goes_on_from_it(tiny_program):
    world = World.join("cpu", 0)
    figures = program.work(tiny_program, world, DrawnSource(), teacher=tiny_dit())
    assert figures["step"] == 4
    assert figures["gap"] == 1 / 8
    out = tiny_program.out
    names = {path.name for path in out.iterdir()}
    assert {"dit.safetensors", "state-0.safetensors", "samples.png", "log.json"} <= names
    assert all(path.stat().st_size < 16 << 20 for path in out.iterdir())
    assert set(json.loads((out / "log.json").read_text())["figures"]["held_out"]) == {
        "looks", "moves",
    }  # fmt: skip
    again = program.work(replace(tiny_program, out=out.with_name("b")), world, DrawnSource(), out)
    assert again["step"] == 8


def test_without_steps_the_teacher_is_what_is_exported(tiny_program):
    world = World.join("cpu", 0)
    run = program.start_run(tiny_program, world)
    program.prepare(
        run, tiny_program, world, DrawnSource(), resume=None, weights=None, teacher=tiny_dit()
    )
    kept = tiny_dit().state_dict()["blocks.0.video.look.out.weight"]
    torch.testing.assert_close(run.model.state_dict()["blocks.0.stream.look.out.weight"], kept)
    torch.testing.assert_close(run.average.state_dict()["blocks.0.stream.look.out.weight"], kept)


def test_a_run_goes_on_from_exported_weights(tiny_program):
    world = World.join("cpu", 0)
    program.work(replace(tiny_program, steps=2), world, DrawnSource(), teacher=tiny_dit())
    weights = tiny_program.out / "dit.safetensors"
    run = program.start_run(tiny_program, world)
    program.prepare(
        run, tiny_program, world, DrawnSource(), resume=None, weights=weights, teacher=None
    )
    exported = CausalDiT(run.model.config)
    load_weights(weights, exported)
    for name, kept in exported.state_dict().items():
        torch.testing.assert_close(run.model.state_dict()[name], kept)
        torch.testing.assert_close(run.average.state_dict()[name], kept)


def test_weights_are_released_as_a_model_that_streams(tmp_path, monkeypatch):
    monkeypatch.setitem(STREAMING, "tiny", CAUSAL)
    words = partial(releasing.taught_words, 100)  # all 20,000 scenes are drawn in test_release
    monkeypatch.setattr(releasing, "taught_words", words)
    save_packed(tmp_path / "run.safetensors", tiny_causal())
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("video_codec", "audio_codec", "superres"):
        save_packed(folder / f"{name}.safetensors", torch.nn.Linear(2, 2))
    path = releasing.release(
        tmp_path / "run.safetensors", folder, about="a test", model="helios-1.0", size="tiny"
    )
    bundle = read_bundle(path)
    assert set(bundle.files) == {"dit", "video_codec"}
    assert bundle.model == "helios-1.0"
    with pytest.raises(UnreadableMedia):
        releasing.release(tmp_path / "run.safetensors", folder, about="", size="helios-1.0-small")


class Drawn:
    """Streams of a bar that moves, and what may go wrong with it over time."""

    def __init__(self, spoil=lambda frame, _second: frame) -> None:
        self.spoil = spoil

    def clips(self, captions, *, frames, looks, seed):
        del looks, seed
        x, y = torch.arange(48.0), torch.arange(32.0)
        rows = []
        for frame in range(frames):
            bar = torch.cos((x[None] + 0.7 * y[:, None] - 2.0 * frame) / 5) * 0.5
            rows.append(self.spoil(bar, frame / 24))
        video = torch.stack(rows)[None, None].expand(len(captions), 3, -1, -1, -1)
        return video.clone()


def _passes(spoil) -> int:
    return long_figures(Drawn(spoil), ["a bar moves"], seconds=8.0, looks=2)["pass"]


def test_a_stream_that_fades_or_freezes_or_blurs_fails_and_one_that_goes_on_passes():
    assert _passes(lambda frame, _: frame) == 1
    assert _passes(lambda frame, second: frame + 0.03 * second) == 0  # grows brighter
    assert _passes(lambda frame, second: frame * 0.85**second) == 0  # loses its contrast
    still: list[torch.Tensor] = []

    def frozen(frame, second):
        if second < 3 or not still:
            still[:] = [frame]
        return still[0]

    assert _passes(frozen) == 0


def test_all_figures_are_there_beside_the_teachers(monkeypatch):
    for name, value in (("ROWS", 2), ("COLUMNS", 3), ("CHUNKS", 3), ("FRAMES", 25)):
        monkeypatch.setattr(dit_eval, name, value)
    device = torch.device("cpu")
    codecs = FoldingVideoCodec(), FoldingAudioCodec()
    codecs[0].decode_step = lambda latents, look: (
        codecs[0].decode(latents[:, :, None]).expand(-1, -1, 1 if look is None else 8, -1, -1), 1
    )  # fmt: skip
    figures = evaluate(
        Streamer(tiny_causal(), codecs[0], device),
        AttributeReader().eval(),
        teacher=Maker(tiny_dit(), codecs, SamplingSettings(steps=1), device),
        looks=(1, 2), count=2, batch=2, long_s=1.0, long_clips=1,
    )  # fmt: skip
    assert set(figures["looks"]) == {"1", "2"}
    for one in figures["looks"].values():
        assert one["times_teacher"] > 0
        assert one["within_bar"] == (one["frechet"] <= 1.5 * figures["teacher"]["frechet"])
    assert figures["long"]["of"] == 1

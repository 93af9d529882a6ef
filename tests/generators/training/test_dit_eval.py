from __future__ import annotations

import torch

from generators.dit import DiT
from generators.metrics.attributes import AttributeReader
from generators.sampling import SamplingSettings
from generators.training import dit_eval
from generators.training.dit_eval import Clips, Maker, draw, evaluate, rendered, sync_figures
from tests.generators.tiny import CONFIG, FoldingAudioCodec, FoldingVideoCodec

CPU = torch.device("cpu")


def test_sync_of_true_renders_is_small_and_late_sound_is_found():
    clips = rendered(draw(6, "train", seed=3, striking=True), 6, CPU)
    true = sync_figures(clips)
    assert true["impacts_seen_in"] >= 2
    assert true["median_ms"] < 40
    late = sync_figures(Clips(clips.video, clips.audio.roll(24_000 // 4, 2)))
    assert late["median_ms"] > true["median_ms"] + 40


def test_striking_scenes_have_one_body_before_a_still_camera():
    for spec in draw(5, "held_out", seed=0, striking=True):
        assert len(spec.bodies) == 1
        assert spec.camera.kind == "still"


def test_all_figures_are_there(monkeypatch, tmp_path):
    for name, value in (("ROWS", 2), ("COLUMNS", 3), ("CHUNKS", 3), ("FRAMES", 25)):
        monkeypatch.setattr(dit_eval, name, value)
    model = DiT(CONFIG)
    model.initialise(torch.Generator().manual_seed(0))
    maker = Maker(model, (FoldingVideoCodec(), FoldingAudioCodec()), SamplingSettings(steps=1), CPU)
    figures = evaluate(
        maker, AttributeReader().eval(), count=4, batch=2, sheet=tmp_path / "sheet.png"
    )
    assert set(figures) >= {
        "attributes_seen", "attributes_held_out", "attributes_real", "frechet", "frechet_sound",
        "sync", "sync_real",
    }  # fmt: skip
    assert figures["frechet_sound"]["distance"] > 2 * figures["frechet_sound"]["floor"]
    assert (tmp_path / "sheet.png").is_file()

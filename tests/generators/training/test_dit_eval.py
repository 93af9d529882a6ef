from __future__ import annotations

from xml.etree import ElementTree as ET

import torch

from generators.dit import DiT
from generators.metrics.attributes import AttributeReader
from generators.sampling import SamplingSettings
from generators.training import dit_eval
from generators.training.dit_eval import (
    Clips,
    Maker,
    draw,
    evaluate,
    rendered,
    sync_errors,
    sync_figures,
)
from generators.training.sync_plot import sync_plot
from tests.generators.tiny import CONFIG, FoldingAudioCodec, FoldingVideoCodec

CPU = torch.device("cpu")


def test_sync_of_true_renders_is_small_and_late_sound_is_found():
    clips = rendered(draw(6, "train", seed=3, striking=True), 6, CPU)
    late = Clips(clips.video, clips.audio.roll(24_000 // 4, 2))
    true = sync_figures(sync_errors(clips), sync_errors(late))
    assert true["impacts_seen_in"] >= 2
    assert true["median_ms"] < 15
    assert true["within_bar"] > 0.5
    assert true["shuffled_median_ms"] > true["median_ms"] + 100


def test_a_sync_plot_climbs_by_one_clip_at_each_error():
    picture = sync_plot({"made": [400.0, 0.0], "true": []}, bar_ms=40)
    root = ET.fromstring(picture)
    ways = [path.get("d") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert ways[-1] == "M56.0 326H56.0V180.0H497.6V34.0H608.0"
    assert "true" not in picture


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
    sheet, plot = tmp_path / "sheet.png", tmp_path / "sync.svg"
    figures = evaluate(maker, AttributeReader().eval(), count=4, batch=2, sheet=sheet, plot=plot)
    assert set(figures) >= {
        "attributes_seen", "attributes_held_out", "attributes_real", "frechet", "frechet_sound",
        "sync", "sync_codecs", "sync_real",
    }  # fmt: skip
    assert figures["frechet_sound"]["distance"] > 2 * figures["frechet_sound"]["floor"]
    assert sheet.is_file()
    assert plot.read_text().startswith("<svg")

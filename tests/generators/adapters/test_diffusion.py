"""Pipelines of diffusers with random weights, which really run."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from generators.adapters.decoding import faded, windows
from generators.adapters.diffusion import open_folder, protect
from generators.base import GuideImage, Request, Watch
from generators.generation import open_generator, write
from provenance.errors import FrameError, OptionError, UnsupportedMedia
from tests.generators.adapters.tiny_pipelines import tiny_folder

pytestmark = pytest.mark.filterwarnings("ignore")  # what diffusers and transformers warn of

SMALL = {"width": 136, "height": 130, "duration_s": 0.5}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = tiny_folder(kind, tmp_path_factory.mktemp("pipelines") / kind)
        return str(made[kind])

    return folder


def steps(kind):
    if "Pyramid" in kind:
        return {"pyramid_num_inference_steps_list": [1, 1, 1], "num_latent_frames_per_chunk": 3}
    if "Helios" in kind:
        return {"num_inference_steps": 1, "num_latent_frames_per_chunk": 3}
    return {"num_inference_steps": 1}


def made(generator, request):
    return list(generator.generate(request, Watch()))


@pytest.mark.parametrize("kind", ["LTXPipeline", "WanPipeline", "HeliosPipeline"])
def test_the_frames_are_the_pipelines_own(saved, kind):
    generator = open_folder(saved(kind), "cpu", **steps(kind))
    request = Request(prompt="a red ball", **SMALL, audio=False, seed=3)
    side = 128 + 16 if kind == "HeliosPipeline" else 160
    frames = np.concatenate([chunk.frames for chunk in made(generator, request)])
    assert frames.shape == (12, 130, 136, 3)
    rate = {"frame_rate": 24} if kind == "LTXPipeline" else {}
    own = generator.pipeline(
        prompt="a red ball", width=side, height=side, num_frames=17 if "LTX" in kind else 13,
        generator=torch.Generator().manual_seed(3), output_type="np", **rate, **steps(kind),
    ).frames[0]  # fmt: skip
    top, left = (side - 130) // 2, (side - 136) // 2
    expected = (own * 255).round().astype(np.uint8)[:12, top : top + 130, left : left + 136]
    assert np.abs(frames.astype(int) - expected).max() <= 1
    assert frames.std() > 2


@pytest.mark.parametrize("kind", ["LTXConditionPipeline", "LTX2Pipeline", "HeliosPyramidPipeline"])
def test_the_others_run_too(saved, kind):
    generator = open_folder(saved(kind), "cpu", **steps(kind))
    request = Request(prompt="a red ball", **SMALL, rate=Fraction(30000, 1001))
    video, audio = generator.specs(request)
    chunks = made(generator, request)
    assert video.rate == Fraction(30000, 1001)
    assert sum(len(chunk.frames) for chunk in chunks) == request.frames
    assert all(chunk.frames.dtype == np.uint8 for chunk in chunks)
    if kind == "LTX2Pipeline":
        sound = np.concatenate([chunk.audio for chunk in chunks])
        assert sound.shape == (round(request.frames / request.rate * audio.sample_rate), 2)
        assert sound.std() > 0
    else:
        assert audio is None


@pytest.mark.parametrize("kind", ["LTXPipeline", "WanPipeline"])
def test_the_end_of_a_prompt_that_is_too_long_is_named(saved, kind):
    generator = open_folder(saved(kind), "cpu", max_sequence_length=12)
    assert generator.unread_text(Request(prompt="a red ball", **SMALL)) == ""
    prompt = "a red ball and a blue one"
    tokenizer = generator.pipeline.tokenizer
    cut = tokenizer(prompt, max_length=12, truncation=True).input_ids
    read = tokenizer.decode(cut, skip_special_tokens=True)
    unread = generator.unread_text(Request(prompt=prompt, **SMALL))
    assert unread
    assert (read + unread).replace(" ", "") == prompt.replace(" ", "")
    open_limit = open_folder(saved(kind), "cpu")
    assert open_limit.unread_text(Request(prompt=prompt, **SMALL)) == ""


def test_a_folder_of_diffusers_gives_a_marked_signed_file(saved, tmp_path, monkeypatch):
    from detectors import verify

    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    generator = open_generator(saved("WanPipeline"), "cpu")
    generator.call["num_inference_steps"] = 1
    request = Request(prompt="a red ball", width=256, height=160, duration_s=1)
    write(generator, request, tmp_path / "out.mp4", watch=Watch())
    result = verify(tmp_path / "out.mp4")
    assert result.watermark.detected
    assert result.manifest.ai_generated
    assert result.verdict == "ai_generated"


def test_what_a_pipeline_cannot_do_is_refused_before_it_starts(saved):
    pipeline = open_folder(saved("WanPipeline"), "cpu").pipeline
    with pytest.raises(OptionError, match="no adapter for dict"):
        protect({})
    with pytest.raises(OptionError, match="not called with steps"):
        protect(pipeline, steps=3)
    with pytest.raises(OptionError, match="matter of the request"):
        protect(pipeline, output_type="latent")
    image = GuideImage(pixels=np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(OptionError, match="takes no image"):
        made(protect(pipeline), Request(prompt="a", **SMALL, images=(image,)))
    sound = np.zeros((10, 2), np.float32)
    with pytest.raises(OptionError, match="does not follow sound"):
        made(protect(pipeline), Request(prompt="a", **SMALL, sound=sound))


def test_whoever_stops_listening_stops_the_pipeline_and_gets_the_codec_back(saved):
    generator = open_folder(saved("WanPipeline"), "cpu", **steps("WanPipeline"))
    vae = generator.pipeline.vae
    frames = generator.generate(Request(prompt="a", **SMALL), Watch())
    next(frames)
    frames.close()
    assert "decode" not in vars(vae)
    assert not vae.decoder._forward_hooks

    def stop(_stage, _share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(generator.generate(Request(prompt="a", **SMALL), Watch(report=stop)))
    assert "decode" not in vars(vae)


def test_folders_that_are_no_pipelines(tmp_path):
    with pytest.raises(UnsupportedMedia):
        open_folder(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "os.system"}')
    with pytest.raises(OptionError, match="no adapter for os"):
        open_folder(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    with pytest.raises(UnsupportedMedia, match="cannot be opened"):
        open_folder(str(tmp_path))


def test_windows_cover_all_latents_and_fade_from_one_to_the_next():
    bounds = windows(20, size=8, overlap=3)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 20
    assert all(b[0] == a[1] - 3 for a, b in pairwise(bounds))
    ramp = faded(torch.zeros(1, 3, 3, 1, 1), torch.ones(1, 3, 3, 1, 1))
    assert ramp[0, 0, :, 0, 0].tolist() == [0.25, 0.5, 0.75]


def test_a_clip_of_several_windows_has_every_frame_once(saved):
    generator = open_folder(saved("LTXPipeline"), "cpu", **steps("LTXPipeline"))
    request = Request(prompt="a", width=128, height=128, duration_s=2.5, audio=False)
    chunks = made(generator, request)
    assert len(chunks) > 1
    assert sum(len(chunk.frames) for chunk in chunks) == 60


def test_a_pipeline_that_gives_no_pictures_is_an_error(saved, monkeypatch):
    generator = open_folder(saved("WanPipeline"), "cpu", **steps("WanPipeline"))
    vae = generator.pipeline.vae
    # As one of another version, which asks its codec for nothing that we know of.
    monkeypatch.setattr(type(generator.pipeline), "__call__", lambda *_, **__: None)
    with pytest.raises(FrameError, match="no pictures"):
        made(generator, Request(prompt="a", **SMALL))
    assert "decode" not in vars(vae)


def test_too_few_frames_are_an_error():
    from generators.adapters.chunking import chunks

    request = Request(prompt="a", width=128, height=128, duration_s=1)
    block = np.zeros((20, 128, 128, 3), np.uint8)
    with pytest.raises(FrameError, match="20 frames where 24"):
        list(chunks(iter([block]), request, None, 0))

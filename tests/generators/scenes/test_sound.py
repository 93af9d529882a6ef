"""The rendered sound: on the impact, on its side, as loud as it is quick, without seams."""

from __future__ import annotations

import dataclasses
import random

import pytest
import torch

from generators.scenes import Impact, draw_scene, render_audio, scene_batch
from generators.scenes import vocabulary as words
from provenance.errors import FrameError

RATE = 24_000


def struck(*moments, material="wood"):
    """A quiet scene in which nothing sounds but these (time, strength, pan)."""
    spec = draw_scene(random.Random(0), duration_s=2.0)
    body = dataclasses.replace(
        spec.bodies[0], motion="fall", impacts=tuple(Impact(*m, material) for m in moments)
    )
    return dataclasses.replace(spec, bodies=(body,), ambience="silence", ambience_level=0.0)


def sound(spec, **options):
    return render_audio([spec], **({"samples": 2 * RATE, "device": "cpu"} | options))[0]


@pytest.mark.parametrize("material", words.MATERIALS)
@pytest.mark.parametrize("moment", [0.0, 0.41237, 1.5])
def test_sound_begins_at_the_impact(material, moment):
    wave = sound(struck((moment, 0.8, 0.0), material=material)).abs().amax(dim=0)
    first = int((wave > 0.05).nonzero()[0])
    assert 0 <= first / RATE - moment < 0.002
    assert wave[: round(moment * RATE)].sum() == 0


def test_sound_comes_from_where_the_impact_is():
    left, right = sound(struck((0.5, 0.8, -1.0))).pow(2).sum(dim=1)
    assert left > 1000 * right
    left, right = sound(struck((0.5, 0.8, 0.5))).pow(2).sum(dim=1)
    assert 2 * left < right


def test_what_is_quicker_is_louder():
    loud = [sound(struck((0.5, s, 0.0))).pow(2).mean().sqrt() for s in (0.1, 0.4, 1.0)]
    assert loud[0] * 2 < loud[1]
    assert loud[1] * 1.5 < loud[2]


def test_materials_sound_different():
    spectra = [
        torch.fft.rfft(sound(struck((0.1, 0.8, 0.0), material=m))[0]).abs() for m in words.MATERIALS
    ]
    spectra = [s / s.norm() for s in spectra]
    for i, one in enumerate(spectra):
        for other in spectra[:i]:
            assert one @ other < 0.7


@pytest.mark.parametrize("ambience", words.AMBIENCES)
def test_parts_join_without_a_seam(ambience):
    rng = random.Random(4)
    specs = [
        dataclasses.replace(draw_scene(rng, duration_s=2.0), ambience=ambience) for _ in range(3)
    ]
    whole = render_audio(specs, samples=RATE, device="cpu")
    parts = [
        render_audio(specs, samples=RATE // 2, start_s=start, device="cpu") for start in (0.0, 0.5)
    ]
    assert torch.allclose(torch.cat(parts, dim=-1), whole, atol=1e-5)
    assert whole.abs().max() <= 1


def test_ambiences_are_heard_behind_the_impacts():
    for ambience in words.AMBIENCES:
        spec = dataclasses.replace(struck(), ambience=ambience, ambience_level=1.0)
        level = sound(spec).pow(2).mean().sqrt()
        assert (0.0005 if ambience == "silence" else 0.005) < level < 0.08


def test_a_batch_has_picture_sound_and_words_of_the_same_scenes():
    options = {"batch": 3, "width": 48, "height": 28, "frames": 12, "device": "cpu"}
    one, two = (scene_batch(random.Random(2), **options) for _ in range(2))
    assert one.video.shape == (3, 3, 12, 28, 48)
    assert one.audio.shape == (3, 2, 12_000)
    assert len(one.captions) == len(one.specs) == 3
    assert torch.equal(one.video, two.video)
    assert torch.equal(one.audio, two.audio)
    assert one.captions == two.captions


def test_nothing_to_sound_is_refused():
    with pytest.raises(FrameError):
        sound(struck(), samples=0)

from __future__ import annotations

import pytest
import torch

from generators.dit import DiT, parameter_count
from generators.presets import PRESETS, config_as_json, config_from_json, preset
from generators.text import encode_bytes
from provenance.errors import UnknownModel
from tests.generators.tiny import CONFIG, tiny_dit, tiny_tokens

TEXT = encode_bytes(["a red ball", "a blue box"], 32)


def test_velocities_have_the_shapes_of_latents():
    model, (video, audio) = tiny_dit(), tiny_tokens()
    seen, heard = model(video, audio, model.read(TEXT))
    assert seen.shape == video.latents.shape
    assert heard.shape == audio.latents.shape


def test_new_weights_say_zero_so_that_training_starts_calm():
    model, (video, audio) = tiny_dit(awake=False), tiny_tokens()
    seen, heard = model(video, audio, model.read(TEXT))
    assert not seen.any()
    assert not heard.any()


def test_the_full_size_builds_without_memory():
    with torch.device("meta"):
        model = DiT(PRESETS["ltx-2.3"])
    assert parameter_count(model) == pytest.approx(22.3e9, rel=0.005)
    assert len(model.blocks) == 28
    assert (model.config.video.width, model.config.audio.width) == (5632, 3072)


def test_the_small_size_fits_the_package_as_bytes():
    with torch.device("meta"):
        model = DiT(PRESETS["ltx-2.3-small"])
    assert parameter_count(model) < 13e6


def test_what_a_size_is_survives_json():
    assert config_from_json(config_as_json(CONFIG)) == CONFIG
    with pytest.raises(UnknownModel):
        preset("ltx-9")


def test_only_differences_of_time_count():
    model = tiny_dit()
    seen, heard = model(*tiny_tokens(), model.read(TEXT))
    later = model(*tiny_tokens(start_s=30.0), model.read(TEXT))
    torch.testing.assert_close(later[0], seen, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(later[1], heard, rtol=1e-3, atol=1e-3)
    slower = model(*tiny_tokens(rate=12.0), model.read(TEXT))
    assert (slower[0] - seen).abs().max() > 1e-2


def test_each_moment_has_a_noise_level_of_its_own():
    model, (video, audio) = tiny_dit(), tiny_tokens()
    text = model.read(TEXT)
    before, _ = model(video, audio, text)
    level = video.level.clone()
    level[:, 2, 1] = 0.0
    after, _ = model(video._replace(level=level), audio, text)
    change = (after - before).abs().amax((0, 2, 3))
    assert change[2] > 5 * change[0]


@pytest.mark.parametrize("stream", ["video", "audio"])
def test_each_stream_hears_the_other_through_the_sync_layer_alone(stream):
    model, (video, audio) = tiny_dit(), tiny_tokens()
    text = model.read(TEXT)
    other = video._replace(latents=video.latents + 1), audio._replace(latents=audio.latents + 1)
    changed = (video, other[1]) if stream == "video" else (other[0], audio)
    index = 0 if stream == "video" else 1
    before, after = model(video, audio, text)[index], model(*changed, text)[index]
    assert (before - after).abs().max() > 1e-3
    for block in model.blocks:
        getattr(block, stream).listen.out.weight.zero_()
    before, after = model(video, audio, text)[index], model(*changed, text)[index]
    assert torch.equal(before, after)


def test_a_moment_of_sound_is_found_where_it_is_in_time():
    # Sound at another time is not the same to the pictures.
    model, (video, audio) = tiny_dit(), tiny_tokens()
    text = model.read(TEXT)
    before = model(video, audio, text)[0]
    after = model(video, audio._replace(time_s=audio.time_s.flip(1)), text)[0]
    assert (before - after).abs().max() > 1e-3


def test_pictures_alone_need_no_sound():
    model, (video, _) = tiny_dit(), tiny_tokens()
    seen, heard = model(video, None, model.read(TEXT))
    assert seen.shape == video.latents.shape
    assert heard is None


def test_words_change_what_is_made():
    model, (video, audio) = tiny_dit(), tiny_tokens()
    seen = model(video, audio, model.read(TEXT))[0]
    other = model(video, audio, model.read(TEXT.flip(0)))[0]
    assert (seen - other).abs().max() > 1e-3

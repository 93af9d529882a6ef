import numpy as np
import pytest
import torch

from attacks.training.resample import resize
from attacks.training.scenes import Sources, draw_scene
from attacks.training.screens import draw_screens
from attacks.training.surrogate import adaptive_offset, code_blocks, code_video, quantise
from provenance.errors import FrameError, OptionError
from provenance.video.elementary import CodecSettings, round_trip


@pytest.fixture(scope="module")
def scene():
    """Cartoons and photographs' spectrum: noise of falling power, seen by a moving camera."""
    random = np.random.default_rng(2)
    spectrum = np.fft.rfft2(random.normal(size=(6, 288, 288)))
    y, x = np.fft.fftfreq(288)[:, None], np.fft.rfftfreq(288)[None]
    cloud = np.fft.irfft2(spectrum / np.maximum(np.hypot(y, x), 1 / 288) ** 1.2, (288, 288))
    cloud = np.clip(128 + 45 * cloud / cloud.std((1, 2), keepdims=True), 0, 255).astype(np.uint8)
    pictures = np.concatenate([cloud, draw_screens(6, 288, random)])
    sources = Sources(torch.from_numpy(pictures), torch.zeros(0, 8, 288, 288, dtype=torch.uint8))
    return draw_scene(sources, 10, 6, 192, 1.2, torch.Generator().manual_seed(4))


def _psnr(shown, frames):
    return float(10 * torch.log10(255**2 / (shown - frames).square().mean((1, 2, 3, 4))).mean())


@pytest.mark.parametrize("crf", [24, 32, 40])
def test_it_loses_about_as_much_as_x264(scene, crf):
    real = np.stack(
        [round_trip(clip[:, 0].byte().numpy(), CodecSettings(crf=crf))[0] for clip in scene.frames]
    )
    shown = code_video(scene.frames, scene.frames[:, 0], scene.poses, torch.full((10,), crf + 1.0))
    assert (
        abs(_psnr(shown, scene.frames) - _psnr(torch.from_numpy(real)[:, :, None], scene.frames))
        < 4
    )


def test_a_fine_quantiser_changes_nothing(scene):
    step = torch.full((10, 1, 12, 12), 1e-3)
    for block in (4, 8, 16):
        shown = code_blocks(scene.frames[:, 0], step, block=block, rounding=0.5)
        torch.testing.assert_close(shown, scene.frames[:, 0], atol=1e-2, rtol=0)


def test_motion_is_compensated():
    """A pan over texture is predicted from the last frame, so a coarse codec keeps it."""
    random = np.random.default_rng(3)
    picture = torch.from_numpy(random.integers(0, 256, (1, 1, 64, 96)).astype(np.float32))
    frames = torch.stack([picture[..., 2 * t : 2 * t + 64] for t in range(3)], 1)
    poses = torch.eye(3).repeat(1, 3, 1, 1)
    poses[0, :, 0, 2] = torch.arange(3) * 2 * 2 / 64
    fine, coarse = torch.tensor([2.0]), 45.0
    right = code_video(frames, frames[:, 0], poses, fine, drop=coarse)
    wrong = code_video(frames, frames[:, 0], torch.eye(3).repeat(1, 3, 1, 1), fine, drop=coarse)
    assert _psnr(right[:, 1:], frames[:, 1:]) > _psnr(wrong[:, 1:], frames[:, 1:]) + 2


def test_gradients_pass_where_something_is_left():
    values = torch.tensor([0.1, 5.0], requires_grad=True)
    quantise(values, torch.tensor(2.0), 1 / 3).sum().backward()
    assert values.grad.tolist() == [0.25, 1.0]


def test_flat_blocks_are_coded_finer():
    flat, rough = torch.full((1, 1, 16, 16), 90.0), 90 + 30 * torch.randn(1, 1, 16, 16)
    assert adaptive_offset(flat) < adaptive_offset(rough)


def test_resize_keeps_flat_pictures_and_whole_multiples_exact():
    picture = torch.arange(64.0).reshape(1, 1, 8, 8)
    halved = torch.nn.functional.avg_pool2d(picture, 2)
    torch.testing.assert_close(resize(picture, 4, 4), halved)
    torch.testing.assert_close(
        resize(torch.full((1, 1, 7, 5), 3.0), 12, 9), torch.full((1, 1, 12, 9), 3.0)
    )


def test_frames_that_cannot_be_encoded_are_named():
    with pytest.raises(FrameError):
        round_trip(np.zeros((2, 15, 16), np.uint8), CodecSettings())
    with pytest.raises(OptionError):
        round_trip(np.zeros((2, 16, 16), np.uint8), CodecSettings(codec="mpeg9"))


def test_a_decoded_picture_keeps_its_range():
    frames = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (3, 64, 1))
    shown, size = round_trip(frames, CodecSettings(crf=4))
    assert shown.shape == frames.shape
    assert size > 0
    assert np.abs(shown.astype(int) - frames).max() <= 4

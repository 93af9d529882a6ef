import numpy as np
import pytest
import torch

from provenance.watermark.jnd import DEFAULT_BOUND, amplitude
from provenance.watermark.net import (
    CELL_PX,
    DEFAULT_PSNR_DB,
    as_functions,
    build_nets,
    limit_psnr,
    load_nets,
    residual,
    smooth_pattern,
)


@pytest.fixture(scope="module")
def nets():
    return load_nets()


def _cloud(height, width, seed=1):
    """Noise of falling power, as photographs have: flat to rough, 0…255."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(random.normal(size=(height, width)))
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    cloud = np.fft.irfft2(spectrum / np.maximum(np.hypot(y, x), 1 / width) ** 1.4, (height, width))
    return np.clip(120 + 40 * cloud / cloud.std(), 0, 255).round().astype(np.float32)


def _pattern(height, width, seed=2):
    random = np.random.default_rng(seed)
    cells = random.choice([-1.0, 1.0], (1, 1, -(-height // CELL_PX), -(-width // CELL_PX)))
    return smooth_pattern(torch.from_numpy(cells.astype(np.float32)))[0, 0, :height, :width].numpy()


def test_what_was_laid_in_is_read_out(nets):
    embed, extract = nets
    luma, pattern = _cloud(240, 320), _pattern(240, 320)
    marked = np.clip(np.round(luma + embed(luma, pattern)), 0, 255)
    sure = np.abs(pattern) > 0.5
    right = (extract(marked) > 0) == (pattern > 0)
    assert right[sure].mean() > 0.6
    unmarked = (extract(luma) > 0) == (pattern > 0)
    assert abs(unmarked[sure].mean() - 0.5) < 0.04


@pytest.mark.parametrize("shape", [(480, 854), (120, 121), (33, 50)])
def test_any_size_keeps_its_size(nets, shape):
    embed, extract = nets
    luma, pattern = _cloud(*shape), _pattern(*shape)
    assert embed(luma, pattern).shape == shape
    odds = extract(luma)
    assert odds.shape == shape
    assert odds.dtype == np.float32
    assert np.isfinite(odds).all()


def test_no_net_can_leave_the_bound():
    """Whatever the weights say: the bound multiplies what the net answers."""
    torch.manual_seed(3)
    built = build_nets()
    for weight in built["embedder"].trunk.out.parameters():
        torch.nn.init.normal_(weight, std=50.0)
    luma = torch.from_numpy(_cloud(128, 128))[None, None] / 255
    pattern = torch.from_numpy(_pattern(128, 128))[None, None]
    change = residual(built["embedder"], luma, pattern)
    assert (change.abs() <= amplitude(luma) * 1.0001).all()
    assert change.abs().max() <= DEFAULT_BOUND.peak * 1.0001


def test_the_frame_as_a_whole_keeps_its_psnr(nets):
    luma = _cloud(240, 320) * 0 + np.random.default_rng(4).normal(128, 40, (240, 320))
    luma = np.clip(luma, 0, 255).astype(np.float32)
    change = nets[0](luma, _pattern(240, 320))
    assert 10 * np.log10(255**2 / np.mean(change**2)) >= DEFAULT_PSNR_DB - 0.01
    weak = torch.full((1, 1, 8, 8), 0.1)
    assert torch.equal(limit_psnr(weak, 44.0), weak)


def test_flat_areas_and_ramps_get_the_floor_only():
    ramp = torch.linspace(0.3, 0.6, 96).expand(1, 1, 96, 96)
    inner = amplitude(ramp)[..., 16:-16, 16:-16]
    assert inner.max() <= DEFAULT_BOUND.flat * 1.15


def test_the_flat_side_of_an_edge_gets_the_floor_only():
    edge = torch.full((1, 1, 96, 96), 0.4)
    edge[..., 48:] = 0.7
    allowed = amplitude(edge)
    assert allowed[..., 16:36].max() <= DEFAULT_BOUND.flat * 1.1


def test_texture_gets_more_than_flat():
    rough = (0.5 + 0.1 * torch.randn(1, 1, 96, 96)).clamp(0, 1)
    assert amplitude(rough).mean() > 3 * DEFAULT_BOUND.flat


def test_the_change_is_made_of_slow_waves(nets):
    luma, pattern = _cloud(256, 256), _pattern(256, 256)
    change = nets[0](luma, pattern)
    power = np.abs(np.fft.rfft2(change)) ** 2
    y, x = np.abs(np.fft.fftfreq(256))[:, None], np.fft.rfftfreq(256)[None]
    fast = power[(y > 0.3) | (x > 0.3)].sum() / power.sum()
    assert fast < 0.1


def test_a_smoothed_pattern_keeps_its_signs():
    cells = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[None, None]
    pattern = smooth_pattern(cells)
    assert pattern.shape == (1, 1, 8, 8)
    assert (pattern[0, 0, 1::4, 1::4].sign() == cells[0, 0]).all()


def test_extraction_sees_a_mirrored_mark_mirrored():
    """The pair is not tied to one orientation: a mirrored file still reads."""
    embed, extract = as_functions(_loaded())
    luma, pattern = _cloud(240, 320), _pattern(240, 320)
    marked = np.clip(np.round(luma + embed(luma, pattern)), 0, 255)
    flipped = extract(np.ascontiguousarray(marked[:, ::-1]))[:, ::-1]
    sure = np.abs(pattern) > 0.5
    assert ((flipped > 0) == (pattern > 0))[sure].mean() > 0.58


def _loaded():
    from importlib import resources

    import safetensors.torch

    data = resources.files("provenance.watermark").joinpath("weights/modem.safetensors")
    built = build_nets()
    state = safetensors.torch.load(data.read_bytes())
    built.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return built

from __future__ import annotations

import numpy as np
import pytest

from attacks.rerecord.screen import ROW_OPEN, STRIPE_CENTRES, STRIPE_OPEN
from attacks.rerecord.sensor import (
    Exposure,
    NoiseBank,
    Sensor,
    developed,
    flicker,
    moire,
    tone_table,
    toned,
)


def places(pitch: float, turn_deg: float = 0.0, side: int = 256):
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    cos, sin = (np.float32(f(np.radians(turn_deg))) for f in (np.cos, np.sin))
    jacobian = pitch * np.array([[cos, -sin], [sin, cos]], np.float64)
    return pitch * (cos * x - sin * y) + 50, pitch * (sin * x + cos * y) + 50, jacobian


def test_the_grid_aliases_to_where_sampling_theory_says():
    pitch = 1.1  # pixels of the panel in a pixel of the frame: beats with one photosite of a colour
    x, y, jacobian = places(pitch)
    red = moire(x, y, jacobian=jacobian, sigma=0.1)[..., 0]
    spectrum = np.abs(np.fft.rfft(red.mean(axis=0) - red.mean()))
    assert np.fft.rfftfreq(256)[spectrum.argmax()] == pytest.approx(pitch - 1, abs=1 / 256)
    assert spectrum.max() > 20 * np.median(spectrum)


def test_turning_the_camera_turns_the_moire():
    x, y, jacobian = places(1.1, turn_deg=10)
    red = moire(x, y, jacobian=jacobian, sigma=0.1)[..., 0]
    spectrum = np.abs(np.fft.fft2(red - red.mean()))
    down, across = (
        float(np.fft.fftfreq(256)[i]) for i in np.unravel_index(spectrum.argmax(), (256, 256))
    )
    expected = np.array([1.1 * np.cos(np.radians(10)) - 1, -1.1 * np.sin(np.radians(10))])
    found = np.array([across, down])
    assert min(np.abs(found - expected).max(), np.abs(found + expected).max()) < 0.01


def test_defocus_takes_it_away_and_a_finer_panel_shows_less():
    def contrast(pitch: float, sigma: float) -> float:
        x, y, jacobian = places(pitch, 1.0)
        return float(moire(x, y, jacobian=jacobian, sigma=sigma).std())

    assert contrast(1.1, 0.15) > 0.1
    assert contrast(1.1, 0.6) < 0.05 * contrast(1.1, 0.15)
    assert contrast(1.9, 0.2) < 0.3 * contrast(1.1, 0.2)


def test_it_is_what_photosites_read_from_a_panel_that_is_drawn_pixel_by_pixel():
    """Brute force: the red photosite of each quad, from a panel of stripes."""
    pitch, sigma, fine = 1.25, 0.15, 100
    x, y, jacobian = places(pitch, side=32)
    place = (np.arange(fine * 100) + 0.5) / fine
    lit = (np.abs(place % 1 - STRIPE_CENTRES[0]) < STRIPE_OPEN / 2) / STRIPE_OPEN
    heights = (np.abs(place % 1 - 0.5) < ROW_OPEN / 2) / ROW_OPEN
    box = (np.arange(24) + 0.5) / 48 - 0.25
    across, down = (np.empty(32), np.empty(32))
    for axis, light, centres in ((across, lit, x[0]), (down, heights, y[:, 0])):
        for index, centre in enumerate(centres - 0.25 * pitch):
            away = place[:, None] - centre - box * pitch
            weight = np.exp(-(away**2) / (2 * (sigma * pitch) ** 2)).sum(axis=1)
            axis[index] = (weight * light).sum() / weight.sum()
    read = down[:, None] * across
    red = moire(x, y, jacobian=jacobian, sigma=sigma)[..., 0]
    assert np.abs(red - read).max() < 0.05 * (read.max() - read.min())


def test_noise_grows_with_light_and_with_fewer_electrons():
    sensor = Sensor(electrons=1000, read_noise=5)
    light = np.array([0.0, 0.25, 1.0], np.float32)
    assert sensor.deviation(light) == pytest.approx(
        [5 / 1000, (0.25 / 1000 + 25e-6) ** 0.5, (1 / 1000 + 25e-6) ** 0.5], rel=1e-4
    )
    assert (Sensor(electrons=100, read_noise=5).deviation(light) > sensor.deviation(light)).all()


def test_noise_is_another_one_in_each_frame_and_replays():
    first, again = (NoiseBank(48, 64, np.random.default_rng(1)) for _ in range(2))
    frames = [first.next().copy() for _ in range(3)]
    assert all(np.array_equal(frame, again.next()) for frame in frames)
    assert frames[0].std() == pytest.approx(1, abs=0.05)
    for a, b in ((0, 1), (1, 2)):
        assert abs(np.corrcoef(frames[a].ravel(), frames[b].ravel())[0, 1]) < 0.1


def test_bands_of_a_flickering_lamp_move_and_full_periods_show_none():
    opens_s = np.linspace(0, 0.025, 400)
    kept = {"hertz": 100.0, "depth": 0.5, "exposure_s": 1 / 160}
    bands = flicker(opens_s, **kept)
    assert bands.mean() == pytest.approx(1, abs=0.05)
    assert bands.max() - bands.min() > 0.3
    # In a frame 1/30 s later they are a third of a period elsewhere.
    later = flicker(opens_s + 1 / 30, **kept)
    assert np.corrcoef(bands, later)[0, 1] == pytest.approx(np.cos(2 * np.pi / 3), abs=0.15)
    steady = flicker(opens_s, hertz=100.0, depth=0.5, exposure_s=1 / 50)
    assert np.abs(steady - 1).max() < 1e-6


def test_automatic_exposure_follows_late_and_only_part_of_the_way():
    exposure = Exposure(target=0.2, lag_s=0.5, bias_ev=0.0)
    assert exposure.gain(0.2, 1 / 30) == pytest.approx(1.0)
    first = exposure.gain(0.05, 1 / 30)
    assert 1.0 < first < 1.2
    for _ in range(300):
        last = exposure.gain(0.05, 1 / 30)
    assert last == pytest.approx(2**1.2, rel=0.01)


def test_tone_and_development_do_what_they_say():
    light = np.array([[[0.0, 0.2140, 1.4]]], np.float32)
    assert toned(light, tone_table(0.0))[0, 0].tolist() == [0, 127, 255]
    random = np.random.default_rng(0)
    noise = np.clip(128 + random.normal(0, 2, (64, 64, 1)), 0, 255).astype(np.uint8)
    grey = np.repeat(noise, 3, axis=2)
    assert developed(grey, denoise=4.0, sharpen=0.3).std() < 0.7 * grey.std()
    edge = np.full((64, 64, 3), 60, np.uint8)
    edge[:, 32:] = 180
    sharp = developed(edge, denoise=2.0, sharpen=0.6)
    assert sharp.min() < 50
    assert sharp.max() > 190

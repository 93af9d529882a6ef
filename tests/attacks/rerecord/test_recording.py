from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.clip import frames_of, open_clip
from attacks.rerecord.recording import ATTACKS, KINDS, RANGES, draw
from provenance.errors import OptionError
from tests.drawn import draw_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("rerecord") / "clip.mp4"
    return open_clip(draw_clip(path, frames=12, width=192, height=108, channels=1))


def ideal(**fields):
    """A recording in which nothing happens but what ``fields`` say."""
    calm = {
        "fill": 1.0, "yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0, "aim_x": 0.0, "aim_y": 0.0,
        "bend": 0.0, "sway_deg": 0.0, "defocus_px": 0.0, "vignette": 0.0, "panel_scale": 2.0,
        "gamma": 2.2, "veil": 0.0, "glare": 0.0, "red": 0.0, "blue": 0.0, "bias_ev": 0.0,
        "electrons": 1e6, "read_noise": 0.0, "denoise": 0.01, "sharpen": 0.0, "contrast": 0.0,
        "pulse_depth": 0.0, "lamp_depth": 0.0,
    }  # fmt: skip
    return replace(draw(1.0, np.random.default_rng(0)), **{**calm, **fields})


def filmed(clip, **fields):
    return [frame for _, frame in frames_of(ideal(**fields).filmed(clip))]


@pytest.mark.parametrize("strength", [1.0, 1.5, 2.0, 3.0])
def test_what_is_drawn_lies_in_the_ranges_that_were_written_down(strength):
    for seed in range(20):
        drawn = draw(strength, np.random.default_rng(seed))
        for name, ranges in RANGES.items():
            value = (
                np.hypot(drawn.aim_x, drawn.aim_y) if name == "aim" else abs(getattr(drawn, name))
            )
            least = min(0.0 if low < 0 else low for low, _ in ranges)
            most = max(max(abs(low), abs(high)) for low, high in ranges)
            assert least - 1e-9 <= value <= most + 1e-9, name


def test_harder_is_harder():
    mild, hard = (draw(s, np.random.default_rng(7)) for s in (1.0, 3.0))
    for name in ("sway_deg", "defocus_px", "vignette", "veil", "glare", "denoise"):
        assert getattr(hard, name) > getattr(mild, name)
    assert abs(hard.yaw_deg) > abs(mild.yaw_deg)
    assert hard.electrons < mild.electrons
    with pytest.raises(OptionError):
        draw(4.0, np.random.default_rng(0))


def test_the_recording_is_a_file_of_the_same_length_at_the_cameras_rate(clip, tmp_path):
    attack = ATTACKS[0]
    transform = attack.draw(attack.default, np.random.default_rng(3))
    recorded = transform.apply(clip, Desk(folder=tmp_path, threads=1))
    assert recorded.file is not None
    assert attack.encoded
    assert recorded.video.rate == Fraction(*transform.rate)
    assert recorded.duration_s == pytest.approx(clip.duration_s, abs=1 / 29)
    assert (recorded.video.width, recorded.video.height) == (192, 108)
    assert sum(len(block) for block in recorded.sound()) / 48_000 == pytest.approx(0.5, abs=0.05)


def test_a_recording_replays_exactly_from_its_parameters(clip):
    drawn = draw(3.0, np.random.default_rng(5))
    again = restore(json.loads(json.dumps(describe(drawn))), KINDS)
    assert again == drawn
    first = [frame for _, frame in frames_of(drawn.filmed(clip))]
    second = [frame for _, frame in frames_of(again.filmed(clip))]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = replace(drawn, seed=drawn.seed + 1)
    assert not np.array_equal(first[2], next(frame for _, frame in frames_of(other.filmed(clip))))


def test_with_nothing_in_the_way_the_picture_is_the_clips(clip):
    original = [frame for _, frame in frames_of(clip)]
    first = filmed(clip)[0].astype(float)
    alike = np.corrcoef(first[8:-8, 8:-8].ravel(), original[0][8:-8, 8:-8].ravel())[0, 1]
    assert alike > 0.97


def test_between_two_pictures_both_are_seen(clip):
    """24 pictures a second, filmed 30 times: some frames blend, none is twice as bright."""
    sharp = ideal(exposure_s=1 / 1000, readout_s=1e-6)
    long = replace(sharp, exposure_s=1 / 30)
    quick, slow = ([f for _, f in frames_of(t.filmed(clip))] for t in (sharp, long))
    mean = [f.mean() for f in slow]
    assert max(mean) - min(mean) < 25
    edges = [np.abs(np.diff(f.astype(float), axis=1)).mean() for f in (quick[4], slow[4])]
    assert edges[1] < edges[0]


def test_beside_the_screen_are_its_bezel_and_the_room(clip):
    frame = filmed(clip, fill=0.6, veil=0.05)[0]
    assert frame[54, 96].mean() > 40
    bezel = frame[54, int(96 - 0.3 * 192) - 2]
    wall = frame[54, 4]
    assert bezel.mean() < wall.mean() < 140


def test_the_grid_of_the_panel_shows_in_the_spectrum(clip):
    def fine(scale: float) -> float:
        rows = filmed(clip, panel_scale=scale)[0][..., 0].astype(float)
        spectrum = np.abs(np.fft.rfft(rows - rows.mean(axis=1, keepdims=True), axis=1)).mean(axis=0)
        beat = round(192 * abs(scale - round(scale)))
        return float(spectrum[beat - 1 : beat + 2].max() / np.median(spectrum[beat - 9 : beat + 9]))

    assert fine(1.2) > 3 * fine(1.9)


def test_beside_the_screen_there_is_no_grid(clip):
    frame = filmed(clip, fill=0.6, panel_scale=0.72, veil=0.05)[0]
    assert np.ptp(frame[40:70, 2:14].astype(float)) < 8


def test_a_room_that_lights_the_screen_lifts_its_blacks(clip):
    dark, lit = (filmed(clip, veil=veil)[0] for veil in (0.0, 0.08))
    assert np.percentile(lit, 2) > np.percentile(dark, 2) + 10

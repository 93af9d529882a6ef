from __future__ import annotations

import numpy as np
import pytest

from attacks.rerecord.camera import Camera, Sway

CORNERS = np.array([[-160.0, -90], [160, -90], [160, 90], [-160, 90]])


def still(camera: Camera) -> np.ndarray:
    return np.zeros((3, len(camera.rows())))


def test_from_the_front_the_screen_fills_its_share_of_the_frame():
    camera = Camera(width=320, height=180, fov_deg=65, fill=0.8)
    assert camera.project(CORNERS) == pytest.approx(CORNERS * 0.8)
    assert camera.pixels_of_screen() == pytest.approx(1 / 0.8, rel=1e-3)


def test_keystone_moves_corners_where_geometry_says():
    camera = Camera(width=320, height=180, fov_deg=60, fill=1.0, yaw_deg=30)
    focal = 160 / np.tan(np.radians(30))
    # A point x to the side, turned by 30° about the vertical axis, at a distance of one focal.
    for x, y in CORNERS:
        depth = focal - x * np.sin(np.radians(30))
        expected = (focal * x * np.cos(np.radians(30)) / depth, focal * y / depth)
        assert camera.project(np.array([[x, y]]))[0] == pytest.approx(expected)
    seen = camera.project(CORNERS)
    left, right = seen[3, 1] - seen[0, 1], seen[2, 1] - seen[1, 1]
    assert right > 1.3 * left


@pytest.mark.parametrize("turned", [{}, {"yaw_deg": 14.0, "pitch_deg": -6.0, "roll_deg": 2.0}])
def test_what_a_pixel_sees_is_what_projects_there(turned):
    camera = Camera(width=320, height=180, fov_deg=65, fill=0.9, aim=(0.02, -0.01), **turned)
    x, y = camera.view(still(camera))
    assert x.shape == (180, 320)
    picked = [(20, 30), (90, 160), (150, 300), (0, 0), (179, 319)]
    points = np.array([[x[row, column], y[row, column]] for row, column in picked], np.float64)
    places = np.array([[column - 160, row - 90] for row, column in picked]) + 0.5
    assert np.abs(camera.project(points) - places).max() < 0.05


def test_the_lens_bends_corners_and_leaves_the_centre():
    straight = Camera(width=320, height=180, fov_deg=65, fill=1.0)
    bent = Camera(width=320, height=180, fov_deg=65, fill=1.0, bend=0.03)
    (x, _), (x_bent, _) = (c.view(still(c)) for c in (straight, bent))
    assert x_bent[90, 160] == pytest.approx(x[90, 160], abs=0.01)
    assert x_bent[0, 319] == pytest.approx(x[0, 319] * 1.03, rel=2e-3)


def test_a_hand_that_pans_moves_the_view_by_its_focal_length():
    camera = Camera(width=320, height=180, fov_deg=65, fill=1.0)
    angles = still(camera)
    x, y = camera.view(angles)
    angles[1] = 0.01
    x_panned, y_panned = camera.view(angles)
    assert (x_panned - x)[90, 160] == pytest.approx(0.01 * camera.focal_px, rel=0.02)
    assert np.abs(y_panned - y)[90, 160] < 0.1


def test_while_rows_are_read_the_hand_goes_on():
    camera = Camera(width=320, height=180, fov_deg=65, fill=1.0)
    angles = still(camera)
    angles[1] = np.linspace(0, 0.02, angles.shape[1])
    x, _ = camera.view(angles)
    skew = (x[170, 160] - x[10, 160]) / camera.focal_px
    assert skew == pytest.approx(0.02 * 160 / (angles.shape[1] - 1) / 8, rel=0.05)


def test_the_path_of_a_hand_is_smooth_bounded_and_replayable():
    sway = Sway(seed=3, rms_deg=0.4)
    time_s = np.arange(0, 60, 1 / 240)
    angles = sway.angles(time_s)
    assert np.degrees(angles.std(axis=1)) == pytest.approx([0.4, 0.4, 0.2], rel=0.25)
    assert np.degrees(np.abs(angles)).max() < 4 * 0.4
    # Smooth: within a 240th of a second it goes a small part of the way.
    assert np.abs(np.diff(angles)).max() < 0.12 * angles.std()
    assert np.array_equal(Sway(seed=3, rms_deg=0.4).angles(time_s[5000:]), angles[:, 5000:])
    assert not np.allclose(Sway(seed=4, rms_deg=0.4).angles(time_s), angles)
    # As a random walk: fast movements are small ones.
    power = np.abs(np.fft.rfft(angles[1])) ** 2
    hertz = np.fft.rfftfreq(len(time_s), 1 / 240)
    slow, fast = (power[(hertz > a) & (hertz < b)].sum() for a, b in ((0.1, 1.5), (6, 15)))
    assert slow > 5 * fast
    assert power[hertz > 20].sum() < 0.01 * power.sum()


def test_its_speed_is_that_of_the_path():
    sway = Sway(seed=3, rms_deg=0.4)
    step = sway.angles(np.array([1.0, 1.0 + 1e-5]))
    expected = np.hypot(*(step[:2, 1] - step[:2, 0])) / 1e-5
    assert sway.speed(1.0) == pytest.approx(expected, rel=1e-3)

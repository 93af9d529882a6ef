"""From end to end, where only a close look helps: slanted, shaken and small pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from provenance.watermark.evidence import FINE
from tests.drawn import natural_luma
from tests.provenance.watermark.test_detector import PAYLOAD, detector_for, mark

HEIGHT, WIDTH = 480, 854
FRAMES, RATE = 14, 8


@pytest.fixture(scope="module")
def marked():
    planes = natural_luma(FRAMES, HEIGHT, WIDTH)
    return planes, mark(planes, strength=2.0)


def read(planes, **options):
    detector = detector_for(planes, **options)
    for index, plane in enumerate(planes):
        detector.add(plane, time_s=index / RATE)
    return detector, detector.finish()


def test_a_picture_in_picture_is_read_and_followed(marked):
    plain, planes = marked
    top, left, size = 24, 400, (WIDTH // 2, HEIGHT // 2)
    shown = []
    for index, plane in enumerate(planes):
        canvas = plain[-1 - index][::-1].copy()  # other moving content
        small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        canvas[top : top + size[1], left : left + size[0]] = small
        shown.append(canvas)
    _, result = read(shown)
    assert result.payload == PAYLOAD
    assert result.geometry.scale == pytest.approx(0.5, abs=0.01)
    assert [segment.state for segment in result.segments] == ["marked"]
    # The usual maps are too coarse for it: neither a limited search nor --fast tries so hard.
    _, straight = read(shown, reach="straight")
    assert straight.payload is None


def test_a_strong_slant_is_read_and_followed(marked):
    _, planes = marked
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    inwards = np.array([[150, 30], [-20, 10], [-60, -110], [10, -20]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, corners + inwards)
    slanted = [
        cv2.warpPerspective(p, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC) for p in planes
    ]
    detector, result = read(slanted)
    assert result.payload == PAYLOAD
    assert detector._found.level == FINE
    assert [segment.state for segment in result.segments] == ["marked"]


def test_a_slant_that_a_hand_moved_is_read(marked):
    _, planes = marked
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    inwards = np.array([[150, 30], [-20, 10], [-60, -110], [10, -20]], np.float32)
    walk = np.cumsum(np.random.default_rng(2).normal(size=(FRAMES // 2, 2)), 0) * 2.5
    shown = []
    for index, plane in enumerate(planes):
        matrix = cv2.getPerspectiveTransform(corners, corners + inwards)
        matrix = (
            np.array([[1, 0, walk[index // 2, 0]], [0, 1, walk[index // 2, 1]], [0, 0, 1]]) @ matrix
        )
        shown.append(cv2.warpPerspective(plane, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC))
    _, result = read(shown)
    assert result.payload == PAYLOAD


@pytest.mark.parametrize("path", ["AAABBCC", "AABBC--"])
def test_a_mark_that_is_read_without_following_the_hand_is_heard_where_it_moved(marked, path):
    """One letter a moment: where it lies; -: no mark."""
    plain, planes = marked
    places = {"A": (0, 0), "B": (4, 8), "C": (-4, 6)}  # pixels down and right: up to two cells
    shown = [
        plain[index] if place == "-" else np.roll(planes[index], places[place], (0, 1))
        for index, place in enumerate(place for place in path for _ in range(2))
    ]
    _, result = read(shown, regions=False)
    assert result.payload == PAYLOAD
    states = [segment.state for segment in result.segments]
    assert states == (["marked", "unmarked"] if "-" in path else ["marked"])

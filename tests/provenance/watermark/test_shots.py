"""Shots are told from movement, and their first frames are marked as a clip's first one is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from provenance.watermark import ClipMarker
from provenance.watermark.carrier import MatchedFilterExtractor
from provenance.watermark.evidence import Evidence
from provenance.watermark.shots import Shots, glance
from provenance.watermark.sync import clipped
from provenance.watermark.torch_marker import TorchClipMarker
from tests.drawn import natural_luma
from tests.provenance.watermark.test_detector import KEY, PAYLOAD

HEIGHT, WIDTH, RATE = 270, 480, 20


@pytest.fixture(scope="module")
def edit():
    """Three shots of five frames; the last one is as dark as the second."""
    first = natural_luma(5, HEIGHT, WIDTH, seed=1)
    other = [255 - plane[::-1] // 2 for plane in natural_luma(5, HEIGHT, WIDTH, seed=2)]
    third = [plane.T.copy() for plane in natural_luma(5, WIDTH, HEIGHT, seed=3)]
    return [*first, *other, *third]


def begun(planes, *, bits=8):
    shots = Shots()
    return [n for n, plane in enumerate(planes) if shots.begins(glance(plane), bits=bits)]


def marker():
    return ClipMarker(payload=PAYLOAD, key=KEY, width=WIDTH, height=HEIGHT)


def test_cuts_are_seen_at_any_depth(edit):
    assert begun(edit) == [0, 5, 10]
    assert begun([plane.astype(np.uint16) << 2 for plane in edit], bits=10) == [0, 5, 10]


def test_what_moves_fast_is_one_shot():
    """A picture that runs by, a quarter of its width from frame to frame, and one that fades."""
    still = natural_luma(1, HEIGHT, WIDTH)[0]
    assert begun([np.roll(still, 120 * n, axis=1) for n in range(12)]) == [0]
    faded = [(still * (1 - n / 12)).astype(np.uint8) for n in range(12)]
    assert begun(faded) == [0]


@pytest.mark.parametrize("times", [2, 3, 4])
def test_frames_that_are_shown_more_than_once_begin_no_shots(times):
    """As animation has them, and footage at another rate than it was made for."""
    still = natural_luma(1, HEIGHT, WIDTH)[0]
    pan = [np.roll(still, 40 * n, axis=1) for n in range(12)]
    assert len(begun(pan)) == 1
    assert len(begun([plane for plane in pan for _ in range(times)])) <= 2
    strobe = [still if n % 4 < 2 else 255 - still for n in range(40)]
    assert len(begun(strobe)) <= 2


def test_a_shot_is_marked_as_if_the_clip_began_with_it(edit):
    whole, alone = marker(), marker()
    made = [whole.mark(plane, time_s=n / RATE) for n, plane in enumerate(edit)]
    for n in range(5, 10):
        wanted = alone.mark(edit[n], time_s=n / RATE)
        assert np.array_equal(made[n], wanted)
    change = [made[n].astype(int) - edit[n] for n in range(5, 8)]
    assert np.abs(change[0]).mean() > 1.1 * np.abs(change[1]).mean()
    assert np.array_equal(change[1], change[2])


@pytest.mark.parametrize("counts", [(1,) * 15, (7, 8), (15,)])
def test_a_device_is_told_where_shots_begin(edit, counts):
    plan, shots = marker(), Shots()
    there, done, made = TorchClipMarker(plan, device=torch.device("cpu")), 0, []
    for count in counts:
        part = np.stack(edit[done : done + count])
        times_s = [n / RATE for n in range(done, done + count)]
        begins = [shots.begins(one) for one in glance(part)]
        marked = there.mark_all(torch.from_numpy(part), times_s=times_s, begins=begins)
        made += list(marked.numpy().astype(int))
        done += count
    for n, plane in enumerate(edit):
        ours = plan.mark(plane, time_s=n / RATE).astype(int)
        assert np.abs(ours - made[n]).max() <= 1
        assert np.mean(ours != made[n]) < 0.002


def test_means_begin_where_shots_do(edit):
    evidence = Evidence(MatchedFilterExtractor(), width=WIDTH, height=HEIGHT)
    for n, plane in enumerate(edit):
        evidence.add(plane, time_s=n / 50, bits=8)  # five frames are less than a mean
    evidence.flush()
    assert [w.start_s for w in evidence.windows] == pytest.approx([0, 0.1, 0.2])
    for n, plane in enumerate(natural_luma(60, HEIGHT, WIDTH, seed=4)):
        evidence.add(plane, time_s=0.3 + n / 50, bits=8)
    evidence.flush()
    assert [w.start_s for w in evidence.windows][:4] == pytest.approx([0, 0.1, 0.2, 0.3])
    opening, rest = evidence.folds()[0].parts
    told = [w.maps[0].astype(np.float32) for w in evidence.windows]
    assert np.corrcoef(opening.ravel(), clipped(sum(told[:4])).ravel())[0, 1] > 0.999
    assert np.corrcoef(rest.ravel(), clipped(sum(told[4:])).ravel())[0, 1] > 0.999


def test_two_cuts_in_a_row_are_two_shots(edit):
    plan = marker()
    there = TorchClipMarker(plan, device=torch.device("cpu"))
    three = np.stack([edit[0], edit[5], edit[10]])
    made = there.mark_all(torch.from_numpy(three), times_s=[0, 0.05, 0.1], begins=[True] * 3)
    for index, plane in enumerate(three):
        wanted = marker().mark(plane, time_s=index / RATE).astype(int)
        assert np.abs(wanted - made[index].numpy()).max() <= 1

"""An encoder that may take real-time priority does not keep it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenance.video import EncodeSettings
from provenance.video.scheduling import ordinary_priority
from tests.drawn import draw_clip


def policies():
    return {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}


def test_av1_leaves_the_priority_of_all_threads_as_it_was(tmp_path):
    before = policies()
    settings = EncodeSettings(codec="av1", preset="ultrafast")
    draw_clip(tmp_path / "a.mp4", frames=4, channels=None, settings=settings)
    assert policies() == before == {os.SCHED_OTHER}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take it")
def test_priority_that_was_taken_is_given_back():
    with ordinary_priority():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    assert os.sched_getscheduler(0) == os.SCHED_OTHER

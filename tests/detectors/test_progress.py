from __future__ import annotations

from detectors.progress import Progress


def test_one_file_has_its_own_share():
    progress = Progress(count=1, done=0, clock=lambda: 0.0)
    assert progress.line("a/clip.mp4", 0.5) == f"[{'#' * 12}{'.' * 12}]  50% clip.mp4"


def test_many_have_a_rate_and_a_time_left():
    now = iter([100.0, 101.0, 110.0, 120.0])
    progress = Progress(count=1000, done=400, clock=lambda: next(now))
    assert "400/1000 a.mp4" in progress.line("a.mp4", 0.0)
    for _ in range(40):
        progress.finished()
    # 40 in 10 s: what was there before counts for the bar alone.
    assert " 44% 440/1000 4 files/s, 2 min left a.mp4" in progress.line("a.mp4", 0.0)
    assert "2 files/s, 5 min left" in progress.line("a.mp4", 0.0)

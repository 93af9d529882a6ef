"""Real processes, killed while they are used."""

from __future__ import annotations

from benchmarks.service_chaos import FAULTS, run_chaos


def test_whatever_is_killed_every_accepted_scan_has_one_result(tmp_path, clip):
    report = run_chaos(tmp_path / "service", clip, seconds=8, clients=2, workers=1, seed=4)
    assert report["accepted"] > 0
    assert set(report["kills"]) == {"worker", "server"}
    assert {fault: report[fault] for fault in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert report["actions"] == {"allow": report["accepted"] + report["unknown_scans"]}

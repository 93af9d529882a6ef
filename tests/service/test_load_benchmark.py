"""The load benchmark: both runs on the same files, and a verdict by the median of the pairs."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks.service_load import BAR, QUIET, Pair, Run, Served, main, report_on
from tests.drawn import draw_clip

OUTCOME = {
    "statuses": [429, 202],
    "refused_silently": 1,
    "action": "allow",
}


def pair(wall, *, cpu=1.0, others=0.0):
    """A pair whose service took ``wall`` and ``cpu`` times as long as the command."""
    service = Served(
        wall_s=10 * wall, cpu_s=20 * cpu, accepted_s=[0.1], done_s=[1.0], server_cpu_s=1.0,
        workers_cpu_s=20 * cpu - 1, senders_cpu_s=0.5, server_peak_mb=100.0,
        worker_peak_mb=300.0, outcomes=[OUTCOME],
    )  # fmt: skip
    return Pair(
        service=service,
        command=Run(wall_s=10.0, cpu_s=20.0, done_s=[1.0]),
        others_cpu_s=others * 10 * (1 + wall),
    )


@pytest.mark.parametrize(
    ("walls", "verdict"),
    [
        ([1 + BAR - 0.01], "met"),
        ([1 + BAR + 0.01], "missed"),
        ([1.5, 1.1, 1.1], "met"),  # one bad minute of the machine
        ([1.0, 1.2, 1.2], "missed"),
    ],
)
def test_the_median_decides(walls, verdict):
    assert report_on([pair(wall) for wall in walls], 2)["verdict"] == verdict


def test_no_verdict_where_others_computed():
    found = report_on([pair(1.0, others=2 * QUIET + 0.01)] * 3, 2)
    assert found["verdict"].startswith("none")
    assert report_on([pair(1.0, others=2 * QUIET - 0.01)] * 3, 2)["verdict"] == "met"


def test_what_is_reported():
    found = report_on([pair(1.1, cpu=1.2), pair(1.3, cpu=1.0), pair(1.2, cpu=1.05)], 2)
    assert found["overhead"] == {"wall": 0.2, "cpu": 0.05}
    assert [one["overhead"]["wall"] for one in found["pairs"]] == [0.1, 0.3, 0.2]
    assert found["pairs"][0]["overhead"]["cpu_ms_an_upload"] == 4000
    assert found["statuses"] == {429: 3, 202: 3}
    assert found["refused_without_retry_after"] == 3
    assert found["actions"] == {"allow": 3}


def test_both_run_again(tmp_path):
    clip = draw_clip(tmp_path / "clip.mp4")
    arguments = [str(clip), "--uploads", "3", "--megabytes", "0.3", "--repeats", "2"]
    ended = CliRunner().invoke(main, [*arguments, "--workers", "1"])
    found = json.loads(ended.stdout)
    assert ended.exit_code == (found["verdict"] != "met")
    assert found["statuses"] == {"202": 6}
    assert found["megabytes_each"] == {"least": 0.3, "most": 0.3}
    for one in found["pairs"]:
        assert one["ltx_verify"]["cpu_s"] > 0
        assert 0 < one["service"]["accepted_s"]["p95"] <= one["service"]["done_s"]["p95"]
        assert one["ltx_verify"]["done_s"]["p95"] <= one["ltx_verify"]["wall_s"]
        parts = one["service"]["server_cpu_s"] + one["service"]["workers_cpu_s"]
        assert one["service"]["cpu_s"] == pytest.approx(parts, abs=0.02)

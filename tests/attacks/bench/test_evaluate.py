"""What a task makes of strange systems, clips and disks: a result with a reason, or the end."""

from __future__ import annotations

import errno
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest

from attacks.bench import evaluate
from attacks.bench.evaluate import compute, with_reading
from attacks.bench.plan import Settings, plan, sources
from attacks.bench.results import to_line
from attacks.bench.suite import Suite
from attacks.systems.base import Reading
from attacks.systems.catalog import find_system
from provenance.errors import DiskFull, OutputError, PackageMissing
from tests.attacks.bench.report.results_drawn import cell
from tests.attacks.toy_system import install
from tests.drawn import draw_clip


@pytest.fixture
def toy(tmp_path_factory, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path_factory.mktemp("site")))
    find_system.cache_clear()
    yield find_system("columns")
    find_system.cache_clear()


@pytest.fixture
def task(toy, tmp_path):
    """One attack on one clip; called with the attack's name and strength."""

    def of(attack="identity", strength=0.0, **clip):
        path = draw_clip(tmp_path / "clip.mp4", frames=6, channels=None, **clip)
        suite = Suite(
            name="s", summary="", entries=MappingProxyType({attack: (strength,)}), seconds=1.0
        )
        folder = tmp_path / "run"
        folder.mkdir()
        return plan(suite, sources([path]), ["columns"], Settings(seconds=1.0), folder).cells[0]

    return of


@pytest.mark.parametrize(
    "said",
    [
        {"recovered": None},
        {"recovered": "yes"},
        {"recovered": 0.7},
        {"present": "no"},
        {"bit_accuracy": float("nan")},
        {"bit_accuracy": 50.0},
        {"presence_p": -0.1},
        {"gamma": float("inf")},
        {"seconds_needed": "soon"},
        {"bound": 2.0},
    ],
)
def test_what_no_system_may_say_is_refused(said):
    with pytest.raises((ValueError, TypeError)):
        with_reading(cell(0), Reading(**({"recovered": True} | said)))


def test_numpy_values_are_taken():
    reading = Reading(
        recovered=np.bool_(True),
        present=np.bool_(False),
        bit_accuracy=np.float32(0.5),
        bound=np.float64(0),
    )
    found = with_reading(cell(0), reading)
    assert (found.recovered, found.present, found.bit_accuracy, found.bound) == (
        True,
        False,
        0.5,
        0,
    )
    assert to_line(found)


def answer(monkeypatch, toy, read):
    monkeypatch.setattr(type(toy), "read", read)


@pytest.mark.parametrize("reading", [None, "a text", Reading(recovered=True, gamma=float("nan"))])
def test_a_system_that_reads_nonsense_fails_its_cell_alone(task, toy, monkeypatch, reading):
    answer(monkeypatch, toy, lambda *_, **__: reading)
    found = compute(task())
    assert found.status == "failed"
    assert found.recovered is None
    assert found.detail
    assert to_line(found)


def test_what_an_encoder_refuses_does_not_end_the_run(task):
    # SVT-AV1 ends at 240 frames a second, and says so by failing to write.
    found = compute(task("av1", 58.0, rate=Fraction(1000)))
    assert found.status == "failed"
    assert "output.failed" in found.detail


@pytest.mark.parametrize("error", [DiskFull("full"), OSError(errno.ENOSPC, "No space left")])
def test_a_full_disk_ends_the_run(task, toy, monkeypatch, error):
    def read(*_, **__):
        raise error

    answer(monkeypatch, toy, read)
    with pytest.raises(DiskFull):
        compute(task())


def test_a_folder_that_is_gone_ends_the_run(task, toy, monkeypatch):
    def read(*_, **__):
        raise ValueError("nobody's fault")

    answer(monkeypatch, toy, read)
    cell_task = task()
    monkeypatch.setattr(evaluate, "_cell", read)
    cell_task.master.folder.rmdir()
    with pytest.raises(OutputError):
        compute(cell_task)


def test_a_package_that_comes_later_is_asked_for_again(task, toy, monkeypatch):
    def read(*_, **__):
        raise PackageMissing("no net", hint="install it")

    answer(monkeypatch, toy, read)
    # Not skipped: the next run tries again what failed.
    assert compute(task()).status == "failed"

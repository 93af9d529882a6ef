"""Systems are found by name, and what keeps one from running is named with its remedy."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from attacks.systems.catalog import find_system, names
from provenance.errors import UnknownName

OURS = [
    "everyframe",
    "everyframe-8f",
    "everyframe-store",
    "everyframe-audio",
    "dwtdct",
    "dwtdctsvd",
    "rivagan",
    "blind-watermark",
    "perth",
]


def test_every_name_gives_a_system_of_that_name():
    assert names()[: len(OURS)] == OURS
    for name in OURS:
        system = find_system(name)
        assert system.name == name
        assert system.version
        assert pickle.loads(pickle.dumps(system)) == system
    assert find_system("everyframe-8f").frames_most == 8
    assert find_system("everyframe").frames_most is None


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(UnknownName) as caught:
        find_system("dwtdctsdv")
    assert caught.value.code == "name.unknown"
    assert "did you mean dwtdctsvd?" in caught.value.hint


def run(program, *, path=None):
    env = {"PYTHONPATH": path} if path else {}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env
    )
    return done.stdout


def test_finding_all_of_them_loads_nothing_heavy():
    program = """
import sys
from attacks.systems.catalog import find_system, names
for name in names():
    find_system(name)
heavy = {"torch", "onnxruntime", "imwatermark", "blind_watermark", "perth"}
print(sorted(heavy & set(sys.modules)))
"""
    assert run(program, path=":".join(sys.path)).strip() == "[]"


# Where the import system is told that a package is not there, it is not there.
HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
import importlib.util
from attacks.systems.catalog import find_system
from provenance.errors import PackageMissing
for name in {names!r}:
    try:
        find_system(name)
        print(name, "runs")
    except PackageMissing as error:
        print(name, "|", error.message, "|", error.hint)
"""


@pytest.mark.parametrize(
    ("hidden", "package", "command", "broken", "whole"),
    [
        (
            "imwatermark",
            "invisible-watermark",
            "pip install --no-deps invisible-watermark",
            ["dwtdct", "dwtdctsvd", "rivagan"],
            ["everyframe", "blind-watermark"],
        ),
        ("onnxruntime", "onnxruntime", "pip install onnxruntime", ["rivagan"], ["dwtdct"]),
        (
            "blind_watermark",
            "blind-watermark",
            "pip install --no-deps blind-watermark",
            ["blind-watermark"],
            ["dwtdct"],
        ),
        ("perth", "resemble-perth", "make peers", ["perth"], ["everyframe"]),
    ],
)
def test_a_missing_package_is_named_and_the_others_run(hidden, package, command, broken, whole):
    program = HIDE.format(hidden=[hidden], names=[*broken, *whole])
    lines = run(program, path=":".join(sys.path)).splitlines()
    for name, line in zip(broken, lines, strict=False):
        assert line.startswith(f"{name} | {name} needs the package {package}")
        assert command in line
        assert "make peers" in line
    assert lines[len(broken) :] == [f"{name} runs" for name in whole]


def test_a_package_that_a_peer_itself_needs_is_named():
    program = HIDE.format(hidden=["torch"], names=["dwtdct"])
    program += """
from attacks.systems.packages import load
try:
    load("imwatermark", package="invisible-watermark", needed_by="dwtdct")
except PackageMissing as error:
    print(error.diagnostics())
"""
    said = run(program, path=":".join(sys.path))
    assert "dwtdct needs the package torch" in said
    assert "pip install torch" in said


BROUGHT = """
from attacks.systems.base import Reading
class Nothing:
    name, version, medium, message_bits, frames_most = "nothing", "1", "video", 1, None
    keyed = False
    def mark(self, clip, *, seed): return clip
    def read(self, clip, *, seed): return Reading(recovered=False)
    def accomplice(self, original, *, seed, stranger): return None
class Half:
    name = "half"
class Bad:
    def __init__(self): raise RuntimeError("no weights")
"""


def test_installed_packages_bring_systems(tmp_path):
    info = tmp_path / "some_mark-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-mark\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[everyframe.systems]\nnothing = some_mark:Nothing\nbroken = some_mark_of_nobody:Mark\n"
        "perth = some_mark:Nothing\nhalf = some_mark:Half\nbad = some_mark:Bad\n"
        "gone = some_mark:Gone\n"
    )
    (tmp_path / "some_mark.py").write_text(BROUGHT)
    program = """
from attacks.systems.catalog import find_system, names
from provenance.errors import EveryframeError
print(names()[-5:-3], find_system("nothing").name)
for name in ("broken", "perth", "half", "bad", "gone"):
    try:
        find_system(name)
    except EveryframeError as error:
        print(error.code, "some-mark" in error.message)
"""
    lines = run(program, path=":".join([str(tmp_path), *sys.path])).splitlines()
    assert lines == [
        "['nothing', 'broken'] nothing",
        "package.missing True",
        "option.invalid False",
        *["package.missing True"] * 3,
    ]

"""One attack on one file: what is refused, and that nothing half-made takes an output's place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attacks.single import attack, replay
from provenance.errors import OptionError
from provenance.video import open_media
from tests.drawn import draw_clip

ATTACK = str(Path(sys.executable).parent / "ltx-attack")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return draw_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=6)


@pytest.fixture
def output(tmp_path):
    """A name, and what stands under it, which must stay when an attack fails."""
    return lambda name: (tmp_path / name, (tmp_path / name).write_text("before"))[0]


@pytest.mark.parametrize(
    ("name", "suffix", "good"), [("prores", ".mp4", ".mov"), ("x264", ".webm", ".mp4")]
)
def test_a_container_that_cannot_hold_it_is_refused_and_a_good_one_named(
    clip, output, name, suffix, good
):
    path = output(f"out{suffix}")
    with pytest.raises(OptionError) as caught:
        attack(clip, path, name)
    assert good in caught.value.hint
    assert path.read_text() == "before"
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    attack(clip, path.with_suffix(good), name)
    with open_media(path.with_suffix(good)) as media:
        assert media.info.audio is not None


def test_a_file_that_the_attack_does_not_need_is_refused(clip, output):
    path = output("out.mp4")
    for other in (clip, Path("gone.mp4")):
        with pytest.raises(OptionError, match="needs no further file") as caught:
            attack(clip, path, "crop", others=(other,))
        assert "--with" in caught.value.hint
    assert path.read_text() == "before"
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "drawn",
    [
        {"kind": "GaussianBlur", "sigma": -3.0},
        {"kind": "WhiteBalance", "kelvin": 0},
        {"kind": "Resize", "width": 1e12, "height": 1e12, "back": False},
        {"kind": "Gamma", "exponent": "x"},
    ],
)
def test_parameters_that_no_attack_draws_are_refused(clip, output, drawn):
    path = output("out.mp4")
    with pytest.raises(OptionError):
        replay(clip, path, drawn)
    assert path.read_text() == "before"


def test_the_list_fits_a_terminal_of_80_columns():
    done = subprocess.run([ATTACK, "--list"], capture_output=True, text=True, check=True)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "  gamma  " in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--params", "{"],
        ["--params", "[1]"],
        ["--params", "[" * 100_000],
        ["--params", json.dumps({"kind": "Identity", "x": 1})],
        ["--attack", "gamma", "--seed", "-1"],
        ["--attack", "gamma", "--strength", "nan"],
        ["--attack", "gama"],
    ],
)
def test_bad_options_end_as_usage(clip, tmp_path, options):
    done = subprocess.run(
        [ATTACK, str(clip), "-o", str(tmp_path / "out.mp4"), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "internal" not in done.stderr
    assert list(tmp_path.iterdir()) == []

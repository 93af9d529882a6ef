"""What all attacks on pictures and time have in common: valid, pure, replayable."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.catalog import MODULES, attacks, kinds
from attacks.clip import on_frames, open_clip
from provenance.errors import OptionError
from tests.drawn import draw_clip, moving_frames, tone
from tests.painted import heard, painted

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("geometric", "photometric", "overlay", "temporal")
ATTACKS = [attack for attack in attacks().values() if attack.family in FAMILIES]
STEPS = [(attack, step) for attack in ATTACKS for step in attack.ladder]


def drawn(count, rate):
    frames = list(moving_frames(count, 64, 96))
    return painted(frames, rate=Fraction(rate), sound=tone(count / rate, rate=8000))


@pytest.fixture(scope="module")
def short():
    return drawn(3, 10)


@pytest.fixture(scope="module")
def long():
    return drawn(44, 4)


@pytest.mark.parametrize(("attack", "step"), STEPS, ids=[f"{a.name}-{step:g}" for a, step in STEPS])
def test_every_step_gives_a_valid_clip_and_the_same_again(attack, step, short, long, tmp_path):
    clip = long if attack.family == "temporal" else short
    transform = attack.draw(step, np.random.default_rng(7))
    record = json.loads(json.dumps(describe(transform)))
    again = restore(record, kinds())
    assert again == transform
    desk = Desk(folder=tmp_path)
    out = transform.apply(clip, desk)
    pictures = list(out.pictures())
    assert pictures
    assert out.file is None
    assert out.video.width % 2 == out.video.height % 2 == 0
    assert {(p.width, p.height) for p in pictures} == {(out.video.width, out.video.height)}
    assert pictures[0].time == 0
    assert all(one.time < two.time for one, two in pairwise(pictures))
    assert float(pictures[-1].time) < out.duration_s
    assert len(heard(out)) == pytest.approx(out.duration_s * out.audio.sample_rate, abs=2)
    for one, two in zip(pictures, again.apply(clip, desk).pictures(), strict=True):
        assert one.time == two.time
        assert all(map(np.array_equal, one.planes, two.planes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", MODULES)
def test_attacks_stand_in_the_room_of_their_family(name):
    module, room = importlib.import_module(name), name.split(".")[1]
    assert module.ATTACKS
    assert all(attack.summary and attack.unit for attack in module.ATTACKS)
    family = "platform" if name.endswith(".platform") else room
    assert {attack.family for attack in module.ATTACKS} == {family}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_chance_is_in_the_draw(attack):
    """Two draws from equal generators are equal."""
    one, two = (attack.draw(attack.default, np.random.default_rng(3)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    "name",
    ["crop", "resize", "rotate", "perspective", "letterbox", "brightness", "jpeg", "logo", "speed"],
)
def test_impossible_strengths_are_refused(name):
    attack = attacks()[name]
    with pytest.raises(OptionError) as caught:
        attack.draw(-5000.0, np.random.default_rng(0))
    assert caught.value.code == "option.invalid"


def test_files_and_ten_bits_are_attacked_alike(tmp_path):
    path = draw_clip(tmp_path / "in.mkv", frames=6, width=64, height=48, bits=10)
    clip = open_clip(path)
    for attack in ATTACKS:
        if attack.least_s or attack.name == "nlmeans":
            continue
        transform = attack.draw(attack.default, np.random.default_rng(1))
        first = next(transform.apply(clip, Desk(folder=tmp_path)).pictures())
        assert first.bits == 10
        assert first.luma.max() < 1024
        if attack.name not in ("concat_black", "brightness"):
            assert first.luma.max() > 400


def test_pictures_pass_one_at_a_time(tmp_path):
    """Of a clip without end, the first frames come; nothing is gathered before."""
    source = painted(list(moving_frames(4, 48, 64)), rate=Fraction(10))
    shown = 0

    def endless():
        nonlocal shown
        (first, *_) = source.pictures()
        while True:
            shown += 1
            yield type(first)(first.frame, Fraction(shown - 1, 10))

    clip = source.changed(pictures=endless, duration_s=3600.0)
    for attack in ATTACKS:
        if attack.name in ("reverse", "reorder", "trim"):
            continue
        shown = 0
        transform = attack.draw(attack.default, np.random.default_rng(1))
        passing = transform.apply(clip, Desk(folder=tmp_path)).pictures()
        for _ in range(20):
            next(passing)
        assert shown <= 20 * 4, attack.name


def test_frames_are_not_changed_in_place():
    frames = list(moving_frames(1, 48, 64))
    clip = painted(frames)

    def watch(frame, _time):
        frame.flags.writeable = False
        return frame

    guarded = on_frames(clip, watch)
    for attack in ATTACKS:
        if attack.family == "overlay":
            transform = attack.draw(attack.default, np.random.default_rng(1))
            list(transform.apply(guarded, Desk(folder=None)).pictures())


MEMORY = """
import resource, sys
import numpy as np
from attacks.base import Chain, Desk
from attacks.catalog import find_attack
from pathlib import Path
from tests.painted import painted
frame = np.random.default_rng(0).integers(0, 256, (360, 640, 3)).astype(np.uint8)
clip = painted([frame] * int(sys.argv[1]))
rng = np.random.default_rng(0)
names = ("crop_resize", "film_grain", "reverse", "frame_average")
chosen = [find_attack(name) for name in names]
chain = Chain(steps=tuple(attack.draw(attack.default, rng) for attack in chosen))
for picture in chain.apply(clip, Desk(folder=Path(sys.argv[2]))).pictures():
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_is_flat_over_length(tmp_path):
    """Also where pictures are put aside: 200 more would be 66 MiB."""
    used = [
        int(
            subprocess.run(
                [sys.executable, "-c", MEMORY, str(count), str(tmp_path)],
                check=True, capture_output=True, text=True, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            ).stdout
        )
        for count in (20, 220)
    ]  # fmt: skip
    assert used[1] < used[0] + 20


@pytest.mark.parametrize(("width", "height"), [(67, 51), (65, 49)])
def test_odd_sizes_are_attacked_too(width, height, tmp_path):
    frames = list(moving_frames(12, height, width))
    clip = painted(frames, rate=Fraction(4), sound=tone(3, rate=8000))
    for attack in ATTACKS:
        transform = attack.draw(attack.default, np.random.default_rng(1))
        out = transform.apply(clip, Desk(folder=tmp_path))
        first = next(out.pictures())
        assert (first.width, first.height) == (out.video.width, out.video.height), attack.name

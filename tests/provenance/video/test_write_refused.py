"""What cannot be written is said, and after an error there is nothing at all."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import pytest

from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import (
    DiskFull,
    FrameError,
    OptionError,
    OutputForbidden,
    OutputIsInput,
)
from provenance.video import (
    EncodeSettings,
    MediaWriter,
)
from provenance.video.output import writing
from tests.drawn import (
    as_nobody,
    draw_clip,
    one_picture,
    pictures_of,
)

FAST = EncodeSettings(preset="ultrafast", crf=18)
SPEC = VideoSpec(width=64, height=48, rate=Fraction(25))


def write_all(path: Path, pictures) -> None:
    with MediaWriter(path, video=SPEC, settings=FAST) as writer:
        for picture in pictures:
            writer.write(picture)


@pytest.mark.parametrize(
    "wrong",
    [
        {"codec": "mpeg2"},
        {"crf": -1},
        {"crf": 52},
        {"preset": "warp"},
        {"preset": "7"},
        {"threads": 0},
    ],
)
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError) as caught:
        EncodeSettings(**wrong)
    assert caught.value.hint


def test_av1_takes_its_own_presets() -> None:
    settings = EncodeSettings(codec="av1", preset="13", crf=63)
    assert settings.encoder_options()["preset"] == "13"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("clip.avi", {}),
        ("clip", {}),
        ("clip.webm", {}),
        ("clip.mp4", {"audio": AudioSpec(sample_rate=48_000, channels=9)}),
        ("clip.mp4", {"audio": AudioSpec(sample_rate=0, channels=2)}),
        ("clip.mp4", {"video": VideoSpec(width=0, height=48, rate=Fraction(25))}),
        ("clip.mp4", {"video": VideoSpec(width=64, height=48, rate=Fraction(0))}),
    ],
)
def test_what_cannot_be_written_is_said_at_once(
    tmp_path: Path, name: str, change: dict[str, object]
) -> None:
    with pytest.raises(OptionError):
        MediaWriter(tmp_path / name, **({"video": SPEC, "settings": FAST} | change))
    assert not list(tmp_path.iterdir())


def test_pictures_that_do_not_fit(tmp_path: Path) -> None:
    other = VideoSpec(width=32, height=48, rate=Fraction(25))
    deep = VideoSpec(width=64, height=48, rate=Fraction(25), bits=10)
    for wrong in (one_picture(1, other), one_picture(1, deep), one_picture(0, SPEC)):
        with pytest.raises(FrameError):
            write_all(tmp_path / "clip.mp4", [one_picture(0, SPEC), wrong])
        assert not list(tmp_path.iterdir())


def test_a_file_without_pictures_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(FrameError),
        MediaWriter(tmp_path / "clip.mp4", video=SPEC, settings=FAST),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frames", [0, 1, 80])
def test_an_exception_leaves_nothing_behind(tmp_path: Path, frames: int) -> None:
    def failing():
        for index in range(frames):
            yield one_picture(index, SPEC)
        assert (tmp_path / "clip.mp4").exists()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_all(tmp_path / "clip.mp4", failing())
    assert not list(tmp_path.iterdir())


def test_another_file_in_its_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"

    def swapping():
        yield one_picture(0, SPEC)
        (tmp_path / "other").write_text("precious")
        (tmp_path / "other").replace(path)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_all(path, swapping())
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    "name", ["pipe:1.mp4", "http:x.mp4", "a b %d ü.mp4", "-.mp4", "file:x.mp4"]
)
def test_strange_names_are_only_names(tmp_path: Path, name: str) -> None:
    with MediaWriter(tmp_path / name, video=SPEC, settings=FAST) as writer:
        writer.write(one_picture(0, SPEC))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(pictures_of(tmp_path / name)) == 1


def test_strange_relative_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with MediaWriter(Path("pipe:1.mp4"), video=SPEC, settings=FAST) as writer:
        writer.write(one_picture(0, SPEC))
    assert len(pictures_of(tmp_path / "pipe:1.mp4")) == 1


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with as_nobody():
        for path in (folder, tmp_path / "none" / "clip.mp4", closed / "clip.mp4"):
            with pytest.raises(OutputForbidden):
                MediaWriter(path, video=SPEC, settings=FAST)


def test_a_device_is_not_a_file_and_stays(tmp_path: Path) -> None:
    (tmp_path / "full.mp4").symlink_to("/dev/full")
    with pytest.raises(OutputForbidden):
        MediaWriter(tmp_path / "full.mp4", video=SPEC, settings=FAST)
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("limit", [20_000, 300_000])
def test_a_full_disk(tmp_path: Path, limit: int) -> None:
    """A real limit on the size of files, in a process of its own."""
    script = f"""
        import resource
        from fractions import Fraction
        from pathlib import Path
        import numpy as np
        from provenance.clip import VideoSpec
        from provenance.errors import DiskFull
        from provenance.video import EncodeSettings, MediaWriter, picture_from_rgb

        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        spec = VideoSpec(width=320, height=240, rate=Fraction(25))
        rng = np.random.default_rng(0)
        written = 0
        try:
            settings = EncodeSettings(preset="ultrafast", crf=20)
            with MediaWriter(Path("clip.mp4"), video=spec, settings=settings) as writer:
                for index in range(40):
                    frame = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
                    writer.write(picture_from_rgb(frame, time=Fraction(index, 25), spec=spec))
                    written += 1
        except DiskFull as error:
            print(error.code, written)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("output.disk_full"), done.stderr
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_errno_of_a_full_disk_is_told_from_others(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), writing(tmp_path / "clip.mp4"):
        raise OSError(28, "No space left on device")


def test_the_source_of_the_sound_is_not_overwritten(tmp_path: Path) -> None:
    path = draw_clip(tmp_path / "clip.mp4", frames=5)
    before = path.read_bytes()
    (tmp_path / "link.mp4").symlink_to(path)
    for target in (path, tmp_path / "link.mp4"):
        with pytest.raises(OutputIsInput):
            MediaWriter(target, video=SPEC, settings=FAST, copy_audio_from=path)
    assert path.read_bytes() == before

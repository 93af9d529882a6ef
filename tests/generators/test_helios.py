from __future__ import annotations

import io
import json
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from generators.base import GuideImage, Request, Watch
from generators.bundle import open_bundle
from generators.cli import main as generate_command
from generators.generation import check_places, open_generator, open_streaming, write
from generators.helios import HeliosGenerator
from generators.helios_cli import main
from provenance.errors import OptionError, OutputError, OutputIsInput
from provenance.manifest import read_manifest
from provenance.own_trust import own_trust
from provenance.video import open_media
from tests.generators.streaming import untrained_streaming_model
from tests.generators.untrained import untrained_model

CPU = torch.device("cpu")
SMALL = ("--resolution", "192x128", "--duration", "0.7")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return untrained_streaming_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def generator(folder):
    return HeliosGenerator(open_bundle(str(folder)), CPU)


@pytest.fixture(scope="module")
def plain(generator):
    """The 17 frames of the plain request: three chunks."""
    return frames_of(generator, asked())


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    return tmp_path


def asked(**changes):
    given = {"prompt": "a red ball bounces", "width": 192, "height": 128, "duration_s": 0.7}
    return Request(**(given | changes))


def frames_of(generator, request, **given):
    return np.concatenate([chunk.frames for chunk in generator.chunks(request, **given)])


def first_frame(generator, request):
    return next(generator.chunks(request)).frames[0]


def pictures_of(path_or_bytes, tmp_path):
    path = path_or_bytes
    if isinstance(path_or_bytes, bytes):
        path = tmp_path / "again.mp4"
        path.write_bytes(path_or_bytes)
    with open_media(path) as media:
        return [picture.luma.copy() for picture in media.pictures()]


def test_the_first_frame_comes_alone_and_then_eight_at_a_time(generator):
    request = asked(rate=Fraction(30_000, 1001), duration_s=0.4)
    sizes = [len(chunk.frames) for chunk in generator.chunks(request)]
    assert sizes == [1, 8, 3]
    video, audio = generator.specs(request)
    assert (video.width, video.height, video.rate, audio) == (192, 128, request.rate, None)


def test_a_longer_clip_begins_as_the_shorter_one(generator, plain):
    # What comes later has no say in what came before; the cache has rolled over by then.
    assert len(plain) == 17
    assert (frames_of(generator, asked(duration_s=1.7))[:17] == plain).all()


def test_another_seed_makes_another_clip(generator, plain):
    assert (first_frame(generator, asked(seed=4)) != plain[0]).any()


def test_a_prompt_may_change_on_the_way(generator, plain):
    said = iter(["a red ball bounces", "a red ball bounces", "a pencil"])
    changed = frames_of(generator, asked(), prompt=lambda: next(said))
    assert (changed[:9] == plain[:9]).all()
    assert (changed[9:] != plain[9:]).any()


def test_the_first_image_is_where_the_stream_begins(generator, plain):
    pixels = np.full((112, 192, 3), 200, np.uint8)
    pixels[:, :96] = 30
    given, other = (
        first_frame(generator, asked(images=(GuideImage(pixels=pixels),), seed=seed))
        for seed in (0, 5)
    )
    assert (given == other).all()
    assert (given != plain[0]).any()


def test_who_stops_listening_leaves_nothing_running(generator):
    chunks = generator.chunks(asked(duration_s=600.0, live=True))
    next(chunks)
    chunks.close()
    with pytest.raises(StopIteration):
        next(chunks)


def test_images_at_one_key_frame_are_refused_and_at_two_taken(generator):
    pixels = np.zeros((112, 192, 3), np.uint8)
    near, far = (
        asked(images=(GuideImage(pixels=pixels), GuideImage(pixels=pixels, time_s=time_s)))
        for time_s in (0.1, 0.3)
    )
    for refuse in (generator.specs, lambda request: next(generator.chunks(request))):
        with pytest.raises(OptionError, match="one key frame"):
            refuse(near)
    assert len(frames_of(generator, far)) == 17


def test_the_end_of_a_text_that_is_too_long_is_named(generator):
    assert generator.unread_text(asked()) == ""
    assert generator.unread_text(asked(prompt="ball " * 20)) == " ball" * 7


def test_steps_are_bounded(folder):
    assert HeliosGenerator(open_bundle(str(folder)), CPU, steps=4).steps == 4
    for steps in (0, 9):
        with pytest.raises(OptionError):
            HeliosGenerator(open_bundle(str(folder)), CPU, steps=steps)


def test_the_stream_has_the_pictures_of_the_file_and_is_signed(folder, places):
    output, sent = places / "out.mp4", places / "sent.mp4"
    ran = CliRunner().invoke(
        main,
        ["--model", str(folder), "--prompt", "a red ball", "-o", str(output), "--stream",
         str(sent), *SMALL, "--format", "json"],
    )  # fmt: skip
    assert ran.exit_code == 0, (ran.output, ran.exception)
    facts = json.loads(ran.stdout)
    assert facts["model"] == "helios-1.0"
    assert facts["frames"] == 17
    file, stream = pictures_of(output, places), pictures_of(sent, places)
    assert len(file) == len(stream) == 17
    assert all((one == other).all() for one, other in zip(file, stream, strict=True))
    assert read_manifest(output, own_trust(places / "keys")).state == "trusted"
    assert b"moof" in sent.read_bytes()
    assert b"moof" not in output.read_bytes()


def test_streaming_makes_the_frames_that_are_made_without(generator, plain, places):
    request = asked()
    sink = io.BytesIO()
    made = write(generator, request, places / "a.mp4", stream=sink, watch=Watch())
    assert made.written.frames == len(plain)
    assert len(pictures_of(sink.getvalue(), places)) == len(plain)
    told = []
    again = generator.generate(request, Watch(report=lambda *given: told.append(given)))
    assert (np.concatenate([chunk.frames for chunk in again]) == plain).all()
    assert told[-1] == ("streaming", 1.0)


def test_a_stream_that_cannot_be_sent_ends_the_model_and_leaves_no_file(
    generator, places, monkeypatch
):
    ended = []

    class Gone:
        def write(self, _data):
            raise BrokenPipeError

    def chunks(request, watch):
        try:
            yield from HeliosGenerator.generate(generator, request, watch)
        finally:
            ended.append(True)

    monkeypatch.setattr(generator, "generate", chunks)
    # The error that is held here holds the iterator: it has to have been closed.
    with pytest.raises(OutputError) as held:
        write(generator, asked(), places / "a.mp4", stream=Gone(), watch=Watch())
    assert ended
    assert held.value.__traceback__ is not None
    assert not (places / "a.mp4").exists()
    assert not list(places.glob("*.mp4"))


def test_stdout_gets_the_stream_alone(folder, places):
    ran = CliRunner().invoke(
        main,
        ["--model", str(folder), "--prompt", "a zebra", "-o", str(places / "out.mp4"),
         "--stream", "-", *SMALL, "--duration", "0.4"],
    )  # fmt: skip
    assert ran.exit_code == 0, (ran.stderr, ran.exception)
    assert ran.stdout_bytes[4:8] == b"ftyp"
    assert len(pictures_of(ran.stdout_bytes, places)) == 10
    assert "zebra" in ran.stderr
    assert "Generated:" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--prompt", ""), "option.invalid"),
        (("--prompt", "a ball", "--steps", "99"), "option.invalid"),
        (("--prompt", "a ball", "--duration", "3601"), "option.invalid"),
        (("--prompt", "a ball", "--output", "out.webm", "--stream", "-"), "option.invalid"),
        (("--prompt", "a ball", "--stream", "no/such/place"), "output.forbidden"),
        (("--prompt", "a ball", "--stream", "./out.mp4"), "option.invalid"),
        (("--prompt", "a ball", "--stream", "a.png", "--image", "a.png"), "output.is_input"),
        (("--prompt", "a ball", "--stream", "a.png", "-o", "out.mkv"), "option.invalid"),
        (("--prompt", "a ball", "--image", "/dev/zero"), "media.unsupported"),
        (("--prompt", "a ball", "--fps", "1e99999999"), "option.invalid"),
        (("--prompt", "a ball", "--model", "helios-14b"), "weights.missing"),
        (("--prompt", "a ball", "--device", "cuda:77"), "device.missing"),
    ],
)
def test_what_cannot_be_is_refused_in_words(folder, places, monkeypatch, arguments, code):
    monkeypatch.chdir(places)
    image = cv2.imencode(".png", np.full((40, 40, 3), 90, np.uint8))[1].tobytes()
    (places / "a.png").write_bytes(image)
    ran = CliRunner().invoke(main, ["--model", str(folder), "-o", "out.mp4", *SMALL, *arguments])
    assert ran.exit_code in {2, 3}, (ran.output, ran.exception)
    assert f"[{code}]" in ran.stderr
    assert "hint:" in ran.stderr
    assert not (places / "out.mp4").exists()
    assert (places / "a.png").read_bytes() == image


def test_the_sound_that_was_given_is_not_written_over(tmp_path):
    sound = tmp_path / "a.mp4"
    sound.write_bytes(b"sound")
    with pytest.raises(OutputIsInput):
        check_places(sound, (), sound)


def test_a_variable_sets_an_option(folder, places):
    ran = CliRunner().invoke(
        main,
        ["--model", str(folder), "--prompt", "a ball", "-o", str(places / "a.mp4")],
        env={"LTX_HELIOS_GENERATE_STEPS": "99"},
    )
    assert "99 steps" in ran.stderr


def test_a_model_that_makes_clips_as_a_whole_does_not_stream(tmp_path):
    joint = untrained_model(tmp_path / "joint")
    with pytest.raises(OptionError, match="cannot stream"):
        open_streaming(str(joint))


def test_the_other_command_takes_a_streaming_model_too(folder, places):
    assert isinstance(open_generator(str(folder), "cpu"), HeliosGenerator)
    output = places / "out.mp4"
    ran = CliRunner().invoke(
        generate_command,
        [
            "--model",
            str(folder),
            "--prompt",
            "a ball",
            "-o",
            str(output),
            *SMALL,
            "--duration",
            "0.4",
        ],
    )
    assert ran.exit_code == 0, (ran.output, ran.exception)
    assert "this model makes no sound" in ran.stderr
    assert len(pictures_of(output, places)) == 10


def test_sound_that_it_would_not_follow_is_refused(generator):
    with pytest.raises(OptionError, match="does not follow sound"):
        generator.specs(asked(sound=np.zeros((100, 2), np.float32)))


def test_the_command_starts_without_pytorch():
    import subprocess

    code = "import sys, generators.helios_cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

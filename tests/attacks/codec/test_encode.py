"""Attacks by encoders: the file is of the codec, the rate and the structure that was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from attacks.base import Desk, describe, restore
from attacks.clip import frames_of
from attacks.codec.encode import ATTACKS, KINDS, Encode, same_rate
from provenance.clip import VideoSpec
from provenance.errors import OptionError
from provenance.video import open_media, picture_from_rgb
from tests.attacks.heard import chirp, clip_of, heard, lag
from tests.drawn import moving_frames

BY_NAME = {attack.name: attack for attack in ATTACKS}
CODECS = ("h264", "hevc", "vp9", "av1", "mpeg4", "prores")
SPEC = VideoSpec(width=96, height=64, rate=Fraction(24))


@pytest.fixture
def desk(tmp_path):
    return Desk(folder=tmp_path, threads=1)


def clip(seconds: float = 1.0, video: VideoSpec = SPEC):
    return clip_of(chirp(seconds, rate=48_000), rate=48_000, video=video)


def psnr(one, other) -> float:
    errors = [
        np.square(a.astype(float) - b).mean()
        for (_, a), (_, b) in zip(frames_of(one), frames_of(other), strict=True)
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def size(encoded) -> int:
    return encoded.file.stat().st_size


def codec_of(encoded) -> str:
    with open_media(encoded.file) as media:
        return media.info.codec


def keys(encoded) -> list[int]:
    with av.open(str(encoded.file)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    return [index for index, packet in enumerate(packets) if packet.is_keyframe]


@pytest.mark.parametrize("name", BY_NAME)
def test_every_attack_is_drawn_described_and_replayed(name, desk):
    attack = BY_NAME[name]
    assert attack.encoded
    for strength in attack.ladder:
        transform = attack.draw(strength, np.random.default_rng(3))
        assert transform == attack.draw(strength, np.random.default_rng(3))
        assert restore(json.loads(json.dumps(describe(transform))), KINDS) == transform
    source = clip(0.5)
    attacked = attack.draw(attack.default, np.random.default_rng(3)).apply(source, desk)
    assert attacked.file is not None
    assert [t for t, _ in frames_of(attacked)] == pytest.approx(
        [n / 24 for n in range(12)], abs=1e-3
    )
    assert 20 < psnr(attacked, source) < 60
    with pytest.raises(OptionError):
        attack.draw(-1, np.random.default_rng(3)).apply(source, desk)


@pytest.mark.parametrize("name", ["x264", "x265", "vp9", "av1", "mpeg4", "prores", "x264_bitrate"])
def test_a_ladder_goes_down(name, desk):
    attack, source = BY_NAME[name], clip()
    steps = (attack.ladder[0], attack.ladder[len(attack.ladder) // 2], attack.ladder[-1])
    rng = np.random.default_rng(0)
    made = [attack.draw(step, rng).apply(source.muted(), desk) for step in steps]
    sizes, qualities = [size(m) for m in made], [psnr(m, source) for m in made]
    assert sizes[0] > sizes[1] > sizes[2]
    assert qualities[0] > qualities[1] > qualities[2]
    assert sizes[0] > 1.3 * sizes[2]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "video", [SPEC, VideoSpec(width=97, height=65, rate=Fraction(30000, 1001))]
)
def test_codec_size_rate_and_sound(codec, video, desk):
    source = clip(1.0, video)
    made = Encode(codec=codec).apply(source, desk)
    assert codec_of(made) == codec
    assert (made.video.width, made.video.height) == (video.width, video.height)
    assert made.video.rate == video.rate
    assert made.video.bits == (10 if codec == "prores" else 8)
    assert psnr(made, source) > 24
    assert abs(lag(heard(made), heard(source))) <= 2


@pytest.mark.parametrize("codec", CODECS)
def test_full_range_keeps_its_brightness(codec, desk):
    video = VideoSpec(width=96, height=64, rate=Fraction(24), full_range=True)
    source = clip(0.25, video)
    made = Encode(codec=codec).apply(source.muted(), desk)
    assert made.video.full_range is (codec != "prores")
    means = [np.mean([f.mean() for _, f in frames_of(c)]) for c in (source, made)]
    assert means[1] == pytest.approx(means[0], abs=1.5)


def test_pixels_that_are_not_square_stay_so(desk):
    video = VideoSpec(width=96, height=64, rate=Fraction(24), pixel_aspect=Fraction(4, 3))
    for codec in CODECS:
        made = Encode(codec=codec).apply(clip(0.25, video), desk)
        assert made.video.pixel_aspect == Fraction(4, 3)


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "mpeg4"])
def test_a_bit_rate_is_kept(codec, desk):
    video = VideoSpec(width=160, height=96, rate=Fraction(24))
    made = Encode(codec=codec, bits_per_pixel=0.25).apply(clip(4.0, video).muted(), desk)
    wanted = 0.25 * 160 * 96 * 24
    assert size(made) * 8 / 4 == pytest.approx(wanted, rel=0.3)


def test_a_cap_holds_where_quality_wants_more(desk):
    video = VideoSpec(width=160, height=96, rate=Fraction(24))
    source = clip(4.0, video).muted()
    for codec in ("h264", "hevc", "vp9"):
        free = size(Encode(codec=codec, crf=8).apply(source, desk)) * 8 / 4
        capped = size(Encode(codec=codec, crf=8, max_kbps=100).apply(source, desk)) * 8 / 4
        assert free > 200_000
        assert capped < 130_000


def test_key_frames_are_where_they_are_wanted(desk):
    source = clip(2.0).muted()
    assert keys(Encode(gop_s=0).apply(source, desk)) == list(range(48))
    assert keys(Encode(gop_s=0.5).apply(source, desk)) == [0, 12, 24, 36]
    assert keys(Encode(gop_s=20).apply(source, desk)) == [0]
    assert keys(Encode(codec="vp9", gop_s=0.5).apply(source, desk)) == [0, 12, 24, 36]


def test_b_frames_can_be_left_out(desk):
    def reordered(made) -> bool:
        with av.open(str(made.file)) as container:
            return any(p.pts != p.dts for p in container.demux(video=0) if p.size)

    assert reordered(Encode().apply(clip(), desk))
    assert not reordered(Encode(b_frames=0).apply(clip(), desk))


def test_two_generations_are_of_different_encoders(desk):
    rng = np.random.default_rng(0)
    for _ in range(10):
        first, second = BY_NAME["two_generations"].draw(28, rng).steps
        assert first.codec != second.codec
        assert first.crf == same_rate(first.codec, 28)
    source = clip()
    made = BY_NAME["generations"].draw(3, rng)
    assert len(made.steps) == 3
    once = BY_NAME["x264"].draw(28, rng).apply(source, desk)
    assert psnr(made.apply(source, desk), source) < psnr(once, source)


def test_sound_as_wished(desk):
    made = Encode(sound_codec="mp3", sound_kbps=32, sound_hz=22_050).apply(clip(2.0), desk)
    with av.open(str(made.file)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.codec.canonical_name, stream.sample_rate) == ("mp3", 22_050)
        assert stream.bit_rate == pytest.approx(32_000, rel=0.1)
    assert made.audio.sample_rate == 22_050
    assert abs(lag(heard(made), chirp(2.0, rate=22_050))) <= 25
    assert Encode(codec="vp9", sound_codec="aac").apply(clip(0.25), desk).file.suffix == ".mp4"
    assert Encode(codec="vp9").apply(clip(0.25), desk).file.suffix == ".webm"


@pytest.mark.parametrize(
    "transform",
    [
        Encode(codec="theora"),
        Encode(kbps=100, bits_per_pixel=0.1),
        Encode(crf=20, kbps=100),
        Encode(crf=60),
        Encode(codec="prores", crf=3),
        Encode(codec="vp9", b_frames=2),
        Encode(sound_codec="midi"),
        Encode(codec="prores", sound_codec="opus"),
    ],
)
def test_what_no_encoder_does_is_refused_and_leaves_nothing(transform, desk):
    with pytest.raises(OptionError):
        transform.apply(clip(0.25), desk)
    assert not [path for path in desk.folder.rglob("*") if path.is_file()]


def test_memory_does_not_grow_with_length(tmp_path):
    """In a process of its own: what the encoder holds is no Python memory."""
    script = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        import numpy as np
        from attacks.base import Desk
        from attacks.codec.encode import Encode
        from tests.attacks.heard import clip_of, sine, with_long_pictures
        from provenance.clip import VideoSpec
        from fractions import Fraction

        block = sine(440, 1.0, rate=48_000)
        video = VideoSpec(width=320, height=180, rate=Fraction(24))
        peaks = []
        for seconds in (4, 40):
            clip = with_long_pictures(clip_of(block, rate=48_000, video=video), 24 * seconds)
            clip = clip.changed(sound=lambda n=seconds: (block for _ in range(n)))
            made = Encode(preset="ultrafast").apply(clip, Desk(folder=Path(sys.argv[1]), threads=1))
            assert sum(1 for _ in made.pictures()) == 24 * seconds
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(peaks[1] - peaks[0])
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    # 36 seconds more are 75 MB of pictures and 14 MB of sound.
    assert int(done.stdout) < 12_000


def test_pictures_of_ten_bits(desk):
    video = VideoSpec(width=96, height=64, rate=Fraction(24), bits=10)
    frames = list(moving_frames(6, 64, 96))
    source = clip(0.25, video)
    for codec in CODECS:
        made = Encode(codec=codec).apply(source.muted(), desk)
        assert made.video.bits == (8 if codec in {"vp9", "mpeg4"} else 10)
        shown = [frame for _, frame in frames_of(made)]
        assert np.abs(shown[0].astype(int) - frames[0]).mean() < 12
    assert picture_from_rgb(frames[0], time=Fraction(0), spec=video).bits == 10

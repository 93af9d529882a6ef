"""``ProvenanceWriter``: one complete, marked, signed file comes out, or nothing does."""

from __future__ import annotations

import os
import time
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from provenance import ProvenanceWriter
from provenance.clip import AudioSpec, VideoSpec
from provenance.errors import (
    FrameError,
    MediaTooSmall,
    OptionError,
    OutputForbidden,
    StoreError,
    UnknownModel,
)
from provenance.keys import DEFAULT_CARRIER_KEY
from provenance.manifest import read_manifest
from provenance.trust import TrustSettings
from provenance.video import open_media
from tests.desk import HEIGHT, PROMPT, QUICK, RATE, WIDTH, names, read_mark
from tests.drawn import as_nobody
from tests.provenance.writing import (
    BLOCK,
    SOUND,
    rows,
    write_all,
    write_and_fail,
)


def test_blocks_of_frames_and_sound_become_one_file(tmp_path, frames, writer_for, store, identity):
    out = tmp_path / "out.mp4"
    with writer_for(out, prompt=PROMPT, day=date(2026, 3, 24), source="edited") as writer:
        for start in range(0, len(frames), BLOCK):
            writer.write(frames[start : start + BLOCK], audio=SOUND)
            assert not out.exists()
    result = writer.result
    assert (result.frames, result.duration_s) == (30, 2.5)
    assert result.sealed.path == out
    assert result.sealed.bytes == out.stat().st_size
    assert 40 < result.quality.psnr_db < 60
    payload = result.sealed.payload
    assert (payload.model, payload.day, payload.source) == (1, date(2026, 3, 24), "edited")
    assert payload.prompt_prefix == result.sealed.prompt.digest.hex()[:6]
    detection = read_mark(out, [DEFAULT_CARRIER_KEY])
    assert detection.payload == payload
    report = read_manifest(out, TrustSettings().with_anchor(identity.trust_anchor))
    assert (report.state, report.binding_ok) == ("trusted", True)
    assert report.content_id == payload.content_id_hex
    stored = store.get(payload.content_id_hex)
    assert stored.prompt_hash == report.prompt_hash == str(result.sealed.prompt)
    assert names(tmp_path) == {"out.mp4"}
    with open_media(out) as media:
        assert len(list(media.pictures())) == 30
        sound = np.concatenate(list(media.sound()))
    assert abs(len(sound) / 48_000 - 2.5) < 0.1
    assert np.sqrt(np.mean(sound[4800:-9600] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_torch_is_as_good_as_numpy(tmp_path, frames, writer_for):
    import torch

    made = []
    for name, convert in (("numpy", np.asarray), ("torch", torch.from_numpy)):
        with writer_for(tmp_path / f"{name}.mp4", draw_bits=lambda _: len(made) + 1) as writer:
            writer.write(convert(frames[:6]), audio=convert(SOUND))
        with open_media(tmp_path / f"{name}.mp4") as media:
            made.append(np.stack([picture.luma for picture in media.pictures()]))
    # The nonces differ, and with them the marks: the pictures below are the same.
    assert np.abs(made[0].astype(int) - made[1]).mean() < 3
    assert np.abs(made[0][0].astype(int) - made[0][5]).mean() > 5


def test_frames_may_be_views_and_need_gradients_no_more(tmp_path, frames, writer_for):
    import torch

    planes = torch.from_numpy(frames[:4]).permute(0, 3, 1, 2).contiguous()
    sound = torch.from_numpy(SOUND).requires_grad_()
    with writer_for(tmp_path / "out.mp4") as writer:
        writer.write(planes.permute(0, 2, 3, 1), audio=sound)
        writer.write(frames[::-1][:4])
    assert writer.result.frames == 8


WRONG_FRAMES = {
    "one frame": lambda f: f[0],
    "channels first": lambda f: f.transpose(0, 3, 1, 2),
    "another size": lambda f: f[:, :, :-2],
    "grey": lambda f: f[..., :1],
    "float": lambda f: f.astype(np.float32) / 255,
    "16 bits": lambda f: f.astype(np.uint16),
    "none": lambda _: None,
    "uneven": lambda f: [f[0], f[0, 1:]],
    "text": lambda _: "frames",
}
WRONG_SOUND = {
    "mono": SOUND[:, :1],
    "channels first": SOUND.T,
    "flat": SOUND[:, 0],
    "double": SOUND.astype(np.float64),
    "integers": (SOUND * 32767).astype(np.int16),
    "nan": np.where(np.arange(len(SOUND))[:, None] == 9, np.float32("nan"), SOUND),
    "infinite": np.full_like(SOUND, np.inf),
    "16-bit scale": SOUND * 32767,
    "a little too loud": SOUND / np.abs(SOUND).max() * np.float32(1.01),
}


@pytest.mark.parametrize("wrong", WRONG_FRAMES)
def test_frames_that_do_not_fit(tmp_path, frames, writer_for, store, wrong):
    with (
        pytest.raises(FrameError) as caught,
        writer_for(tmp_path / "out.mp4") as writer,
    ):
        write_all(writer, frames[:2], WRONG_FRAMES[wrong](frames[2:4]))
    assert caught.value.hint
    assert names(tmp_path) == set()
    assert rows(store) == []


@pytest.mark.parametrize("wrong", WRONG_SOUND)
def test_sound_that_does_not_fit(tmp_path, frames, writer_for, store, wrong):
    with (
        pytest.raises(FrameError) as caught,
        writer_for(tmp_path / "out.mp4") as writer,
    ):
        writer.write(frames[:2], audio=WRONG_SOUND[wrong])
    assert caught.value.hint
    assert names(tmp_path) == set()
    assert rows(store) == []


def test_tensors_that_numpy_has_no_type_for(tmp_path, frames, writer_for):
    import torch

    with pytest.raises(FrameError), writer_for(tmp_path / "out.mp4") as writer:
        writer.write(frames[:2], audio=torch.from_numpy(SOUND).bfloat16())


def test_sound_for_a_silent_file(tmp_path, frames, writer_for):
    with pytest.raises(FrameError), writer_for(tmp_path / "out.mp4", audio=None) as writer:
        writer.write(frames[:2], audio=SOUND)
    assert names(tmp_path) == set()


def test_a_refused_block_leaves_the_file_as_it_was(tmp_path, frames, writer_for):
    """Sound is looked at before the frames of its block are written: none comes twice."""
    with writer_for(tmp_path / "out.mp4") as writer:
        writer.write(frames[:5], audio=SOUND)
        for block, sound in ((frames[5:10], SOUND * 9), (frames[5:10, 1:], SOUND)):
            with pytest.raises(FrameError):
                writer.write(block, audio=sound)
        writer.write(frames[5:10], audio=SOUND)
    assert writer.result.frames == 10
    with open_media(tmp_path / "out.mp4") as media:
        assert len(list(media.pictures())) == 10


def test_an_exception_half_way_leaves_what_was_there(tmp_path, frames, writer_for, store):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the film of yesterday")
    with pytest.raises(ZeroDivisionError), writer_for(out) as writer:
        write_and_fail(writer, frames[:8])
    assert out.read_bytes() == b"the film of yesterday"
    assert names(tmp_path) == {"out.mp4"}
    assert rows(store) == []
    with pytest.raises(FrameError):
        _ = writer.result


def test_an_older_file_is_replaced(tmp_path, frames, writer_for):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the film of yesterday")
    with writer_for(out) as writer:
        writer.write(frames[:4])
    assert read_manifest(out, TrustSettings()).present


def test_a_file_without_frames(tmp_path, frames, writer_for, store):
    with pytest.raises(FrameError, match="no frame"), writer_for(tmp_path / "out.mp4") as writer:
        writer.write(frames[:0])
    assert names(tmp_path) == set()
    assert rows(store) == []


def test_outside_of_its_block_a_writer_writes_nothing(tmp_path, frames, writer_for, store):
    writer = writer_for(tmp_path / "out.mp4")
    with pytest.raises(FrameError, match="not open"):
        writer.write(frames[:2])
    assert names(tmp_path) == set()
    assert rows(store) == []
    with writer:
        writer.write(frames[:2])
    with pytest.raises(FrameError, match="not open"):
        writer.write(frames[:2])
    with pytest.raises(FrameError, match="used"), writer:
        pass
    assert names(tmp_path) == {"out.mp4"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "nonsense"}, UnknownModel),
        ({"day": date(1999, 1, 1)}, OptionError),
        ({"strength": 9}, OptionError),
        ({"audio": AudioSpec(sample_rate=3, channels=2)}, OptionError),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(tmp_path, writer_for, store, changes, error):
    with pytest.raises(error), writer_for(tmp_path / "out.mp4", **changes):
        pytest.fail("the block began")
    assert names(tmp_path) == set()
    assert rows(store) == []


def test_pictures_too_small_for_a_mark(tmp_path, identity, store):
    spec = VideoSpec(width=64, height=64, rate=RATE)
    with (
        pytest.raises(MediaTooSmall),
        ProvenanceWriter(tmp_path / "out.mp4", spec, identity, model="ltx-2.3", store=store),
    ):
        pytest.fail("the block began")
    assert names(tmp_path) == set()
    assert rows(store) == []


def test_places_that_cannot_be_written(tmp_path, writer_for):
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in ("folder.mp4", "none/out.mp4", "pipe.mp4", f"{'n' * 300}.mp4"):
        with pytest.raises(OutputForbidden) as caught:
            writer_for(tmp_path / path)
        assert caught.value.hint
    with pytest.raises(OptionError, match=r"out\.txt"):
        writer_for(tmp_path / "out.txt")
    assert names(tmp_path) == {"folder.mp4", "pipe.mp4"}


def test_a_folder_without_permission(tmp_path, writer_for):
    tmp_path.chmod(0o555)
    with as_nobody(), pytest.raises(OutputForbidden):
        writer_for(tmp_path / "out.mp4")
    tmp_path.chmod(0o755)


def test_a_content_id_is_never_used_twice(tmp_path, frames, writer_for, store):
    draws = iter([5, 5, 5, 6])
    for name in ("a", "b"):
        with writer_for(tmp_path / f"{name}.mp4", draw_bits=lambda _: next(draws)) as writer:
            writer.write(frames[:2])
    assert [int(content_id, 16) for content_id, _ in rows(store)] == [5, 6]


def test_randomness_that_repeats_itself_is_an_error(tmp_path, frames, writer_for):
    with writer_for(tmp_path / "a.mp4", draw_bits=lambda _: 5) as writer:
        writer.write(frames[:2])
    with pytest.raises(StoreError), writer_for(tmp_path / "b.mp4", draw_bits=lambda _: 5):
        pytest.fail("the block began")
    assert names(tmp_path) == {"a.mp4"}


def test_time_is_kept_at_odd_rates(tmp_path, identity, store, frames):
    spec = VideoSpec(width=WIDTH, height=HEIGHT, rate=Fraction(30000, 1001))
    out = tmp_path / "out.mp4"
    with ProvenanceWriter(
        out, spec, identity, model="ltx-2.3", store=store, settings=QUICK
    ) as writer:
        writer.write(frames[:10])
    with open_media(out) as media:
        assert [picture.time for picture in media.pictures()] == [n / spec.rate for n in range(10)]
    assert writer.result.duration_s == pytest.approx(10 * 1001 / 30000)


def test_a_writer_waits_for_nobody(tmp_path, noise, writer_for):
    """Frames are not kept: the file grows while they come."""
    with writer_for(tmp_path / "out.mp4", audio=None) as writer:
        for _ in range(10):
            writer.write(noise)
        deadline = time.monotonic() + 10
        while not any(path.stat().st_size for path in tmp_path.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.02)

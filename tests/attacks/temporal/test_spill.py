"""What is put aside comes back as it was, in any order."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.temporal.spill import PictureFile, SoundFile
from provenance.clip import AudioSpec
from provenance.errors import DiskFull, OutputError
from tests.drawn import moving_frames
from tests.full_disk import full_disk
from tests.painted import numbered, painted


@pytest.mark.parametrize("bits", [8, 10])
def test_pictures_come_back_in_any_order(tmp_path, bits):
    clip = painted(list(moving_frames(4, 48, 64)), bits=bits)
    pictures = list(clip.pictures())
    with PictureFile(tmp_path) as store:
        for picture in pictures:
            store.add(picture)
        for number in (3, 0, 2, 1, 3):
            back = store.picture(number)
            assert back.time == pictures[number].time
            assert back.bits == bits
            assert all(map(np.array_equal, back.planes, pictures[number].planes))
        assert list(tmp_path.iterdir()) == []


def test_sound_comes_back_in_any_order(tmp_path):
    sound = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    with SoundFile(tmp_path, AudioSpec(sample_rate=8000, channels=2)) as store:
        for start in range(0, 5000, 700):
            store.add(sound[start : start + 700])
        assert store.samples == 5000
        assert np.array_equal(store.block(1234, 3456), sound[1234:3456])
        assert np.array_equal(store.block(0, 10), sound[:10])
        assert store.block(7, 7).shape == (0, 2)


def test_no_room_is_said(tmp_path):
    (picture,) = numbered(1, width=128, height=96).pictures()
    with PictureFile(tmp_path) as store, pytest.raises(DiskFull) as caught, full_disk(10_000):
        store.add(picture)
    assert caught.value.code == "output.disk_full"
    assert str(tmp_path) in caught.value.message


def test_a_file_that_was_cut_is_noticed(tmp_path):
    with PictureFile(tmp_path) as store:
        store.add(next(numbered(1).pictures()))
        store._file._file.truncate(100)
        with pytest.raises(OutputError):
            store.picture(0)

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from attacks.training.data import RUN, SIDE, cut_runs, main, read_pack, write_pack
from attacks.training.distort import View, draw_grid, relight, warp
from attacks.training.screens import draw_screens
from provenance.errors import InputMissing, UnreadableMedia


def test_a_pack_gives_back_what_went_in(tmp_path):
    random = np.random.default_rng(1)
    stills = list(draw_screens(4, SIDE, random))
    frames = np.repeat(draw_screens(1, SIDE + 40, random), RUN + 3, 0)
    runs = list(cut_runs(frames, 2, random))
    write_pack(tmp_path / "p.npz", stills, runs, quality=95)
    pack = read_pack(tmp_path / "p.npz")
    assert pack.stills.shape == (4, SIDE, SIDE)
    assert pack.runs.shape == (2, RUN, SIDE, SIDE)
    assert np.abs(pack.stills.astype(int) - np.stack(stills)).mean() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]


def test_the_command_packs_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for index, picture in enumerate(draw_screens(3, 320, np.random.default_rng(1))):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), picture)
    out = tmp_path / "p.npz"
    result = CliRunner().invoke(main, ["--stills", str(tmp_path / "in"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert read_pack(out).stills.shape == (3, SIDE, SIDE)


def test_what_is_no_pack_is_named(tmp_path):
    with pytest.raises(InputMissing):
        read_pack(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no pack")
    with pytest.raises(UnreadableMedia):
        read_pack(tmp_path / "text.npz")


def test_small_videos_give_no_runs():
    few = np.zeros((RUN, 100, 400), np.uint8)
    assert list(cut_runs(few, 3, np.random.default_rng(1))) == []


def test_drawn_screens_differ_and_are_repeatable():
    first, again = (draw_screens(8, 96, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len({picture.tobytes() for picture in first}) == 8


def test_warping_moves_picture_and_pattern_alike():
    random = torch.Generator().manual_seed(3)
    picture = torch.rand(6, 1, 64, 64, generator=random) * 255
    view = View(picture, picture / 255, torch.ones_like(picture))
    moved = warp(view, 1.0, random)
    inside = moved.inside > 0.999
    assert inside.float().mean() > 0.3
    torch.testing.assert_close(
        moved.picture[inside] / 255, moved.pattern[inside], atol=1e-3, rtol=0
    )


def test_without_a_level_grids_only_shift_little():
    grid = draw_grid(4, 32, 0.0, torch.Generator().manual_seed(1))
    steps = grid[:, 0, 1:, 0] - grid[:, 0, :-1, 0]
    torch.testing.assert_close(steps, torch.full_like(steps, 2 / 32), atol=1e-5, rtol=0)


def test_relighting_stays_a_picture():
    random = torch.Generator().manual_seed(3)
    relit = relight(torch.rand(32, 1, 32, 32, generator=random) * 255, 1.0, random)
    assert relit.isfinite().all()
    assert 0 <= relit.min() < relit.max()
    assert relit.max() <= 255

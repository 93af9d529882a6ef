"""Nothing is collected while a command starts, and collections go on afterwards."""

from __future__ import annotations

import gc

import pytest

from generators.quick_start import without_collections


def test_collections_go_on_afterwards_and_leave_out_what_was_made():
    gc.enable()
    gc.unfreeze()

    def fails():
        with without_collections():
            assert not gc.isenabled()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


def test_who_had_turned_them_off_finds_them_off():
    gc.disable()
    try:
        with without_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()

"""The one place where a file becomes complete."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

import pytest

from provenance.disk import disk_errors
from provenance.errors import (
    DiskFull,
    OptionError,
    OutputError,
    OutputForbidden,
    OutputIsInput,
    UnsupportedMedia,
)
from provenance.manifest import read_manifest
from provenance.payload import Payload, model_by_key
from provenance.sealing import Sealing, check_output, state
from provenance.store import open_store
from provenance.trust import TrustSettings
from tests.desk import names
from tests.drawn import as_nobody

DAY = date(2026, 3, 24)
NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
SIZE = {"width": 128, "height": 96, "duration_s": 1.0}


@pytest.fixture
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store") / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def sealing_for(development_identity, store):
    def make(output, **changes):
        statement = state(
            development_identity, model=model_by_key("ltx-2.3"), day=DAY, prompt="a red ball"
        )
        options = {
            "statement": statement,
            "identity": development_identity,
            "store": store,
            "now": lambda: NOW,
            "draw_bits": lambda _: 77,
        }
        return Sealing(output, **(options | changes))

    return make


def test_the_file_appears_with_its_manifest_in_the_store(tmp_path, plain_mp4, sealing_for, store):
    out = tmp_path / "out.mp4"
    with sealing_for(out) as sealing:
        assert store.contains(sealing.payload.content_id_hex)
        assert store.get(sealing.payload.content_id_hex) is None
        sealing.unsigned.write_bytes(plain_mp4.read_bytes())
        assert not out.exists()
        sealed = sealing.complete(**SIZE)
        assert out.exists()
    assert names(tmp_path) == {"out.mp4"}
    assert sealed.bytes == out.stat().st_size > plain_mp4.stat().st_size
    stored = store.get(sealed.payload.content_id_hex)
    assert (stored.day, stored.model, stored.created) == (DAY, "ltx-2.3", NOW)
    assert stored.manifest in out.read_bytes()


def test_the_statement_is_the_payload(development_identity, sealing_for, tmp_path):
    with sealing_for(tmp_path / "out.mp4") as sealing:
        payload = sealing.payload
    assert (payload.model, payload.day, payload.source) == (1, DAY, "generated")
    assert payload.prompt_prefix == sealing.statement.prompt.digest.hex()[:6]
    assert payload.content_id & 0xFFFF == 77


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_a_sidecar_appears_where_the_container_holds_no_manifest(
    tmp_path, draw, sealing_for, suffix
):
    codecs = {"mkv": ("libx264", "aac"), "webm": ("libvpx-vp9", "libopus")}[suffix]
    clip = draw(tmp_path / f"clip.{suffix}", video=codecs[0], audio=codecs[1])
    with sealing_for(tmp_path / f"out.{suffix}") as sealing:
        clip.rename(sealing.unsigned)
        sealing.complete(**SIZE)
    assert names(tmp_path) == {f"out.{suffix}", f"out.{suffix}.c2pa"}
    assert read_manifest(tmp_path / f"out.{suffix}", TrustSettings()).binding_ok is True


def test_leaving_early_removes_everything_and_gives_the_id_back(tmp_path, sealing_for, store):
    with sealing_for(tmp_path / "out.mp4") as sealing:
        sealing.unsigned.write_bytes(b"half a film")
        assert names(tmp_path) != set()
    assert names(tmp_path) == set()
    assert store.contains(sealing.payload.content_id_hex) is False


def test_what_cannot_be_signed_does_not_appear(tmp_path, sealing_for, store):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the film of yesterday")
    with pytest.raises(UnsupportedMedia), sealing_for(out) as sealing:
        _complete_with(sealing, b"no film at all")
    assert out.read_bytes() == b"the film of yesterday"
    assert names(tmp_path) == {"out.mp4"}
    assert store.contains(sealing.payload.content_id_hex) is False


def _complete_with(sealing, content):
    sealing.unsigned.write_bytes(content)
    sealing.complete(**SIZE)


def test_a_mark_that_is_there_already_takes_no_id_and_keeps_its_key(
    tmp_path, plain_mp4, sealing_for, store
):
    payload = Payload(model=1, day=DAY, content_id=4711)
    out = tmp_path / "out.mp4"
    with sealing_for(out, payload=payload, carrier="key-of-long-ago") as sealing:
        sealing.unsigned.write_bytes(plain_mp4.read_bytes())
        assert sealing.complete(**SIZE).payload == payload
    # Its id is another file's; what was signed is kept beside it.
    assert (store.facts().manifests, store.facts().editions) == (0, 1)
    kept = store.get(payload.content_id_hex)
    assert kept.keeps_mark
    assert kept.manifest in out.read_bytes()
    report = read_manifest(out, TrustSettings())
    assert (report.content_id, report.carrier) == (payload.content_id_hex, "key-of-long-ago")


def test_a_folder_that_goes_away_hides_no_error(tmp_path, sealing_for, store):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt), sealing_for(folder / "out.mp4") as sealing:
        _vanish(folder)
    assert store.contains(sealing.payload.content_id_hex) is False


def _vanish(folder):
    folder.rmdir()
    folder.write_text("a file now")
    raise KeyboardInterrupt


def test_output_equals_input_under_any_name(tmp_path, plain_mp4):
    source = tmp_path / "clip.mp4"
    source.write_bytes(plain_mp4.read_bytes())
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "hard.mp4").hardlink_to(source)
    (tmp_path / "sub").mkdir()
    for output in ("clip.mp4", "link.mp4", "hard.mp4", "sub/../clip.mp4"):
        with pytest.raises(OutputIsInput) as caught:
            check_output(tmp_path / output, (source,))
        assert caught.value.exit_code == 2
    check_output(tmp_path / "other.mp4", (source,))


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "nowhere.mp4").symlink_to("not/there.mp4")
    names = ["folder.mp4", "none/out.mp4", "pipe.mp4", "pipe.mp4/out.mp4", f"{'n' * 300}.mp4"]
    for name in (*names, "loop.mp4", "nowhere.mp4"):  # a link would be replaced by a file
        with pytest.raises(OutputForbidden) as caught:
            check_output(tmp_path / name)
        assert caught.value.hint
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with as_nobody(), pytest.raises(OutputForbidden):
        check_output(closed / "out.mp4")


def test_suffixes(tmp_path):
    for name in ("out.mp4", "OUT.MP4", "out.mov", "out.mkv", "out.webm"):
        check_output(tmp_path / name)
    for name in ("out.txt", "out", ".mp4", "out.mp4.part"):
        with pytest.raises(OptionError, match=r"\.mp4, \.mov, \.mkv, \.webm") as caught:
            raise _with_hint(tmp_path / name)
        assert name in caught.value.message
    # A transport stream that is marked already can be kept as it is, though we write none.
    check_output(tmp_path / "out.ts", (tmp_path / "in.ts",))


def _with_hint(path):
    try:
        check_output(path)
    except OptionError as error:
        return type(error)(f"{error.message} ({error.hint})", hint=error.hint)
    pytest.fail(f"{path} was accepted")


@pytest.mark.parametrize(
    ("number", "error"), [(28, DiskFull), (27, DiskFull), (122, DiskFull), (5, OutputError)]
)
def test_errors_of_the_disk_are_named(tmp_path, number, error):
    with pytest.raises(error, match=r"out\.mp4") as caught, disk_errors(tmp_path / "out.mp4"):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is error


def test_what_fails_while_the_video_is_written_names_no_temporary_file(tmp_path, sealing_for):
    out = tmp_path / "out.mp4"
    with pytest.raises(DiskFull) as caught, sealing_for(out) as sealing:
        raise DiskFull(f"{sealing.unsigned} cannot be written")
    assert caught.value.message == f"{out} cannot be written"

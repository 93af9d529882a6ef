"""``make demo`` shows the whole job, and its table says what is true."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from attacks import demo
from tests.desk import names

HANDLED = {
    "nothing: as it was made": "embedded, trusted",
    "metadata stripped (remux)": "recovered, trusted",
    "re-encoded at CRF 28": "recovered, trusted",
    "cropped to 70 % a side": "recovered, trusted",
    "mirrored": "recovered, trusted",
    "sent through a messenger": "recovered, trusted",
    "filmed off a screen (simulated)": "recovered, trusted",
    "never marked: before it was stamped": "none",
}


@pytest.fixture
def small(monkeypatch):
    """The same film, smaller, so that it takes seconds."""
    monkeypatch.setattr(demo, "WIDTH", 640)
    monkeypatch.setattr(demo, "HEIGHT", 480)
    monkeypatch.setattr(demo, "RATE", demo.RATE / 3)


def run(*arguments):
    return CliRunner().invoke(demo.main, [str(argument) for argument in arguments])


def test_the_demo(tmp_path, small):
    result = run("-o", tmp_path / "demo", "--drawn", "--seconds", 4)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Watermark detected"))
    assert [line.partition(":")[0] for line in lines[start : start + 5]] == [
        "Watermark detected",
        "Confidence",
        "Generation date",
        "Prompt hash",
        "Tampered",
    ]
    for what, credentials in HANDLED.items():
        (row,) = [line for line in lines if line.startswith(what)]
        marked = "never" not in what
        assert ("LTX Video 2.3 99.99%" in row) is marked
        assert credentials in row
        assert ("ai_generated" if marked else "no_evidence") in row
    assert names(tmp_path / "demo") == {
        "report.html",
        "1-original.mp4",
        "2-stamped.mp4",
        "3-identity.mp4",
        "4-x264.mp4",
        "5-crop.mp4",
        "6-hflip.mp4",
        "7-whatsapp.mp4",
        "8-rerecord.mp4",
        "keys",
        "manifests.sqlite",
    }


def test_a_demo_that_fails_says_so(tmp_path, small, monkeypatch):
    """The table is not painted: what was not found is not in it, and the exit code tells."""
    monkeypatch.setattr(demo, "stamp", stamp_nothing)
    monkeypatch.setattr(demo, "_handle", lambda *_: {})
    result = run("-o", tmp_path / "demo", "--drawn", "--seconds", 1)
    assert result.exit_code == 1
    assert "not as expected: nothing: as it was made" in result.stderr


def stamp_nothing(original, stamped, **options):
    """A stamp whose file is replaced by the plain original afterwards."""
    from provenance import stamp

    made = stamp(original, stamped, **options)
    stamped.write_bytes(original.read_bytes())
    return made


def test_bad_input_is_an_error_and_no_traceback(tmp_path):
    result = run("-o", tmp_path / "demo", "--clip", tmp_path / "gone.mp4")
    assert result.exit_code == 3
    assert "[input.missing]" in result.stderr

"""What the benchmarks compare with is right, and each says how to use it."""

from __future__ import annotations

import hashlib
import importlib
import io
import random
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import agreement, convolutional, mutations
from benchmarks.audio import ATTACKS, attacks, draw, mark, read, snr_db
from benchmarks.fec import approximation
from benchmarks.masking import noise_to_mask_db
from benchmarks.mutants import WAYS, mutate
from benchmarks.residuals import pictures
from benchmarks.tables import markdown
from provenance.programs import run_program

COMMANDS = (
    "agreement",
    "audio",
    "audio_false_positives",
    "dial",
    "false_positives",
    "fingerprint",
    "fingerprint_pairs",
    "fec",
    "generate",
    "listener_training",
    "geometry",
    "gpu",
    "service_chaos",
    "service_hostile",
    "service_load",
    "quality_signals",
    "residuals",
    "mutations",
    "scenes",
    "stamping",
    "store",
    "tampering",
    "verifying",
    "visibility",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    result = CliRunner().invoke(importlib.import_module(f"benchmarks.{name}").main, ["--help"])
    assert result.exit_code == 0
    assert "--" in result.output


@pytest.mark.parametrize(
    ("program", "options", "code"),
    [
        ("attacks.training.autoencoder", ("--images", "empty", "--out", "out"), "input.empty"),
        ("benchmarks.agreement", ("empty", "--trust", "a=none.pem"), "input.empty"),
        ("benchmarks.agreement", ("one", "--trust", "a=none.pem"), "input.missing"),
        ("benchmarks.fingerprint_pairs", ("empty", "--drawn-sounds", "0"), "input.empty"),
        ("benchmarks.listener_training", ("--out", "out", "--device", "abacus"), "device.missing"),
        ("benchmarks.listener_training", ("--out", "one/a.png/out"), "output.forbidden"),
        ("generators.training.dit", ("--out", "one/a.png/out"), "output.forbidden"),
        ("generators.training.dit_eval", ("--dit", "none"), "input.missing"),
        ("generators.training.student", ("--out", "one/a.png/out"), "output.forbidden"),
        (
            "generators.training.student_matching",
            ("--student", "none", "--teacher", "none", "--out", "out", "--seed", "-1"),
            "option.invalid",
        ),
        ("generators.training.superres", ("--codec", "none", "--out", "out"), "input.missing"),
    ],
)
def test_programs_say_in_words_what_they_cannot_use(tmp_path, monkeypatch, program, options, code):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.png").write_bytes(b"a")
    table = {hashlib.sha256(b"a").hexdigest(): {"name": "a.png", "states": {"a": "none"}}}
    monkeypatch.setattr(agreement, "expected", lambda: table)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program, *options])
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    with pytest.raises(SystemExit) as ended:
        run_program(importlib.import_module(program).main)
    assert ended.value.code == (3 if code.startswith("input.") else 2)
    assert f"[{code}]" in told.getvalue()
    assert "hint:" in told.getvalue()


def test_the_convolutional_code_corrects_noise():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (20, 128), dtype=np.uint8)
    coded = convolutional.encode(bits, 800)
    assert coded.shape == (20, 800)
    noisy = 1 - 2.0 * coded + rng.normal(0, 1, coded.shape)
    assert (convolutional.decode(noisy.astype(np.float32), 128) == bits).all()
    hopeless = rng.normal(size=coded.shape).astype(np.float32)
    assert (convolutional.decode(hopeless, 128) != bits).any(1).all()


def test_the_convolutional_code_has_its_free_distance():
    # 18 for the rate-1/3 code (Larsen 1973), and each bit is sent twice.
    bits = np.zeros((1, 128), np.uint8)
    bits[0, 20] = 1
    assert int(convolutional.encode(bits, 816).sum()) >= 36


def test_the_bound_grows_from_never_to_always():
    shares = [approximation(gamma) for gamma in (0.05, 0.2, 0.25, 0.3, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < 1e-6
    assert shares[-1] == pytest.approx(1)
    assert 0.4 < shares[2] < 0.8


def test_tables_are_markdown():
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_louder_noise_lies_higher_above_the_mask_and_shaped_noise_below_white():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(32_000).astype(np.float32)
    sound = np.convolve(noise, np.ones(30) / 30, "same").astype(np.float32)
    white = 0.05 * rng.standard_normal(len(sound)).astype(np.float32) * sound.std()
    quiet_db = noise_to_mask_db(sound, sound + 0.1 * white, 16_000)
    loud_db = noise_to_mask_db(sound, sound + 10 * white, 16_000)
    assert loud_db - quiet_db == pytest.approx(40, abs=0.5)
    assert quiet_db < 0 < loud_db
    shaped_db = noise_to_mask_db(sound, 1.05 * sound, 16_000)
    assert shaped_db < noise_to_mask_db(sound, sound + white, 16_000)


def test_drawn_sound_is_marked_and_read():
    sounds = list(draw(8, 1))
    assert [sound.seconds for sound in sounds] == [8, 8, 8]
    for sound in sounds:
        marked = mark(sound)
        assert snr_db(sound, marked) > 27
        assert read(marked.samples, sound.rate)[0] == "read"
    assert read(sounds[0].samples[:32_000], sounds[0].rate)[0] == "-"


def test_every_attack_of_the_table_can_be_drawn():
    assert len(list(attacks())) == len(ATTACKS) + 1


def test_mutants_of_signed_files_break_no_promise():
    """A slice of what the benchmark does ten thousand times."""
    result = CliRunner().invoke(mutations.main, ["--count", "120", "--seed", "7"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("120 mutants of plain.mp4, child.mp4, plain.mov")
    assert "crashes: 0, hangs: 0" in result.output
    assert "invalid" in result.output


def test_the_same_seed_makes_the_same_mutants_and_every_way_changes_something():
    original = bytes(range(256)) * 40 + b"jumb" + bytes(5000) + b"everyframe"
    made = [mutate([original], random.Random(f"1:{i}"), port=9) for i in range(300)]
    assert made == [mutate([original], random.Random(f"1:{i}"), port=9) for i in range(300)]
    assert {way for way, _ in made} == set(WAYS)
    changed = {way for way, data in made if data != original}
    assert changed == set(WAYS)
    assert any(b"http://127.0.0.1:9/" in data for way, data in made if way == "address")


def test_a_trace_shows_what_else_is_opened(tmp_path):
    log, mutant = tmp_path / "trace", tmp_path / "mutant"
    lines = [
        'openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3',  # before: imports and the like
        f'openat(AT_FDCWD, "{mutations.BEGIN}", O_RDONLY) = -1 ENOENT',
        f'openat(AT_FDCWD, "{mutant}", O_RDONLY) = 3',
        f'openat(AT_FDCWD, "{mutations.END}", O_RDONLY) = -1 ENOENT',
    ]
    log.write_text("\n".join(lines))
    assert mutations._foreign(log, mutant) == []
    for call in (
        'openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 4',
        f'openat(AT_FDCWD, "{mutant}.c2pa", O_RDONLY) = 4',
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 4",
        'connect(4, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}, 16)',
    ):
        log.write_text("\n".join([*lines[:3], f"77 {call}", lines[3]]))
        assert len(mutations._foreign(log, mutant)) == 1


def test_the_expected_states_are_written_down():
    table = agreement.expected()
    assert len(table) >= 6
    for digest, facts in table.items():
        assert len(bytes.fromhex(digest)) == 32
        assert set(facts["states"]) == {"test", "c2pa", "cai"}
        assert set(facts["states"].values()) <= {"trusted", "valid", "invalid", "none"}


def test_agreement_is_found_and_so_is_disagreement(tmp_path, monkeypatch):
    from datetime import UTC, datetime

    from provenance.keys import create_development_identity
    from tests.foreign import write

    identity = create_development_identity(tmp_path / "keys", now=datetime.now(UTC))
    folder = tmp_path / "files"
    folder.mkdir()
    picture = write(folder / "a.png", "png", identity)
    (tmp_path / "anchor.pem").write_bytes(identity.trust_anchor)
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    arguments = [str(folder), "--trust", f"ours={tmp_path / 'anchor.pem'}"]
    for state, code in (("trusted", 0), ("valid", 1)):
        table = {digest: {"name": "a.png", "states": {"ours": state}}}
        monkeypatch.setattr(agreement, "expected", lambda table=table: table)
        result = CliRunner().invoke(agreement.main, arguments)
        assert result.exit_code == code, result.output


def test_a_residual_shows_where_the_sound_does_not_hide_it():
    rng = np.random.default_rng(0)
    sound = 0.1 * rng.standard_normal(16_000).astype(np.float32)
    sound[8000:] *= 1e-6
    shown = pictures(sound, np.full_like(sound, 0) + 1e-3 * rng.standard_normal(16_000), 16_000)
    whole, change, beside = np.split(shown.astype(float), 3, axis=1)
    early, late = slice(50, 250), slice(400, 600)
    assert whole[:, early].mean() > whole[:, late].mean() + 100
    assert abs(change[:, early].mean() - change[:, late].mean()) < 10
    assert beside[:, early].mean() < 30
    assert beside[:, late].mean() > 240

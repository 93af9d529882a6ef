"""The shape of the house: who imports whom, what stands in one place only, what is exported."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "provenance": set(),
    "generators": {"provenance"},
    "detectors": {"provenance"},
    "attacks": {"provenance", "detectors"},
    "service": {"provenance", "generators", "detectors", "attacks"},
}
SOURCES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
HEAVY = ("torch", "av", "cv2", "c2pa")
EXPORTED = {
    "provenance": [
        "MODELS",
        "AudioSpec",
        "CarrierKey",
        "Chunk",
        "EveryframeError",
        "Identity",
        "Model",
        "Payload",
        "ProvenanceWriter",
        "TrustSettings",
        "VideoSpec",
        "__version__",
        "ensure_identity",
        "load_identity",
        "open_store",
        "stamp",
    ],
    "generators": [
        "Generated",
        "Generator",
        "GuideImage",
        "Request",
        "Watch",
        "generate",
        "open_generator",
    ],
    "detectors": [
        "Policy",
        "Result",
        "load_policy",
        "to_html",
        "to_json",
        "to_text",
        "verify",
    ],
}


def imported(tree: ast.AST) -> set[str]:
    """Full names of all modules that are imported anywhere in a file, inside functions too."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module}
    return names


def tops(source: str) -> set[str]:
    return {name.split(".")[0] for name in imported(ast.parse(source))}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_are_found_wherever_they_stand():
    source = "import av.codec\ndef f():\n    from c2pa import Reader\nif x:\n    import cv2 as c\n"
    assert tops(source) == {"av", "c2pa", "cv2"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_data_flows_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    assert not tops(path.read_text()) & forbidden


def test_what_ships_imports_no_benchmark_and_benchmarks_no_test():
    programs = (ROOT / "benchmarks").rglob("*.py")
    forbidden = [(path, {"benchmarks", "tests"}) for path in SOURCES]
    forbidden += [(path, {"tests"}) for path in programs]
    assert not [name_of(path) for path, names in forbidden if tops(path.read_text()) & names]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_are_absolute(path):
    tree = ast.parse(path.read_text())
    assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_media_and_credentials_are_touched_in_one_place(path):
    name, used = name_of(path), tops(path.read_text())
    if "av" in used:
        assert name.startswith("provenance/video/")
    if "c2pa" in used:
        assert name.startswith("provenance/manifest/") or name == "provenance/trust.py"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_opencv_decodes_no_video(path):
    tree = ast.parse(path.read_text())
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {
        alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names
    }
    assert "VideoCapture" not in attributes | names


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_files_hold_one_concept(path):
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in {"utils", "util", "common", "helpers", "misc"}


def test_programs_say_errors_in_words():
    """Commands do by themselves, and the others by the function for that."""
    folders = ("benchmarks", "generators/training", "attacks/training")
    programs = [path for folder in folders for path in (ROOT / folder).glob("*.py")]
    ends = {path: path.read_text().partition('__name__ == "__main__":')[2] for path in programs}
    assert {end.strip() for end in ends.values() if end} == {"run_program(main)"}


def described_rooms() -> list[Path]:
    """What the table in docs/architecture.md names; the first of a row tells the package of all."""
    table = (ROOT / "docs" / "architecture.md").read_text().split("## Rooms")[1].split("\n## ")[0]
    rooms = []
    for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", row)
        package = first.partition("/")[0]
        rooms += [ROOT / first, *(ROOT / package / other for other in others)]
    return rooms


def test_the_architecture_names_what_there_is():
    missing = [room for room in described_rooms() if not room.is_dir()]
    assert [name_of(room) for room in missing if not room.with_suffix(".py").is_file()] == []


def test_the_architecture_names_every_room():
    folders = {path.parent for path in SOURCES if len(path.relative_to(ROOT).parts) == 3}
    assert {name_of(folder) for folder in folders - set(described_rooms())} == set()


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("package", EXPORTED)
def test_exported_names_are_frozen(package):
    module = importlib.import_module(package)
    assert module.__all__ == EXPORTED[package]
    assert sorted(module.__all__) == dir(module)


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package in EXPORTED for name in EXPORTED[package]]
)
def test_exported_names_resolve(package, name):
    module = importlib.import_module(package)
    value = getattr(module, name)
    # A submodule of the same name would take the exported one's place once it is imported.
    assert not isinstance(value, ModuleType)


@pytest.mark.parametrize("package", EXPORTED)
def test_unknown_names_are_refused(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )


@pytest.mark.parametrize("module", [*MAY_IMPORT, *(s.split(":")[0] for s in SCRIPTS.values())])
def test_commands_and_packages_import_light(module):
    code = f"import sys, {module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    assert run_python(code).stdout.split() == []


def test_training_needs_no_library_of_media_or_credentials(tmp_path):
    """A machine that trains has torch, and need not have what makes files."""
    path = tmp_path / "net.safetensors"
    code = (
        "import sys, pathlib, torch, generators.training.dit, generators.training.video_codec\n"
        "from generators.weight_file import save_weights\n"
        f"save_weights(pathlib.Path({str(path)!r}), torch.nn.Linear(1, 1))\n"
        "print(*({'c2pa', 'av', 'cv2', 'cryptography'} & set(sys.modules)))"
    )
    assert run_python(code).stdout.split() == []
    assert path.is_file()


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_waits_for_no_heavy_package(script):
    command = [sys.executable, "-X", "importtime", Path(sys.executable).parent / script, "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {*HEAVY, "scipy", "cryptography", "fastapi", "sqlalchemy"}


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    names = listing.stdout.split("\0") if listing.returncode == 0 else []
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


# Written in pieces, so that this file does not hold what it looks for.
MACHINE = re.compile(
    "|".join(
        [
            "/wo" + "rk/",
            "/ro" + "ot/",
            "/ho" + r"me/\w",
            "/Us" + r"ers/\w",
            "--(?:extra-)?index" + "-url",
            "find" + "-links",
            r"(?:pypi|download)\.(?:python|pytorch)\." + "org",
            "files" + r"\.pythonhosted",
        ]
    )
)


def test_machine_names_are_recognised():
    for text in ("/ho" + "me/someone/x", "pip --index" + "-url=x", "pypi.python." + "org"):
        assert MACHINE.search(text)
    assert not MACHINE.search("the home of /homes/ and an index")


def test_no_tracked_file_names_a_machine_or_a_registry():
    files = tracked_files()
    if not files:
        pytest.skip("not in a git checkout")
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights and other binary data
        found += [f"{name_of(path)}: {match[0]}" for match in [MACHINE.search(text)] if match]
    assert found == []


def test_continuous_integration_runs_the_tests():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert re.search(r"^(exec )?make test$", script.read_text(), re.MULTILINE)

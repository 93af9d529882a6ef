"""The snippets of docs/generators.md do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provenance.manifest import has_manifest
from tests.generators.adapters.tiny_pipelines import tiny_folder

PAGE = Path(__file__).resolve().parents[2] / "docs" / "generators.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.filterwarnings("ignore")  # what diffusers and transformers warn of
def test_the_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTX_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("LTX_STORE", str(tmp_path / "store.sqlite"))
    tiny_folder("WanPipeline", tmp_path / "wan")
    for snippet in SNIPPETS:
        exec(compile(snippet, str(PAGE), "exec"), {})
    assert has_manifest(tmp_path / "wan.mp4")
    assert has_manifest(tmp_path / "frames.mp4")

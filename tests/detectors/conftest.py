"""Marked and signed clips, made once a session, and what others do to them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from provenance.clip import VideoSpec
from provenance.keys import (
    DEFAULT_CARRIER_KEY,
    CarrierKey,
    Identity,
    create_development_identity,
)
from provenance.manifest import ManifestRequest, sign_file
from provenance.payload import Payload, model_by_key, new_content_id
from provenance.prompt import prompt_digest
from provenance.store import StoredManifest, open_store
from provenance.video import EncodeSettings, MediaWriter, open_media, picture_from_rgb
from provenance.watermark import ClipMarker
from tests.desk import ROOT, Desk, command, small_clip
from tests.drawn import moving_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from provenance.video import Picture

WIDTH, HEIGHT, RATE, SECONDS = 640, 480, Fraction(10), 4
QUICK = EncodeSettings(preset="ultrafast", crf=18)
DAY = date(2026, 3, 24)
PROMPT = "a red panda on a tram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """A signed, marked clip with all that belongs to it."""

    signed: Path
    unsigned: Path
    plain: Path
    store: Path
    keys: Path
    payload: Payload
    prompt_hash: str


def write_clip(
    path: Path, pictures: Iterable[Picture], spec: VideoSpec, *, crf: int | None = None
) -> Path:
    """As a maker would, or by ``crf`` as somebody does who wants it small."""
    settings = QUICK if crf is None else EncodeSettings(preset="medium", crf=crf)
    with MediaWriter(path, video=spec, settings=settings) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def drawn_pictures(spec: VideoSpec, *, seconds: float = SECONDS, seed: int = 7) -> list[Picture]:
    frames = moving_frames(round(seconds * spec.rate), spec.height, spec.width, seed=seed)
    return [
        picture_from_rgb(frame, time=index / spec.rate, spec=spec)
        for index, frame in enumerate(frames)
    ]


def marked(pictures: list[Picture], payload: Payload, key: CarrierKey) -> list[Picture]:
    first = pictures[0]
    marker = ClipMarker(payload=payload, key=key, width=first.width, height=first.height)
    return [
        picture.with_luma(marker.mark(picture.luma, time_s=float(picture.time)))
        for picture in pictures
    ]


@pytest.fixture(scope="session")
def spec() -> VideoSpec:
    return VideoSpec(width=WIDTH, height=HEIGHT, rate=RATE)


@pytest.fixture(scope="session")
def identity(tmp_path_factory) -> Identity:
    folder = tmp_path_factory.mktemp("identity") / "keys"
    return create_development_identity(folder, now=datetime.now(UTC))


@pytest.fixture(scope="session")
def studio(tmp_path_factory, identity, spec) -> Studio:
    folder = tmp_path_factory.mktemp("studio")
    digest = prompt_digest(PROMPT, identity.prompt_key)
    payload = Payload(model=1, day=DAY, content_id=new_content_id(digest.digest, lambda _: 4711))
    pictures = drawn_pictures(spec)
    plain = write_clip(folder / "plain.mp4", pictures, spec)
    unsigned = write_clip(
        folder / "unsigned.mp4", marked(pictures, payload, DEFAULT_CARRIER_KEY), spec
    )
    signed, store = folder / "signed.mp4", folder / "store.sqlite"
    now = datetime.now(UTC)
    request = ManifestRequest(
        model=model_by_key("ltx-2.3"),
        title="signed.mp4",
        created=now,
        prompt=digest,
        payload=payload,
        carrier=DEFAULT_CARRIER_KEY.name,
        width=WIDTH,
        height=HEIGHT,
        duration_s=float(SECONDS),
        tool_version="test",
    )
    manifest = sign_file(unsigned, signed, request, identity)
    with open_store(store) as opened:
        opened.put(
            StoredManifest(
                content_id=payload.content_id_hex,
                manifest=manifest,
                mime="video/mp4",
                model="ltx-2.3",
                day=DAY,
                prompt_hash=str(digest),
                created=now,
                width=WIDTH,
                height=HEIGHT,
                duration_s=float(SECONDS),
            )
        )
    return Studio(
        signed=signed,
        unsigned=unsigned,
        plain=plain,
        store=store,
        keys=identity.directory,
        payload=payload,
        prompt_hash=str(digest),
    )


@pytest.fixture
def edit(tmp_path, spec) -> Callable[..., Path]:
    """Reads a clip, changes its pictures and writes it again: what somebody out there does."""

    def change(
        source: Path,
        how: Callable[[list[Picture]], list[Picture]],
        name: str = "edited.mp4",
        changed_spec: VideoSpec = spec,
    ) -> Path:
        with open_media(source) as media:
            pictures = how(list(media.pictures()))
            return write_clip(tmp_path / name, pictures, changed_spec)

    return change


@pytest.fixture(autouse=True)
def lonely(monkeypatch, tmp_path_factory) -> None:
    """No test sees the keys, the store or the settings of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("LTX_KEYS", "LTX_STORE", "LTX_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(tmp_path):
    """The folders of a user who has nothing yet."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LTX", "XDG"))}
    return {**kept, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def call(environment, tmp_path):
    def run(name, *arguments, before=""):
        return subprocess.run(
            command(name, *arguments, before=before),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return small_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", channels=None)


@pytest.fixture
def desk(tmp_path, clip):
    return Desk(folder=tmp_path, clip=clip).with_keys()

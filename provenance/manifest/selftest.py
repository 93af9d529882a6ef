"""Whether the C2PA library does what its settings say: for ``ltx-doctor``, in memory, in 0.1 s.

The library ignores settings that it does not know, and their names have changed between its
versions. So each that matters for safety is tried out instead of being believed.
"""

from __future__ import annotations

import io
import socket
import threading
import wave
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import c2pa

from provenance.keys.certificates import CLAIM_SIGNING, SigningPair, development_pair
from provenance.manifest.actions import SOURCE_TYPES
from provenance.manifest.reading import read_document
from provenance.trust import TrustSettings, open_context

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIME = "audio/wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsCheck:
    """One thing that was tried: ``detail`` says what came out."""

    name: str
    ok: bool
    detail: str


def check_settings(*, now: datetime | None = None) -> tuple[SettingsCheck, ...]:
    """Signs and reads a moment of silence with our settings and looks at what happens."""
    # A signer with claimSigning alone: the library's default settings refuse it.
    pair = development_pair(now or datetime.now(UTC), uses=(CLAIM_SIGNING,))
    anchored = TrustSettings().with_anchor(pair.anchor)
    signed = _sign(pair, anchored)
    return (
        _expect("a certificate for claim signing is accepted", signed, anchored, "Trusted"),
        _expect("an unknown signer is not trusted", signed, TrustSettings(), "Valid"),
        _expect("a changed file is found", _changed(signed), anchored, "Invalid"),
        _check_no_fetch(pair, anchored),
    )


def _expect(name: str, file: bytes, trust: TrustSettings, state: str) -> SettingsCheck:
    try:
        found = str(read_document(_MIME, io.BytesIO(file), None, trust).get("validation_state"))
    except c2pa.C2paError as error:
        found = str(error)
    return SettingsCheck(name=name, ok=found == state, detail=f"read {found}, expected {state}")


def _check_no_fetch(pair: SigningPair, trust: TrustSettings) -> SettingsCheck:
    name = "addresses in files are not fetched"
    with socket.create_server(("127.0.0.1", 0)) as canary, _listening(canary) as calls:
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/manifest.c2pa"
        file = _sign(pair, trust, remote_url=url)
        result = "nothing was refused"
        try:
            read_document(_MIME, io.BytesIO(file), None, trust)
        except c2pa.C2paError as error:
            result = str(error)
    # The refusal must name the address: else the file did not, and the trial showed nothing.
    return SettingsCheck(name=name, ok=url in result and not calls, detail=result)


@contextmanager
def _listening(canary: socket.socket) -> Iterator[list[str]]:
    """Notes who calls and hangs up at once; a caller left waiting would hold up the trial."""
    calls: list[str] = []
    over = threading.Event()
    canary.settimeout(0.02)

    def listen() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection, address = canary.accept()
                calls.append(str(address))
                connection.close()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield calls
    finally:
        over.set()
        thread.join()


def _sign(pair: SigningPair, trust: TrustSettings, *, remote_url: str | None = None) -> bytes:
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES["captured"]}
    definition: dict[str, Any] = {
        "claim_generator_info": [{"name": "everyframe", "version": "selftest"}],
        "assertions": [
            {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [created]}}
        ],
    }
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(pair.algorithm.encode(), pair.chain, pair.private_key, None)
    )
    target = io.BytesIO()
    with (
        open_context(trust, signer=signer) as context,
        c2pa.Builder(definition, context) as builder,
    ):
        if remote_url is not None:
            builder.set_remote_url(remote_url)
            builder.set_no_embed()
        builder.sign(_MIME, io.BytesIO(_silence()), target)
    return target.getvalue()


def _silence() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return file.getvalue()


def _changed(file: bytes) -> bytes:
    position = file.index(b"data") + 8  # the first sample
    return file[:position] + b"\x55" + file[position + 1 :]

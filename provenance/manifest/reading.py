"""Reading manifests: what they say, whether they hold, and nothing fetched from anywhere.

Everything in a manifest is written by whoever made the file. So nothing here assumes a type, a
length or a presence, and a manifest that breaks the library becomes an "invalid" report.
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

import c2pa

from provenance.manifest.containers import (
    Container,
    container_of,
    embedded_bytes,
    find_sidecar,
    open_input,
)
from provenance.manifest.interpret import interpret
from provenance.manifest.public import public_text
from provenance.manifest.report import ManifestReport, ReadLimits
from provenance.trust import TrustSettings, open_context

if TYPE_CHECKING:
    from pathlib import Path

Source: TypeAlias = Literal["embedded", "sidecar", "recovered", "remote"]

_STORE_MIME = "application/c2pa"
_REMOTE = re.compile(r"must fetch remote manifests from url (\S+)")
_UNREADABLE = "general.error"  # the specification's code for what no other code names
_DEFAULT_LIMITS = ReadLimits()


def has_manifest(path: Path) -> bool:
    """Whether ``path`` has a manifest inside or a sidecar beside it; says nothing of its worth.

    Raises :class:`InputMissing`, :class:`InputForbidden`, :class:`InputEmpty`.
    """
    container = container_of(path)
    inside = embedded_bytes(path, container)
    if inside is None and container.embeds:
        inside = int(read_embedded(path, container, TrustSettings()).present)
    return bool(inside) or find_sidecar(path) is not None


def read_manifest(
    path: Path, trust: TrustSettings, *, limits: ReadLimits = _DEFAULT_LIMITS
) -> ManifestReport:
    """The manifest inside ``path``, else the one in the ``.c2pa`` file beside it.

    Whatever is wrong with a manifest is in the report. Raises :class:`InputMissing`,
    :class:`InputForbidden`, :class:`InputEmpty` when the file itself cannot be read.
    """
    container = container_of(path)
    inside = embedded_bytes(path, container)
    sidecar = find_sidecar(path)
    file_bytes = path.stat().st_size
    if file_bytes > limits.file_bytes:
        return _too_large(
            f"the file has {file_bytes} bytes, more than the {limits.file_bytes} allowed",
            present=bool(inside) or sidecar is not None,
        )
    if inside is not None and inside > limits.manifest_bytes:
        return _too_large(
            f"its manifest has {inside} bytes, more than the {limits.manifest_bytes} allowed",
            present=True,
        )
    report = ManifestReport(present=False)
    if container.embeds:
        report = read_embedded(path, container, trust)
    if report.present or sidecar is None:
        return report
    with open_input(sidecar) as file:
        manifest = file.read(limits.manifest_bytes + 1)
    if len(manifest) > limits.manifest_bytes:
        return _too_large(f"{sidecar.name} is too large for a manifest", present=True)
    return read_sidecar(path, container, manifest, trust)


def read_recovered_manifest(
    path: Path,
    manifest: bytes,
    trust: TrustSettings,
    *,
    limits: ReadLimits = _DEFAULT_LIMITS,
) -> ManifestReport:
    """A manifest from a store, read for a file that lost its own.

    The file was transcoded or remuxed since it was signed, so that its bytes differ is expected
    (``binding_ok`` is False) and does not make the state invalid; signature, chain and everything
    else are judged. Whether the manifest belongs to this video is for the fingerprint to say.
    """
    container = container_of(path)
    if path.stat().st_size > limits.file_bytes:
        return _read(_STORE_MIME, io.BytesIO(manifest), None, trust, source="recovered")
    with open_input(path) as file:
        report = _read(container.mime, file, manifest, trust, source="recovered")
    if report.error is None:
        return report
    # A file too damaged to be parsed still has a mark: judge the manifest by itself.
    return _read(_STORE_MIME, io.BytesIO(manifest), None, trust, source="recovered")


def read_stored_manifest(
    manifest: bytes, trust: TrustSettings, *, limits: ReadLimits = _DEFAULT_LIMITS
) -> ManifestReport:
    """A manifest store by itself, without the file that it was signed for."""
    if len(manifest) > limits.manifest_bytes:
        return _too_large(f"{len(manifest)} bytes are too many for a manifest", present=True)
    return _read(_STORE_MIME, io.BytesIO(manifest), None, trust, source="recovered")


def read_embedded(path: Path, container: Container, trust: TrustSettings) -> ManifestReport:
    """The manifest inside ``path``, whatever its size; "not present" when there is none."""
    with open_input(path) as file:
        report = _read(container.mime, file, None, trust, source="embedded")
    if report.state == "invalid" and report.error and embedded_bytes(path, container) == 0:
        # The library stumbled over the container itself; there is no manifest to be invalid.
        return ManifestReport(present=False, error=report.error)
    return report


def read_sidecar(
    path: Path, container: Container, manifest: bytes, trust: TrustSettings
) -> ManifestReport:
    """``manifest`` as that of the file ``path``, which it is bound to by the bytes' hash."""
    with open_input(path) as file:
        return _read(container.mime, file, manifest, trust, source="sidecar")


def read_store(
    path: Path, manifest: bytes, trust: TrustSettings, *, source: Source
) -> ManifestReport:
    """``manifest``, which came by another road, as that of the file ``path``."""
    with open_input(path) as file:
        return _read(container_of(path).mime, file, manifest, trust, source=source)


def read_document(
    mime: str, stream: BinaryIO, manifest: bytes | None, trust: TrustSettings
) -> dict[str, Any]:
    """The library's own JSON about a file, with ``manifest`` in place of what is inside, if given.

    Raises the library's ``C2paError``.
    """
    with (
        open_context(trust) as context,
        c2pa.Reader(mime, stream, manifest, context=context) as reader,
    ):
        document: dict[str, Any] = json.loads(reader.json())
        return document


def _read(
    mime: str, stream: BinaryIO, manifest: bytes | None, trust: TrustSettings, *, source: Source
) -> ManifestReport:
    try:
        return interpret(read_document(mime, stream, manifest, trust), source=source)
    except c2pa.C2paError.ManifestNotFound:
        return ManifestReport(present=False)
    except (c2pa.C2paError, ValueError) as error:
        text = str(error)
        if remote := _REMOTE.search(text):
            return ManifestReport(
                present=False,
                remote_url=remote[1][:2000],
                error="the file names a manifest elsewhere, which was not fetched",
            )
        return ManifestReport(
            present=True,
            source=source,
            state="invalid",
            codes=(_UNREADABLE,),
            error=public_text(text),
        )


def _too_large(error: str, *, present: bool) -> ManifestReport:
    return ManifestReport(present=present, error=f"not checked: {error}")

"""Signing: a marked file in, the same file with its manifest out, checked before it is given out.

The library reads the source while it writes the output, and signing in place would leave nothing
of either; so the two are always different files, and the caller renames when all is well.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import c2pa

from provenance.errors import (
    DiskFull,
    EveryframeError,
    ManifestError,
    OutputForbidden,
    OutputIsInput,
    UnsupportedMedia,
)
from provenance.manifest.containers import (
    UNKNOWN,
    Container,
    container_of,
    find_sidecar,
    open_input,
    sidecar_path,
)
from provenance.manifest.reading import read_document, read_embedded, read_sidecar
from provenance.manifest.request import PARENT_ID, ManifestRequest, manifest_definition
from provenance.trust import TrustSettings, open_context

if TYPE_CHECKING:
    from provenance.keys import Identity


def sign_file(unsigned: Path, output: Path, request: ManifestRequest, identity: Identity) -> bytes:
    """Writes ``output``: ``unsigned`` with a manifest signed by ``identity``; gives the manifest.

    Where the container cannot hold a manifest, ``output`` is a copy and the manifest belongs into
    a sidecar: :func:`publish` puts both in place. The output is read back and verified before this
    returns; when anything fails there is no output.

    Raises :class:`ManifestError` (signing failed, the time-stamp authority did not answer, or the
    result does not verify), :class:`OutputIsInput`, :class:`OutputForbidden`, :class:`DiskFull`,
    :class:`UnsupportedMedia`.
    """
    container = container_of(unsigned)
    if container == UNKNOWN:
        raise UnsupportedMedia(
            f"{unsigned} is no container that can be signed",
            hint="write MP4 or MOV; WebM, Matroska and MPEG-TS get a .c2pa file beside them",
        )
    for source in (unsigned, request.parent):
        if source is not None and output.exists() and output.samefile(source):
            raise OutputIsInput(
                f"signing {source} in place would destroy it", hint="write to another file"
            )
    try:
        manifest = _sign(unsigned, output, container, request, identity)
        _check(output, manifest, container, identity)
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    return manifest


def publish(temporary: Path, final: Path, manifest: bytes) -> None:
    """Moves a signed file to its final name, and its sidecar beside it where it needs one.

    Both paths are in one directory. The sidecar comes first: a file without its manifest would
    look unsigned, a manifest without its file looks like nothing.
    """
    if not container_of(temporary).embeds:
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=".c2pa-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(manifest)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(temporary, name)
            Path(name).replace(sidecar_path(final))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    temporary.replace(final)


def _sign(
    unsigned: Path,
    output: Path,
    container: Container,
    request: ManifestRequest,
    identity: Identity,
) -> bytes:
    try:
        target = output.open("w+b")
    except OSError as error:
        raise OutputForbidden(
            f"cannot write {output}: {error.strerror}", hint="choose a folder you can write"
        ) from error
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    hosts = [urlsplit(identity.time_authority).netloc] if identity.time_authority else []
    with target, open_input(unsigned) as source:
        try:
            with (
                open_context(trust, signer=_signer(identity), network_hosts=hosts) as context,
                c2pa.Builder(manifest_definition(request), context) as builder,
            ):
                if request.parent is not None:
                    _add_parent(builder, request.parent, trust)
                if container.embeds:
                    manifest: bytes = builder.sign(container.mime, source, target)
                else:
                    builder.set_no_embed()
                    with Path(os.devnull).open("w+b") as nowhere:
                        manifest = builder.sign(container.mime, source, nowhere)
                    source.seek(0)
                    shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        except (c2pa.C2paError, OSError) as error:
            raise _explain(error, unsigned, output, identity) from error
    return manifest


def _signer(identity: Identity) -> c2pa.Signer:
    authority = identity.time_authority
    return c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(
            identity.algorithm.encode(),
            identity.certificate_chain,
            identity.private_key,
            authority.encode() if authority else None,
        )
    )


def _add_parent(builder: c2pa.Builder, parent: Path, trust: TrustSettings) -> None:
    """Adds ``parent`` with its credentials, whatever they are worth; without them if unreadable."""
    container = container_of(parent)
    ingredient: dict[str, Any] = {
        "title": parent.name,
        "relationship": "parentOf",
        "label": PARENT_ID,
        "instance_id": PARENT_ID,
    }
    sidecar = None if container.embeds else find_sidecar(parent)
    if sidecar is not None:
        # The library does not pair a sidecar with its file by itself: read the pair, and hand over
        # the manifest with what was found.
        store = sidecar.read_bytes()
        with open_input(parent) as file, contextlib.suppress(c2pa.C2paError):
            found = read_document(container.mime, file, store, trust)
            builder.add_resource("parent-store", io.BytesIO(store))
            ingredient |= {
                "active_manifest": found["active_manifest"],
                "validation_results": found["validation_results"],
                "manifest_data": {"format": "application/c2pa", "identifier": "parent-store"},
            }
    with open_input(parent) as file:
        try:
            builder.add_ingredient(ingredient, container.mime, file)
            return
        except c2pa.C2paError:
            # Credentials too damaged to be carried on: the parent is still named.
            file.seek(0)
            builder.add_ingredient(ingredient, UNKNOWN.mime, file)


def _check(output: Path, manifest: bytes, container: Container, identity: Identity) -> None:
    """Reads the finished file back; raises :class:`ManifestError` unless all is well with it."""
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    if container.embeds:
        report = read_embedded(output, container, trust)
    else:
        report = read_sidecar(output, container, manifest, trust)
    # Without an own anchor nobody can be trusted here, and "valid" is the best there is.
    wanted = "trusted" if identity.trust_anchor else "valid"
    if report.state != wanted or report.binding_ok is not True:
        found = report.error or ", ".join(report.codes) or "no reason given"
        raise ManifestError(
            f"the file signed as {identity.name} does not verify: "
            f"it reads {report.state or 'unsigned'} ({found})",
            hint="check certificate and key with: ltx-keys show; and the settings with: ltx-doctor",
        )


def _explain(error: Exception, unsigned: Path, output: Path, identity: Identity) -> EveryframeError:
    # The library hides why a write failed, so look whether there is room.
    if shutil.disk_usage(output.parent).free < unsigned.stat().st_size:
        return DiskFull(
            f"no room to write {output}", hint="free some space or choose another folder"
        )
    hint = "check certificate and key with: ltx-keys show"
    if identity.time_authority:
        hint = (
            f"is the time-stamp authority {identity.time_authority} up? Files are not signed "
            "without its stamp; import the identity without it to do so"
        )
    return ManifestError(f"signing {unsigned} failed: {error}", hint=hint)

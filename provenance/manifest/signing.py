"""Signing: a marked file in, the same file with its manifest out, checked before it is given out.

The library reads the source while it writes the output, and signing in place would leave nothing
of either; so the two are always different files, and the caller renames when all is well.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import c2pa

from provenance.errors import (
    DiskFull,
    EveryframeError,
    ManifestError,
    OutputForbidden,
    OutputIsInput,
    UnsupportedMedia,
)
from provenance.manifest.actions import PARENT_ID, component_id
from provenance.manifest.containers import (
    SIDECARS,
    UNKNOWN,
    Container,
    container_of,
    find_sidecar,
    open_input,
)
from provenance.manifest.public import PARENT_TITLE, PIECE_TITLE
from provenance.manifest.reading import read_document, read_embedded, read_sidecar
from provenance.manifest.request import ManifestRequest, manifest_definition
from provenance.manifest.signing_call import SigningCall
from provenance.manifest.time_relay import TimeRelay
from provenance.trust import TrustSettings, open_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.keys import Identity


def sign_file(
    unsigned: Path,
    output: Path,
    request: ManifestRequest,
    identity: Identity,
    *,
    name: Path | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> bytes:
    """Writes ``output``: ``unsigned`` with a manifest signed by ``identity``; gives the manifest.

    Where the container cannot hold a manifest, ``output`` is a copy and the manifest belongs into
    a sidecar: :func:`publish` puts both in place. The output is read back and verified before this
    returns; when anything fails there is no output. ``name`` is what messages call the output,
    where ``output`` is a temporary file. ``warn`` is told when the time-stamp authority
    gave no stamp and the identity's policy goes on without one.

    Raises :class:`ManifestError` (signing failed, the time-stamp authority did not answer, or the
    result does not verify), :class:`OutputIsInput`, :class:`OutputForbidden`, :class:`DiskFull`,
    :class:`UnsupportedMedia`, and what the identity's own signer raises of ours.
    """
    container = container_of(unsigned)
    if not container.embeds and container not in SIDECARS:
        raise UnsupportedMedia(
            f"{unsigned} is no container that can be signed",
            hint="write MP4 or MOV; WebM, Matroska and MPEG-TS get a .c2pa file beside them",
        )
    for source in (unsigned, request.parent, *request.components):
        if source is not None and output.exists() and output.samefile(source):
            raise OutputIsInput(
                f"signing {source} in place would destroy it", hint="write to another file"
            )
    job = _Job(
        unsigned=unsigned,
        output=output,
        name=name or output,
        container=container,
        request=request,
    )
    try:
        manifest = _sign_stamped(job, identity, warn)
        _check(output, manifest, container, identity)
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    unsigned: Path
    output: Path
    name: Path
    container: Container
    request: ManifestRequest


def _sign_stamped(job: _Job, identity: Identity, warn: Callable[[str], None]) -> bytes:
    """Signs with a time-stamp, or without one where the identity's policy allows that."""
    authority, policy = identity.time_authority, identity.time_policy
    if authority is None or policy == "off":
        return _sign(job, identity, None)
    with TimeRelay(authority) as relay:
        try:
            return _sign(job, identity, relay)
        except ManifestError as error:
            reason = relay.error or error.message
            if policy == "required":
                raise ManifestError(
                    f"{job.name} was not signed: the time-stamp authority {authority} gave "
                    f"no stamp: {reason}",
                    hint="wait for it to be back, or go on without stamps: --timestamp best-effort",
                ) from error
    # Without the stamp it can still fail, for a reason that had nothing to do with the authority.
    manifest = _sign(job, identity, None)
    warn(f"no time-stamp: {authority}: {reason}")
    return manifest


def _sign(job: _Job, identity: Identity, relay: TimeRelay | None) -> bytes:
    container, request = job.container, job.request
    try:
        target = job.output.open("w+b")
    except OSError as error:
        raise OutputForbidden(
            f"cannot write {job.name}: {error.strerror}", hint="choose a folder you can write"
        ) from error
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    hosts = [] if relay is None else [relay.host]
    signing = None
    with target, open_input(job.unsigned) as source:
        try:
            signing = SigningCall(identity, time_url=None if relay is None else relay.url)
            with (
                open_context(trust, signer=signing.signer, network_hosts=hosts) as context,
                c2pa.Builder(manifest_definition(request), context) as builder,
            ):
                if request.parent is not None:
                    _add_ingredient(builder, request.parent, "parentOf", PARENT_ID, trust)
                for number, path in enumerate(request.components):
                    _add_ingredient(builder, path, "componentOf", component_id(number), trust)
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
            if signing is not None:
                signing.raise_own()
            raise _explain(error, job) from error
    return manifest


def _add_ingredient(
    builder: c2pa.Builder, path: Path, relationship: str, name: str, trust: TrustSettings
) -> None:
    """Adds ``path`` with its credentials, whatever they are worth; without them if unreadable."""
    container = container_of(path)
    # Not the name of the file: it would be published with the new one.
    title = PARENT_TITLE
    if relationship == "componentOf":
        title = PIECE_TITLE.format(number=name.rpartition("-")[2])
    ingredient: dict[str, Any] = {
        "title": title,
        "relationship": relationship,
        "label": name,
        "instance_id": name,
    }
    sidecar = None if container.embeds else find_sidecar(path)
    if sidecar is not None:
        # The library does not pair a sidecar with its file by itself: read the pair, and hand over
        # the manifest with what was found.
        store = sidecar.read_bytes()
        with open_input(path) as file, contextlib.suppress(c2pa.C2paError):
            found = read_document(container.mime, file, store, trust)
            builder.add_resource(f"{name}-store", io.BytesIO(store))
            ingredient |= {
                "active_manifest": found["active_manifest"],
                "validation_results": found["validation_results"],
                "manifest_data": {"format": "application/c2pa", "identifier": f"{name}-store"},
            }
    with open_input(path) as file:
        try:
            builder.add_ingredient(ingredient, container.mime, file)
            return
        except c2pa.C2paError:
            # Credentials too damaged to be carried on: the file is still named.
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


def _explain(error: Exception, job: _Job) -> EveryframeError:
    # The library hides why a write failed, so look whether there is room.
    if shutil.disk_usage(job.output.parent).free < job.unsigned.stat().st_size:
        return DiskFull(
            f"no room to write {job.name}", hint="free some space or choose another folder"
        )
    return ManifestError(
        f"signing {job.name} failed: {error}",
        hint="check certificate and key with: ltx-keys show",
    )

"""Trust: whose signatures count, and the hardened settings that every read and signature runs with.

The library behind manifests fetches any address that a file names, loopback too, and ignores
settings that it does not know. So its settings are built in one place, here, and nothing reads or
signs without them. ``provenance.manifest.selftest`` checks that they have the effect they name.

A context does not survive ``fork``: make it in the process that uses it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import c2pa

from provenance.errors import IdentityError, InputForbidden, InputMissing, OptionError
from provenance.keys.certificates import parse_certificates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

EKU_OIDS = (
    "1.3.6.1.5.5.7.3.4",  # emailProtection
    "1.3.6.1.5.5.7.3.36",  # documentSigning
    "1.3.6.1.5.5.7.3.8",  # timeStamping
    "1.3.6.1.5.5.7.3.9",  # OCSPSigning
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's C2PA signing
    "1.3.6.1.4.1.62558.2.1",  # C2PA claimSigning
)
"""Certificate uses that may sign; the library's own default leaves half of them out."""

_OID = re.compile(r"[0-2](\.\d+)+")
_SECTION_KEYS = ("trust_anchors", "user_anchors", "anchors", "trust_config")
_ENTRY_KEYS = ("trust_kind", "trust_uri", "trust_anchors", "allowed_list", "trust_config")
_LIST_NAME = "everyframe"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """Whom to trust.

    ``anchors_pem``: roots and intermediates, each item one or more PEM certificates; they also
    vouch for time-stamps. ``allowed_pem``: signers' own certificates, trusted without a chain.
    ``extra_ekus``: OIDs of further certificate uses that may sign.
    """

    anchors_pem: tuple[bytes, ...] = ()
    allowed_pem: tuple[bytes, ...] = ()
    extra_ekus: tuple[str, ...] = ()

    def with_anchor(self, pem: bytes | None) -> TrustSettings:
        """These settings and one more anchor, such as ``Identity.trust_anchor``; None adds none."""
        return self if pem is None else replace(self, anchors_pem=(*self.anchors_pem, pem))


def load_trust(
    *,
    settings_files: Iterable[Path] = (),
    anchor_files: Iterable[Path] = (),
) -> TrustSettings:
    """Trust from the ``trust`` sections of C2PA SDK settings (JSON) and from PEM files.

    Raises :class:`OptionError` for a file that is not what it should be or says what would have no
    effect, :class:`InputMissing` and :class:`InputForbidden` for one that cannot be read.
    """
    trust = TrustSettings(
        anchors_pem=tuple(_checked_pem(_read(path), where=str(path)) for path in anchor_files),
    )
    for path in settings_files:
        trust = _with_section(trust, _trust_section(path), where=str(path))
    return trust


def library_settings(trust: TrustSettings, *, network_hosts: Sequence[str] = ()) -> dict[str, Any]:
    """The settings given to the C2PA library: nothing is fetched, but from ``network_hosts``."""
    ekus = "\n".join((*EKU_OIDS, *trust.extra_ekus))
    lists = [
        _trust_list("manifest", trust.anchors_pem, trust.allowed_pem, ekus),
        _trust_list("tsa", trust.anchors_pem, (), ekus),
    ]
    return {
        "version": 1,
        # The certificate uses count in every list and, for signers without one, outside of them.
        "trust": {"anchors": [entry for entry in lists if entry], "trust_config": ekus},
        "verify": {
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            # A signature is checked by reading the finished file back, with all its codes.
            "verify_after_sign": False,
        },
        "core": {
            "allowed_network_hosts": list(network_hosts),
            "allow_redirects": False,
        },
        # A thumbnail would be a copy of the picture without the mark.
        "builder": {"thumbnail": {"enabled": False}},
    }


def open_context(
    trust: TrustSettings, *, signer: c2pa.Signer | None = None, network_hosts: Sequence[str] = ()
) -> c2pa.Context:
    """A library context with hardened settings (a context manager); ``signer`` is consumed."""
    with c2pa.Settings.from_dict(library_settings(trust, network_hosts=network_hosts)) as settings:
        return c2pa.Context(settings, signer)


def _trust_list(
    kind: str, anchors: Sequence[bytes], allowed: Sequence[bytes], ekus: str
) -> dict[str, str]:
    """One list for the library; empty for nobody. Only in this form does ``allowed_list`` work."""
    if not anchors and not allowed:
        return {}
    return {
        "trust_kind": kind,
        "trust_uri": _LIST_NAME,
        "trust_anchors": b"\n".join(anchors).decode(),
        "allowed_list": b"\n".join(allowed).decode(),
        "trust_config": ekus,
    }


def _trust_section(path: Path) -> dict[str, Any]:
    hint = 'give a C2PA SDK settings file: {"trust": {"trust_anchors": "-----BEGIN CERTIFICATE…"}}'
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise OptionError(f"{path} is not JSON: {error}", hint=hint) from error
    if not isinstance(document, dict) or not isinstance(section := document.get("trust"), dict):
        raise OptionError(f"{path} has no trust section", hint=hint)
    # What follows has no effect in the library, and it says nothing: then a verifier would have
    # another trust than its owner wrote down.
    if misplaced := [key for key in (*_SECTION_KEYS, "allowed_list") if key in document]:
        raise OptionError(
            f"{path}: {', '.join(misplaced)} outside the trust section has no effect",
            hint='move it into "trust"',
        )
    if "allowed_list" in section:
        raise OptionError(
            f"{path}: trust.allowed_list has no effect there",
            hint='move it into a list: {"trust": {"anchors": [{"trust_kind": "manifest", '
            '"trust_uri": "ours", "allowed_list": "-----BEGIN CERTIFICATE…"}]}}',
        )
    if section.pop("verify_trust_list", True) is not True:
        raise OptionError(
            f"{path}: trust.verify_trust_list cannot be switched off",
            hint="remove it; signers that are not trusted are reported as valid",
        )
    return section


def _with_section(trust: TrustSettings, section: Any, *, where: str) -> TrustSettings:
    _check_keys(section, _SECTION_KEYS, where=f"{where}: trust")
    lists = section.get("anchors", [])
    if not isinstance(lists, list):
        raise OptionError(f"{where}: trust.anchors is not a list", hint="write […] around it")
    anchors = [
        _checked_pem(_text(section, key, where=f"{where}: trust"), where=f"{where}: trust.{key}")
        for key in ("trust_anchors", "user_anchors")
        if key in section
    ]
    trust = replace(
        trust,
        anchors_pem=(*trust.anchors_pem, *anchors),
        extra_ekus=(*trust.extra_ekus, *_oids(section, where=f"{where}: trust")),
    )
    for number, entry in enumerate(lists):
        trust = _with_list(trust, entry, where=f"{where}: trust.anchors[{number}]")
    return trust


def _with_list(trust: TrustSettings, entry: Any, *, where: str) -> TrustSettings:
    _check_keys(entry, _ENTRY_KEYS, where=where)
    kind = entry.get("trust_kind")
    if kind != "manifest":
        # Measured: the library takes the anchors of every kind of list for signers' anchors, so a
        # time-stamp authority listed here could vouch for whoever it sold a certificate to.
        raise OptionError(
            f"{where}: a list of the kind {kind!r} would vouch for signers, too",
            hint='remove it, or make it "manifest" if that is meant',
        )
    found = {
        key: (_checked_pem(_text(entry, key, where=where), where=f"{where}.{key}"),)
        for key in ("trust_anchors", "allowed_list")
        if entry.get(key)
    }
    anchors, allowed = found.get("trust_anchors", ()), found.get("allowed_list", ())
    return replace(
        trust,
        anchors_pem=(*trust.anchors_pem, *anchors),
        allowed_pem=(*trust.allowed_pem, *allowed),
        extra_ekus=(*trust.extra_ekus, *_oids(entry, where=where)),
    )


def _check_keys(section: Any, known: tuple[str, ...], *, where: str) -> None:
    if not isinstance(section, dict):
        raise OptionError(f"{where} is not an object", hint=f"known in it: {', '.join(known)}")
    if unknown := sorted(set(section) - set(known)):
        raise OptionError(
            f"{where}: unknown: {', '.join(unknown)}", hint=f"known: {', '.join(known)}"
        )


def _text(section: dict[str, Any], key: str, *, where: str) -> bytes:
    value = section[key]
    if not isinstance(value, str):
        raise OptionError(f"{where}.{key} is not text", hint="give PEM or OIDs as one text")
    return value.encode()


def _oids(section: dict[str, Any], *, where: str) -> list[str]:
    if "trust_config" not in section:
        return []
    text = _text(section, "trust_config", where=where).decode()
    lines = [line.split("//")[0].strip() for line in text.splitlines()]
    oids = [line for line in lines if line]
    for oid in oids:
        if not _OID.fullmatch(oid):
            raise OptionError(
                f"{where}.trust_config: {oid!r} is not an OID", hint="one OID a line: 1.3.6.1…"
            )
    return oids


def _checked_pem(pem: bytes, *, where: str) -> bytes:
    try:
        parse_certificates(pem, where=where)
    except IdentityError as error:
        raise OptionError(error.message, hint=error.hint) from error
    return pem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputMissing(f"{path} does not exist", hint="check the path") from error
    except OSError as error:
        raise InputForbidden(
            f"cannot read {path}: {error.strerror}", hint="check its permissions"
        ) from error

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
_SECTION_KEYS = ("trust_anchors", "user_anchors", "allowed_list", "trust_config")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """Whom to trust.

    ``anchors_pem``: roots and intermediates, each item one or more PEM certificates; they also
    vouch for time-stamps. ``allowed_pem``: signers' own certificates, trusted without a chain.
    ``extra_ekus``: OIDs of further certificate uses that may sign. ``use_default``: whether
    anchors shipped with everyframe count (this version ships none).
    """

    anchors_pem: tuple[bytes, ...] = ()
    allowed_pem: tuple[bytes, ...] = ()
    extra_ekus: tuple[str, ...] = ()
    use_default: bool = True

    def with_anchor(self, pem: bytes | None) -> TrustSettings:
        """These settings and one more anchor, such as ``Identity.trust_anchor``; None adds none."""
        return self if pem is None else replace(self, anchors_pem=(*self.anchors_pem, pem))


def load_trust(
    *,
    settings_files: Iterable[Path] = (),
    anchor_files: Iterable[Path] = (),
    use_default: bool = True,
) -> TrustSettings:
    """Trust from the ``trust`` sections of C2PA SDK settings (JSON) and from PEM files.

    Raises :class:`OptionError` for a file that is not what it should be or says what would have no
    effect, :class:`InputMissing` and :class:`InputForbidden` for one that cannot be read.
    """
    anchors = [_checked_pem(_read(path), where=str(path)) for path in anchor_files]
    allowed: list[bytes] = []
    ekus: list[str] = []
    for path in settings_files:
        section = _trust_section(path)
        anchors += [
            _checked_pem(section[key].encode(), where=f"{path}: trust.{key}")
            for key in ("trust_anchors", "user_anchors")
            if key in section
        ]
        if "allowed_list" in section:
            pem = section["allowed_list"].encode()
            allowed.append(_checked_pem(pem, where=f"{path}: trust.allowed_list"))
        ekus += _oids(section.get("trust_config", ""), where=f"{path}: trust.trust_config")
    return TrustSettings(
        anchors_pem=tuple(anchors),
        allowed_pem=tuple(allowed),
        extra_ekus=tuple(ekus),
        use_default=use_default,
    )


def library_settings(trust: TrustSettings, *, network_hosts: Sequence[str] = ()) -> dict[str, Any]:
    """The settings given to the C2PA library: nothing is fetched, but from ``network_hosts``."""
    section: dict[str, str] = {"trust_config": "\n".join((*EKU_OIDS, *trust.extra_ekus))}
    if trust.anchors_pem:
        section["trust_anchors"] = b"\n".join(trust.anchors_pem).decode()
    if trust.allowed_pem:
        section["allowed_list"] = b"\n".join(trust.allowed_pem).decode()
    return {
        "version": 1,
        "trust": section,
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


def _trust_section(path: Path) -> dict[str, str]:
    hint = 'give a C2PA SDK settings file: {"trust": {"trust_anchors": "-----BEGIN CERTIFICATE…"}}'
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise OptionError(f"{path} is not JSON: {error}", hint=hint) from error
    if not isinstance(document, dict) or not isinstance(section := document.get("trust"), dict):
        raise OptionError(f"{path} has no trust section", hint=hint)
    # Ignoring these silently would leave a verifier with another trust than its owner wrote down.
    if misplaced := [key for key in _SECTION_KEYS if key in document]:
        raise OptionError(
            f"{path}: {', '.join(misplaced)} outside the trust section has no effect",
            hint='move it into "trust"',
        )
    if unknown := sorted(set(section) - set(_SECTION_KEYS) - {"verify_trust_list"}):
        raise OptionError(
            f"{path}: unknown in the trust section: {', '.join(unknown)}",
            hint=f"known: {', '.join(_SECTION_KEYS)}",
        )
    if section.get("verify_trust_list", True) is not True:
        raise OptionError(
            f"{path}: trust.verify_trust_list cannot be switched off",
            hint="remove it; signers that are not trusted are reported as valid",
        )
    values = {key: value for key, value in section.items() if key in _SECTION_KEYS}
    if wrong := sorted(key for key, value in values.items() if not isinstance(value, str)):
        raise OptionError(f"{path}: trust.{wrong[0]} is not text", hint=hint)
    return values


def _oids(text: str, *, where: str) -> list[str]:
    lines = [line.split("//")[0].strip() for line in text.splitlines()]
    oids = [line for line in lines if line]
    for oid in oids:
        if not _OID.fullmatch(oid):
            raise OptionError(f"{where}: {oid!r} is not an OID", hint="one OID a line: 1.3.6.1…")
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

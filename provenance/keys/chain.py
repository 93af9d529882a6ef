"""From a signer's certificate up to an authority that is trusted here (RFC 5280, section 6.1).

Only what signatures of statements need: names, signatures, times, who may issue and who may sign.
Revocation is not asked for: nothing here fetches anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from provenance.errors import IdentityError
from provenance.keys.certificates import SIGNER_EKUS, parse_certificates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from provenance.trust import TrustSettings

ChainFault: TypeAlias = Literal["unfit", "expired", "untrusted"]
_DEEPEST = 8


def chain_fault(
    certificates: Sequence[x509.Certificate], trust: TrustSettings, *, at: datetime
) -> tuple[ChainFault, str] | None:
    """Why the first of ``certificates`` cannot be trusted to have signed at ``at``, or None.

    The others are its issuers as the signer gave them, in any order.
    """
    leaf = certificates[0]
    unfit = _unfit(leaf, trust)
    if unfit is not None:
        return "unfit", unfit
    allowed = _parsed(trust.allowed_pem)
    anchors = _parsed(trust.anchors_pem)
    if leaf in allowed:
        return _expired(leaf, at)
    current, used = leaf, 0
    while used < _DEEPEST:
        late = _expired(current, at)
        if late is not None:
            return late
        issuer = _issuer(current, anchors, used)
        if issuer is not None:
            return _expired(issuer, at)
        above = _issuer(current, certificates[1:], used)
        if above is None or above == current:
            break
        current, used = above, used + 1
    return "untrusted", f"no authority that is trusted here vouches for {named(leaf)}"


def named(certificate: x509.Certificate) -> str:
    """The organisation in ``certificate``, else its whole name."""
    for kind in (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(kind):
            return str(attribute.value)
    return certificate.subject.rfc4514_string()


def _issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate], below: int
) -> x509.Certificate | None:
    """The one of ``candidates`` that issued ``certificate``, with ``below`` issuers under it."""
    for candidate in candidates:
        try:
            certificate.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        if _may_issue(candidate, below):
            return candidate
    return None


def _may_issue(certificate: x509.Certificate, below: int) -> bool:
    try:
        extensions = certificate.extensions
        limits = extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    deep_enough = limits.path_length is None or below <= limits.path_length
    return limits.ca and usage.key_cert_sign and deep_enough


def _unfit(leaf: x509.Certificate, trust: TrustSettings) -> str | None:
    extra = {x509.ObjectIdentifier(oid) for oid in trust.extra_ekus}
    try:
        extensions = leaf.extensions
        uses = set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return f"the certificate of {named(leaf)} does not say that it may sign"
    fitting = (
        uses & {*SIGNER_EKUS, *extra} and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses
    )
    if not fitting or not usage.digital_signature:
        return f"the certificate of {named(leaf)} is not for signing"
    return None


def _expired(certificate: x509.Certificate, at: datetime) -> tuple[ChainFault, str] | None:
    if certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return None
    span = (
        f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
    )
    return "expired", f"the certificate of {named(certificate)} is good from {span} only"


def _parsed(pems: Sequence[bytes]) -> list[x509.Certificate]:
    found: list[x509.Certificate] = []
    for pem in pems:
        try:
            found += parse_certificates(pem, where="trust")
        except IdentityError:
            continue  # the trust settings were checked when they were read
    return found

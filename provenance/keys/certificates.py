"""X.509 certificates for claim signing: making a development pair, judging a bought one.

The rules are those of the C2PA specification, "Credential types → X.509 certificates".
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from provenance.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Sequence

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
SIGNER_EKUS = (
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # documentSigning, RFC 9336
    ObjectIdentifier("1.3.6.1.4.1.311.76.59.1.9"),  # Microsoft's C2PA signing
    CLAIM_SIGNING,
)
"""A signer's certificate needs one of these uses."""

DEVELOPMENT_USES = (CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION)

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_DEVELOPMENT_NAME = "everyframe development"
_DEVELOPMENT_LIFE = timedelta(days=3650)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningPair:
    """A checked certificate chain with its private key, all PEM, as signing wants them.

    ``chain`` is leaf first and without the root; ``anchor`` is the root when it is known.
    ``algorithm``: es256, es384, es512, ps256 or ed25519. ``private_key`` is empty for a key that
    does not leave its device.
    """

    name: str
    algorithm: str
    chain: bytes
    private_key: bytes = field(repr=False)
    anchor: bytes | None


def development_pair(
    now: datetime, *, uses: Sequence[ObjectIdentifier] = DEVELOPMENT_USES
) -> SigningPair:
    """A new authority and an ES256 signer under it, good for ten years from ``now`` (aware).

    Nobody else trusts it: files signed with it verify as "valid" elsewhere, "trusted" only for
    those who were given the anchor. ``uses`` are its extended key usages.
    """
    start = now.astimezone(UTC).replace(microsecond=0) - _CLOCK_SKEW
    ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _DEVELOPMENT_NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, "everyframe development authority"),
        ]
    )
    leaf_name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _DEVELOPMENT_NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, "everyframe development signer"),
        ]
    )
    ca_identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def builder(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _DEVELOPMENT_LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_identifier),
                critical=False,
            )
        )

    ca = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        builder(leaf_name, leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(uses),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    return SigningPair(
        name=_DEVELOPMENT_NAME,
        algorithm="es256",
        chain=_pem(leaf),
        private_key=_private_pem(leaf_key),
        anchor=_pem(ca),
    )


def checked_pair(
    chain: bytes, private_key: bytes, *, anchor: bytes | None, now: datetime, where: str
) -> SigningPair:
    """``chain`` (PEM, leaf first) and ``private_key`` (PEM), found fit for signing C2PA claims.

    A root at the end of the chain is taken out of it and becomes the anchor. Raises
    :class:`IdentityError` that says what is wrong with the pair from ``where`` and what to ask
    the certificate authority for.
    """
    key = _load_key(private_key, where=where)
    leaf = parse_certificates(chain, where=where)[0]
    if leaf.public_key() != key.public_key():
        raise IdentityError(
            f"{where}: the private key does not fit the first certificate ({_subject(leaf)})",
            hint="put the signer's own certificate first, and give the key it was made for",
        )
    pair = checked_chain(chain, anchor=anchor, now=now, where=where)
    return replace(pair, private_key=_private_pem(key))


def checked_chain(chain: bytes, *, anchor: bytes | None, now: datetime, where: str) -> SigningPair:
    """As :func:`checked_pair` for a key that is kept elsewhere: the pair has no private key."""
    certificates = parse_certificates(chain, where=where)
    leaf = certificates[0]
    algorithm = _algorithm(leaf.public_key(), where=where)
    _check_issuers(certificates, where=where)
    _check_validity(certificates, now=now, where=where)
    _check_signer(leaf, where=where)
    if len(certificates) > 1 and _is_self_signed(certificates[-1]):
        # The specification keeps the root out of the signature: verifiers have their own copy.
        anchor = anchor or _pem(certificates[-1])
        certificates = certificates[:-1]
    if anchor is not None:
        parse_certificates(anchor, where=f"{where}: trust anchor")
    return SigningPair(
        name=_organisation(leaf),
        algorithm=algorithm,
        chain=b"".join(_pem(certificate) for certificate in certificates),
        private_key=b"",
        anchor=anchor,
    )


def expiry(pem: bytes) -> datetime:
    """When the first certificate in ``pem`` that expires does so."""
    certificates = parse_certificates(pem, where="certificate")
    return min(certificate.not_valid_after_utc for certificate in certificates)


def parse_certificates(pem: bytes, *, where: str) -> list[x509.Certificate]:
    """The certificates in ``pem``, at least one; raises :class:`IdentityError` naming ``where``."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise IdentityError(
            f"{where}: no readable PEM certificate: {error}",
            hint="give text with -----BEGIN CERTIFICATE----- blocks, the signer's first; "
            "convert DER with: openssl x509 -inform der -in FILE -out FILE.pem",
        ) from error


def describe(pem: bytes) -> dict[str, str]:
    """What a person wants to know of the first certificate in ``pem``: nothing secret."""
    leaf = parse_certificates(pem, where="certificate")[0]
    return {
        "subject": _subject(leaf),
        "issuer": leaf.issuer.rfc4514_string(),
        "serial": f"{leaf.serial_number:x}",
        "not_before": leaf.not_valid_before_utc.isoformat(),
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "sha256": leaf.fingerprint(hashes.SHA256()).hex(),
    }


def _load_key(pem: bytes, *, where: str) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise IdentityError(
            f"{where}: the private key is encrypted",
            hint="decrypt it into a file that only you can read: "
            "openssl pkey -in KEY.pem -out PLAIN.pem",
        ) from error
    except ValueError as error:
        raise IdentityError(
            f"{where}: no readable PEM private key: {error}",
            hint="give text with a -----BEGIN PRIVATE KEY----- block (PKCS#8)",
        ) from error
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        return key
    raise IdentityError(
        f"{where}: a {type(key).__name__} cannot sign C2PA claims",
        hint="use an EC key on P-256, P-384 or P-521, an RSA key or an Ed25519 key",
    )


def _algorithm(key: object, *, where: str) -> str:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise IdentityError(
                f"{where}: an RSA key of {key.key_size} bits is too short",
                hint="C2PA asks for at least 2048 bits; better take an EC key on P-256",
            )
        return "ps256"
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise IdentityError(
            f"{where}: a {type(key).__name__} cannot check C2PA claims",
            hint="use an EC key on P-256, P-384 or P-521, an RSA key or an Ed25519 key",
        )
    if key.curve.name not in _CURVES:
        raise IdentityError(
            f"{where}: C2PA does not sign on the curve {key.curve.name}",
            hint="use an EC key on P-256, P-384 or P-521",
        )
    return _CURVES[key.curve.name]


def _check_issuers(certificates: list[x509.Certificate], *, where: str) -> None:
    if _is_self_signed(certificates[0]):
        raise IdentityError(
            f"{where}: the signer's certificate is self-signed, which C2PA refuses",
            hint="for trials use: ltx-keys init; for real files buy a claim-signing certificate",
        )
    for certificate, issuer in itertools.pairwise(certificates):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise IdentityError(
                f"{where}: {_subject(certificate)} was not issued by the next certificate, "
                f"{_subject(issuer)}",
                hint="order the chain from the signer upwards: each certificate before its issuer",
            ) from error


def _check_validity(certificates: list[x509.Certificate], *, now: datetime, where: str) -> None:
    for certificate in certificates:
        if now > certificate.not_valid_after_utc:
            raise IdentityError(
                f"{where}: {_subject(certificate)} expired on "
                f"{certificate.not_valid_after_utc:%Y-%m-%d}",
                hint="renew it and run ltx-keys import again; files signed before stay as they are",
            )
        if now < certificate.not_valid_before_utc:
            raise IdentityError(
                f"{where}: {_subject(certificate)} is not valid before "
                f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                hint="check this machine's clock",
            )


def _check_signer(leaf: x509.Certificate, *, where: str) -> None:
    extensions = leaf.extensions
    try:
        uses = set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        uses = set()
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses or not uses & set(SIGNER_EKUS):
        raise IdentityError(
            f"{where}: the extended key usage of {_subject(leaf)} does not allow claim signing",
            hint="ask the authority for the use c2pa-kp-claimSigning "
            f"({CLAIM_SIGNING.dotted_string}) or emailProtection, and not anyExtendedKeyUsage",
        )
    try:
        signs = extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        signs = False
    if not signs:
        raise IdentityError(
            f"{where}: the key usage of {_subject(leaf)} lacks digitalSignature",
            hint="ask the authority for a certificate with the key usage digitalSignature",
        )
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise IdentityError(
                f"{where}: {_subject(leaf)} is a certificate authority's own certificate",
                hint="sign with a certificate that this authority issued, never with its own",
            )
    except x509.ExtensionNotFound:
        pass  # no basic constraints: not an authority
    try:
        extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound as error:
        raise IdentityError(
            f"{where}: {_subject(leaf)} lacks the authority key identifier that C2PA asks for",
            hint="ask the authority for a certificate with that extension",
        ) from error


def _is_self_signed(certificate: x509.Certificate) -> bool:
    if certificate.issuer != certificate.subject:
        return False
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _organisation(certificate: x509.Certificate) -> str:
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(kind):
            value = attribute.value
            return value if isinstance(value, str) else value.decode(errors="replace")
    return _subject(certificate)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

"""Signed statements: JSON Web Signatures in the compact form (RFC 7515), by a signing identity.

The header carries the signer's certificates (``x5c``), so that whoever trusts their authority can
verify a statement with nothing else in hand. Algorithms: ES256, ES384, ES512, PS256 (RFC 7518) and
EdDSA with Ed25519 (RFC 8037). "none", keys inside of a header and links to keys are never followed.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from provenance.errors import IdentityError
from provenance.keys.certificates import parse_certificates

if TYPE_CHECKING:
    from provenance.keys.identity import Identity

MAX_BYTES = 16 << 20
_MOST_CERTIFICATES = 10
_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
# Name: bytes of each of the two numbers, hash, curve.
_ECDSA: dict[str, tuple[int, hashes.HashAlgorithm, str]] = {
    "ES256": (32, hashes.SHA256(), "secp256r1"),
    "ES384": (48, hashes.SHA384(), "secp384r1"),
    "ES512": (66, hashes.SHA512(), "secp521r1"),
}


class MalformedStatement(ValueError):
    """Not a statement in this form; the message says why."""


class WrongSignature(ValueError):
    """The signature is not that of these words by the certificate that comes with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement whose signature fits its own certificates; whether to trust those is open.

    ``certificates``: the signer's first, then its issuers.
    """

    payload: bytes
    kind: str
    certificates: tuple[x509.Certificate, ...]


def sign_statement(payload: bytes, identity: Identity, *, kind: str) -> str:
    """``payload`` signed by ``identity``; ``kind`` is the header's ``typ``.

    Raises :class:`~provenance.errors.IdentityError` for an identity that cannot sign it.
    """
    certificates = parse_certificates(identity.certificate_chain, where=str(identity.directory))
    algorithm = {"ed25519": "EdDSA"}.get(identity.algorithm, identity.algorithm.upper())
    header = {
        "alg": algorithm,
        "typ": kind,
        "x5c": [
            base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode()
            for one in certificates
        ],
    }
    words = f"{_encoded(json.dumps(header).encode())}.{_encoded(payload)}"
    return f"{words}.{_encoded(_signature(words.encode(), identity, algorithm))}"


def read_statement(text: str, *, kind: str) -> Statement:
    """The statement in ``text``, whose signature is verified with its own first certificate.

    Raises :class:`MalformedStatement` or :class:`WrongSignature`.
    """
    if len(text) > MAX_BYTES:
        raise MalformedStatement(f"it is longer than {MAX_BYTES} characters")
    parts = text.strip().split(".")
    if len(parts) != 3:
        raise MalformedStatement("it is not three parts with dots between them")
    header_bytes, payload, signature = (_decoded(part) for part in parts)
    try:
        header = json.loads(header_bytes)
    except (ValueError, RecursionError) as error:
        raise MalformedStatement("its header is not JSON") from error
    if not isinstance(header, dict) or "crit" in header:
        raise MalformedStatement("its header asks for what is not known here")
    if header.get("typ") != kind:
        raise MalformedStatement(f"it is not of the kind {kind}")
    certificates = _certificates(header.get("x5c"))
    words = ".".join(parts[:2]).encode()
    _verify(words, signature, certificates[0], str(header.get("alg")))
    return Statement(payload=payload, kind=kind, certificates=certificates)


def _signature(words: bytes, identity: Identity, algorithm: str) -> bytes:
    if identity.signer is not None:
        return identity.signer.sign(words)  # COSE and JOSE have signatures in the same form
    key = serialization.load_pem_private_key(identity.private_key, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size, digest, _ = _ECDSA[algorithm]
        numbers = decode_dss_signature(key.sign(words, ec.ECDSA(digest)))
        return b"".join(number.to_bytes(size, "big") for number in numbers)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(words, _PSS, hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(words)
    raise IdentityError(
        f"{identity.directory}: a key of this type signs no statements",
        hint="use an EC, RSA or Ed25519 key",
    )


def _verify(words: bytes, signature: bytes, signer: x509.Certificate, algorithm: str) -> None:
    """The key decides which algorithms are possible, never the header alone."""
    try:
        key = signer.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MalformedStatement("its certificate has a key of an unknown kind") from error
    wrong = WrongSignature("the signature does not fit what was signed")
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _ECDSA:
            size, digest, curve = _ECDSA[algorithm]
            if key.curve.name != curve or len(signature) != 2 * size:
                raise wrong
            numbers = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
            key.verify(encode_dss_signature(*numbers), words, ec.ECDSA(digest))
            return
        if isinstance(key, rsa.RSAPublicKey) and algorithm == "PS256":
            key.verify(signature, words, _PSS, hashes.SHA256())
            return
        if isinstance(key, ed25519.Ed25519PublicKey) and algorithm in {"EdDSA", "Ed25519"}:
            key.verify(signature, words)
            return
    except InvalidSignature as error:
        raise wrong from error
    raise MalformedStatement("its algorithm does not fit its certificate")


def _certificates(values: Any) -> tuple[x509.Certificate, ...]:
    if not isinstance(values, list) or not 0 < len(values) <= _MOST_CERTIFICATES:
        raise MalformedStatement("its header has no certificates, or too many")
    try:
        return tuple(
            x509.load_der_x509_certificate(base64.b64decode(value, validate=True))
            for value in values
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise MalformedStatement("its certificates cannot be read") from error


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise MalformedStatement("it is not in base64url") from error
    if _encoded(data) != part:  # spare bits: the same words in another spelling
        raise MalformedStatement("it is not in base64url")
    return data

"""Who makes the signature: a key in a file, or anything that can be asked for one.

A key management service or a hardware module keeps the key and signs what it is given; so does
whatever else fulfils :class:`Signer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from provenance.errors import IdentityError
from provenance.keys.certificates import parse_certificates

if TYPE_CHECKING:
    from collections.abc import Callable

HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "es256": hashes.SHA256,
    "es384": hashes.SHA384,
    "es512": hashes.SHA512,
    "ps256": hashes.SHA256,
}
"""What each algorithm hashes with; Ed25519 takes the message as it is."""

_PROBE = b"everyframe: does this key belong to this certificate?"


class Signer(Protocol):
    """A key that is kept elsewhere. It is asked in the process that signs, once for each file."""

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``, as COSE has it (RFC 9053): r and s side by side for ECDSA,
        PSS with a salt as long as the digest for RSA, 64 bytes for Ed25519.

        Any exception ends the signing of the file, and is reported as its cause.
        """


def check_signer(signer: Signer, chain: bytes, algorithm: str, *, where: str) -> None:
    """Lets ``signer`` sign something and checks that with the first certificate in ``chain``.

    Raises :class:`IdentityError` when they do not belong together, and what ``signer`` raises.
    """
    public = parse_certificates(chain, where=where)[0].public_key()
    signature = signer.sign(_PROBE)
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            numbers = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            der = encode_dss_signature(*numbers)
            public.verify(der, _PROBE, ec.ECDSA(HASHES[algorithm]()))
        elif isinstance(public, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            public.verify(signature, _PROBE, pss, hashes.SHA256())
        else:
            assert isinstance(public, ed25519.Ed25519PublicKey)
            public.verify(signature, _PROBE)
    except InvalidSignature as error:
        raise IdentityError(
            f"{where}: what the key signs does not verify with the certificate",
            hint="name the key that the certificate was made for, and put its certificate first",
        ) from error

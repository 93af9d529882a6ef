"""The library's signer for an identity, and what went wrong inside of a signer of ours.

The library turns every exception of a callback into "COSE signature invalid"; so it is kept here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import c2pa

from provenance.errors import EveryframeError, ManifestError

if TYPE_CHECKING:
    from provenance.keys import Identity, Signer

_ALGORITHMS = {
    "es256": c2pa.C2paSigningAlg.ES256,
    "es384": c2pa.C2paSigningAlg.ES384,
    "es512": c2pa.C2paSigningAlg.ES512,
    "ps256": c2pa.C2paSigningAlg.PS256,
    "ed25519": c2pa.C2paSigningAlg.ED25519,
}


class SigningCall:
    """``signer`` signs one file as ``identity``; ``time_url`` answers for a time-stamp."""

    def __init__(self, identity: Identity, *, time_url: str | None) -> None:
        self._name = identity.name
        self._error: BaseException | None = None
        if identity.signer is None:
            self.signer = c2pa.Signer.from_info(
                c2pa.C2paSignerInfo(
                    identity.algorithm.encode(),
                    identity.certificate_chain,
                    identity.private_key,
                    time_url.encode() if time_url else None,
                )
            )
            return
        self.signer = c2pa.Signer.from_callback(
            self._asking(identity.signer),
            _ALGORITHMS[identity.algorithm],
            identity.certificate_chain.decode(),
            time_url,
        )

    def raise_own(self) -> None:
        """Raises what the identity's signer raised, if it did; else does nothing.

        An error of ours stays what it is; any other becomes a :class:`ManifestError`.
        """
        error = self._error
        if error is None:
            return
        if isinstance(error, EveryframeError) or not isinstance(error, Exception):
            raise error
        raise ManifestError(
            f"the signer of {self._name} failed: {type(error).__name__}: {error}",
            hint="this is the message of the key service itself",
        ) from error

    def _asking(self, signer: Signer) -> object:
        def sign(data: bytes) -> bytes:
            try:
                return signer.sign(data)
            except BaseException as error:  # noqa: BLE001 it is raised again by raise_own
                self._error = error
                return b""  # for the library: no signature

        return sign

"""Keys in hardware modules: PKCS#11, named by a URI as RFC 7512 writes it.

::

    pkcs11:token=studio;object=c2pa?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/pin

``token`` (or ``serial``) and ``object`` (or ``id``) say which key, ``module-path`` is the driver of
the device. The PIN is read from the file that ``pin-source`` names, else from
``$LTX_PKCS11_PIN``; it never stands in the URI itself, because that is kept with the settings.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_to_bytes

from cryptography.hazmat.primitives import hashes

from provenance.errors import IdentityError, PackageMissing
from provenance.keys.directory import read_secret
from provenance.keys.signer import HASHES

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "pkcs11:"
PIN_VARIABLE = "LTX_PKCS11_PIN"
_PATH_NAMES = ("token", "serial", "object", "id", "type")
_QUERY_NAMES = ("module-path", "pin-source")
_FORM = "pkcs11:token=NAME;object=NAME?module-path=/path/of/driver.so&pin-source=file:/path"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLocation:
    """Where a key is: ``token`` and ``label`` are names, ``serial`` the token's and ``key_id`` the
    key's own; None where the URI does not say.
    """

    module: Path
    token: str | None
    serial: bytes | None
    label: str | None
    key_id: bytes | None
    pin_file: Path | None


def parse_uri(uri: str) -> KeyLocation:
    """The location that ``uri`` names; raises :class:`IdentityError` for what it cannot mean."""
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    names = _pairs(path, ";", _PATH_NAMES, uri)
    extra = _pairs(query, "&", _QUERY_NAMES, uri)
    module, source = extra.get("module-path"), extra.get("pin-source")
    if module is None or not ({"token", "serial"} & set(names) and {"object", "id"} & set(names)):
        raise IdentityError(f"{uri} does not name one key of one module", hint=_FORM)
    if source is not None and not source.startswith(("file:/", "/")):
        raise IdentityError(f"{uri}: the PIN can only be read from a file", hint=_FORM)
    pin_file = None if source is None else Path(unquote(source.removeprefix("file:")))
    return KeyLocation(
        module=Path(unquote(module)),
        token=_name(names, "token"),
        serial=unquote_to_bytes(names["serial"]) if "serial" in names else None,
        label=_name(names, "object"),
        key_id=unquote_to_bytes(names["id"]) if "id" in names else None,
        pin_file=pin_file,
    )


class Pkcs11Signer:
    """A :class:`~provenance.keys.signer.Signer` whose key stays in a module.

    ``algorithm``: es256, es384, es512, ps256 or ed25519. The module is opened for each signature,
    so that nothing of it has to survive a fork or a device that was taken out and put back.
    """

    def __init__(
        self, location: KeyLocation, algorithm: str, *, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._location = location
        self._algorithm = algorithm
        self._environ = environ

    def sign(self, data: bytes) -> bytes:
        """Raises :class:`IdentityError` that says what the module said."""
        try:
            import pkcs11
        except ImportError as error:
            raise PackageMissing(
                "python-pkcs11 is not installed", hint="install everyframe[hsm]"
            ) from error
        place, pin = self._location, _pin(self._location, self._environ)
        try:
            token = pkcs11.lib(os.fspath(place.module)).get_token(
                **_given(token_label=place.token, token_serial=place.serial)
            )
            with token.open(user_pin=pin) as session:
                key: Any = session.get_key(
                    object_class=pkcs11.ObjectClass.PRIVATE_KEY,
                    **_given(label=place.label, id=place.key_id),
                )
                return bytes(key.sign(*_message(data, self._algorithm), **self._mechanism(pkcs11)))
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            said = " ".join(filter(None, (type(error).__name__, str(error))))
            raise IdentityError(
                f"the module {place.module} did not sign with {place.label or place.key_id!r} of "
                f"{place.token or place.serial!r}: {said}",
                hint="check token, key and PIN: pkcs11-tool --module DRIVER --list-objects --login",
            ) from error

    def _mechanism(self, pkcs11: Any) -> dict[str, Any]:
        mechanism = pkcs11.Mechanism
        if self._algorithm == "ed25519":
            return {"mechanism": mechanism.EDDSA}
        if self._algorithm == "ps256":
            parameters = (mechanism.SHA256, pkcs11.MGF.SHA256, hashes.SHA256.digest_size)
            return {"mechanism": mechanism.SHA256_RSA_PKCS_PSS, "mechanism_param": parameters}
        return {"mechanism": mechanism.ECDSA}  # the digest is ours: all modules have this one


def _message(data: bytes, algorithm: str) -> tuple[bytes]:
    if not algorithm.startswith("es"):
        return (data,)
    digest = hashes.Hash(HASHES[algorithm]())
    digest.update(data)
    return (digest.finalize(),)


def _pin(location: KeyLocation, environ: Mapping[str, str]) -> str | None:
    if location.pin_file is None:
        return environ.get(PIN_VARIABLE)
    content = read_secret(location.pin_file)
    if content is None:
        raise IdentityError(
            f"{location.pin_file} with the PIN is missing",
            hint=f"write it there (chmod 600), or set {PIN_VARIABLE} and leave out pin-source",
        )
    return content.decode(errors="replace").strip()


def _pairs(text: str, separator: str, known: tuple[str, ...], uri: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name in ("pin-value", "pin"):
            raise IdentityError(
                "the PIN stands in the URI of the key",
                hint="give pin-source=file:/path with the PIN in it: settings are no secret",
            )
        if name not in known or not value:
            raise IdentityError(f"{uri}: cannot use {part!r}", hint=_FORM)
        found[name] = value
    return found


def _name(names: Mapping[str, str], key: str) -> str | None:
    return unquote(names[key]) if key in names else None


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

"""Signing identities: who signs, with which certificate, carrier key and prompt key.

In the keys directory::

    identity/certificate.pem   the signer's chain, leaf first, without the root
             private.pem       its private key (0600)
             prompt.key        the key of prompt digests, 64 hex digits (0600)
             anchor.pem        the root, where it is known
             identity.json     whether it is for development only, and the time-stamp authority
    carriers.json              private carrier keys (0600), see provenance.keys.carrier

``identity/`` appears whole by one rename. An imported identity takes over the prompt key, so that
digests of the same prompt stay comparable; what it replaces is kept as ``identity.replaced-N``.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import IdentityError
from provenance.keys.carrier import CarrierKey, current_carrier_key
from provenance.keys.certificates import SigningPair, checked_pair, development_pair
from provenance.keys.directory import locked, parse_document, read_secret, write_secret

if TYPE_CHECKING:
    from collections.abc import Callable

PROMPT_KEY_BYTES = 32
_SCHEMA = "everyframe.identity/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """All that marking and signing need to know about who does it.

    ``name`` is the organisation that verifiers show as issuer. ``certificate_chain`` is PEM, leaf
    first; ``trust_anchor`` the PEM of its root, for verifying own files. ``time_authority`` is the
    URL of an RFC 3161 time-stamp authority; where it is set, a file that it does not stamp is not
    signed at all.
    """

    name: str
    certificate_chain: bytes
    private_key: bytes = field(repr=False)
    algorithm: str
    carrier_key: CarrierKey
    prompt_key: bytes = field(repr=False)
    development: bool
    directory: Path
    trust_anchor: bytes | None = None
    time_authority: str | None = None


def load_identity(directory: Path, *, now: datetime | None = None) -> Identity:
    """The identity in ``directory``, checked as of ``now`` (default: this moment).

    Raises :class:`IdentityError` with advice: none there, the key does not fit the certificate,
    expired, not for claim signing, files damaged or open to others.
    """
    if not _home(directory).is_dir():
        raise IdentityError(
            f"no signing identity in {directory}",
            hint="make one for trials with: ltx-keys init; or bring your own: ltx-keys import",
        )
    with locked(directory, create=False):
        return _load(directory, now or datetime.now(UTC))


def create_development_identity(directory: Path, *, now: datetime) -> Identity:
    """Makes an own authority, a signer under it and a prompt key; marks under the public key.

    Raises :class:`IdentityError` when the directory has an identity already or cannot be written.
    """
    with locked(directory, create=True):
        if _home(directory).exists():
            raise IdentityError(
                f"{directory} already has a signing identity",
                hint="see it with: ltx-keys show; replace it with: ltx-keys import",
            )
        _install(directory, development_pair(now), development=True, time_authority=None)
        return _load(directory, now)


def ensure_identity(directory: Path, *, now: datetime) -> tuple[Identity, bool]:
    """The identity in ``directory``; a development one is made when there is none.

    The second value says whether it was made just now. Many processes may ask at once: one makes
    it, all get it.
    """
    if _home(directory).is_dir():
        return load_identity(directory, now=now), False
    with locked(directory, create=True):
        created = not _home(directory).exists()
        if created:
            _install(directory, development_pair(now), development=True, time_authority=None)
        return _load(directory, now), created


def import_identity(
    directory: Path,
    certificate_chain: bytes,
    private_key: bytes,
    *,
    now: datetime,
    trust_anchor: bytes | None = None,
    time_authority: str | None = None,
) -> Identity:
    """Installs a bought certificate (PEM chain, leaf first) and its private key (PEM).

    Keys: EC on P-256, P-384 or P-521, RSA of at least 2048 bits (signs PS256), Ed25519. Raises
    :class:`IdentityError` with advice when C2PA would refuse the pair; nothing is changed then.
    """
    pair = checked_pair(
        certificate_chain, private_key, anchor=trust_anchor, now=now, where="imported identity"
    )
    if time_authority is not None and not time_authority.startswith(("http://", "https://")):
        raise IdentityError(
            f"{time_authority!r} is not the URL of a time-stamp authority",
            hint="give an http:// or https:// URL",
        )
    with locked(directory, create=True):
        _install(directory, pair, development=False, time_authority=time_authority)
        return _load(directory, now)


def _home(directory: Path) -> Path:
    return directory / "identity"


def _install(
    directory: Path,
    pair: SigningPair,
    *,
    development: bool,
    time_authority: str | None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> None:
    home = _home(directory)
    prompt_key = random(PROMPT_KEY_BYTES)
    if home.exists():
        prompt_key = _read_prompt_key(home)
    settings = {
        "schema": _SCHEMA,
        "development": development,
        "time_authority": time_authority,
    }
    staging = Path(tempfile.mkdtemp(dir=directory, prefix=".new-"))  # 0700
    try:
        write_secret(staging / "certificate.pem", pair.chain)
        write_secret(staging / "private.pem", pair.private_key)
        write_secret(staging / "prompt.key", prompt_key.hex().encode() + b"\n")
        write_secret(staging / "identity.json", json.dumps(settings, indent=2).encode() + b"\n")
        if pair.anchor is not None:
            write_secret(staging / "anchor.pem", pair.anchor)
        if home.exists():
            home.rename(_free_name(directory))
        staging.rename(home)
    except OSError as error:
        raise IdentityError(
            f"cannot write the identity into {directory}: {error.strerror}",
            hint="choose a directory that you can write with --keys DIR or LTX_KEYS",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _free_name(directory: Path) -> Path:
    number = 1
    while (candidate := directory / f"identity.replaced-{number}").exists():
        number += 1
    return candidate


def _load(directory: Path, now: datetime) -> Identity:
    home = _home(directory)
    development, time_authority = _read_settings(home)
    pair = checked_pair(
        _read_required(home / "certificate.pem"),
        _read_required(home / "private.pem"),
        anchor=read_secret(home / "anchor.pem"),
        now=now,
        where=str(home),
    )
    return Identity(
        name=pair.name,
        certificate_chain=pair.chain,
        private_key=pair.private_key,
        algorithm=pair.algorithm,
        carrier_key=current_carrier_key(directory),
        prompt_key=_read_prompt_key(home),
        development=development,
        directory=directory,
        trust_anchor=pair.anchor,
        time_authority=time_authority,
    )


def _read_settings(home: Path) -> tuple[bool, str | None]:
    path = home / "identity.json"
    try:
        settings = parse_document(_read_required(path), schema=_SCHEMA)
        return bool(settings["development"]), settings["time_authority"]
    except (ValueError, KeyError) as error:
        raise IdentityError(
            f"{path} is damaged: {error}", hint="restore the keys directory from a backup"
        ) from error


def _read_prompt_key(home: Path) -> bytes:
    path = home / "prompt.key"
    try:
        key = bytes.fromhex(_read_required(path).decode())
    except ValueError:
        key = b""
    if len(key) != PROMPT_KEY_BYTES:
        raise IdentityError(
            f"{path} is damaged: not {2 * PROMPT_KEY_BYTES} hex digits",
            hint="restore the keys directory from a backup",
        )
    return key


def _read_required(path: Path) -> bytes:
    content = read_secret(path)
    if content is None:
        raise IdentityError(
            f"{path} is missing",
            hint="restore the keys directory from a backup, or start a new one",
        )
    return content

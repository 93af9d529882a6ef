"""Signing identities: who signs, with which certificate, carrier key and prompt key.

In the keys directory::

    identity/certificate.pem   the signer's chain, leaf first, without the root
             private.pem       its private key (0600), unless that is in a module
             prompt.key        the key of prompt digests, 64 hex digits (0600)
             anchor.pem        the root, where it is known
             identity.json     whether it is for development only, the time-stamp authority, and
                               the URI of a key that is in a module
    carriers.json              private carrier keys (0600), see provenance.keys.carrier

``identity/`` appears whole by one rename. An imported identity takes over the prompt key, so that
digests of the same prompt stay comparable; what it replaces is kept as ``identity.replaced-N``,
whose anchor still vouches for what was signed with it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from provenance.errors import IdentityError, OptionError
from provenance.keys.carrier import CarrierKey, current_carrier_key
from provenance.keys.certificates import (
    SigningPair,
    checked_chain,
    checked_pair,
    development_pair,
    expiry,
)
from provenance.keys.directory import locked, parse_document, read_secret, write_secret
from provenance.keys.pkcs11 import Pkcs11Signer, parse_uri
from provenance.keys.signer import check_signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenance.keys.signer import Signer

TimePolicy: TypeAlias = Literal["required", "best-effort", "off"]

PROMPT_KEY_BYTES = 32
RENEWAL_NOTICE = timedelta(days=30)
_SCHEMA = "everyframe.identity/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """All that marking and signing need to know about who does it.

    ``name`` is the organisation that verifiers show as issuer. ``certificate_chain`` is PEM, leaf
    first; ``trust_anchor`` the PEM of its root, for verifying own files. Either ``private_key``
    (PEM) or ``signer`` signs. ``time_authority`` is the URL of an RFC 3161 time-stamp authority,
    and ``time_policy`` says what happens when it does not answer: *required*, the file is not
    signed at all; *best-effort*, it is signed without a stamp; *off*, it is not asked.
    ``key_uri`` names the module's key where there is one.
    """

    name: str
    certificate_chain: bytes
    private_key: bytes = field(default=b"", repr=False)
    signer: Signer | None = field(default=None, repr=False)
    algorithm: str
    carrier_key: CarrierKey
    prompt_key: bytes = field(repr=False)
    development: bool
    directory: Path
    trust_anchor: bytes | None = None
    time_authority: str | None = None
    time_policy: TimePolicy = "required"
    key_uri: str | None = None


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
    private_key: bytes | str,
    *,
    now: datetime,
    trust_anchor: bytes | None = None,
    time_authority: str | None = None,
    time_policy: TimePolicy = "required",
) -> Identity:
    """Installs a bought certificate (PEM chain, leaf first) and its private key.

    ``private_key`` is PEM, or the ``pkcs11:`` URI of a key that stays in a module. Keys: EC on
    P-256, P-384 or P-521, RSA of at least 2048 bits (signs PS256), Ed25519. Raises
    :class:`IdentityError` with advice when C2PA would refuse the pair, or when the module's key
    does not fit the certificate; nothing is changed then.
    """
    where = "imported identity"
    uri = private_key if isinstance(private_key, str) else None
    if isinstance(private_key, str):
        pair = checked_chain(certificate_chain, anchor=trust_anchor, now=now, where=where)
        signer = Pkcs11Signer(parse_uri(private_key), pair.algorithm)
        check_signer(signer, pair.chain, pair.algorithm, where=where)
    else:
        pair = checked_pair(
            certificate_chain, private_key, anchor=trust_anchor, now=now, where=where
        )
    if time_authority is not None:
        _check_authority(time_authority)
    with locked(directory, create=True):
        _install(
            directory,
            pair,
            development=False,
            time_authority=time_authority,
            time_policy=time_policy,
            key_uri=uri,
        )
        return _load(directory, now)


def rotate_development_identity(directory: Path, *, now: datetime) -> Identity:
    """Replaces a development identity by a new one, and keeps the old one's anchor for reading.

    Raises :class:`IdentityError` when the identity is a bought one: its authority renews it.
    """
    with locked(directory, create=True):
        if _home(directory).exists() and not _read_settings(_home(directory)).development:
            raise IdentityError(
                f"{directory} holds an imported identity",
                hint="renew it with its authority, then: ltx-keys import",
            )
        _install(directory, development_pair(now), development=True, time_authority=None)
        return _load(directory, now)


def with_time_stamps(
    identity: Identity, *, authority: str | None = None, policy: TimePolicy | None = None
) -> Identity:
    """``identity`` with another time-stamp authority or policy; None leaves either as it is.

    Raises :class:`OptionError` for a policy that needs an authority where none is known.
    """
    if policy is not None and policy not in get_args(TimePolicy):
        raise OptionError(
            f"unknown time-stamp policy {policy!r}",
            hint=f"one of {', '.join(get_args(TimePolicy))}",
        )
    if authority is not None:
        _check_authority(authority)
    chosen = authority or identity.time_authority
    if policy in ("required", "best-effort") and chosen is None:
        raise OptionError(
            f"time-stamps are {policy}, but no time-stamp authority is known",
            hint="name one with --tsa URL, or once for all with: ltx-keys import --time-authority",
        )
    return replace(identity, time_authority=chosen, time_policy=policy or identity.time_policy)


def new_identity_notice(directory: Path) -> str:
    """What to tell who had a development identity made."""
    return (
        f"made a development identity in {directory}: others read what it signs as signed by "
        "somebody unknown; bring a real one with ltx-keys import"
    )


def renewal_notice(identity: Identity, *, now: datetime) -> str | None:
    """What to tell who signs with a certificate that soon expires; None while there is time."""
    end = expiry(identity.certificate_chain)
    if end - now > RENEWAL_NOTICE:
        return None
    renew = "ltx-keys rotate" if identity.development else "renew it, then: ltx-keys import"
    return (
        f"the certificate of {identity.name} expires on {end:%Y-%m-%d}, in {(end - now).days} "
        f"days; after that nothing can be signed with it ({renew})"
    )


def own_anchors(directory: Path) -> tuple[bytes, ...]:
    """The anchors of the identity in ``directory`` and of those that it replaced, newest first.

    An expired identity still vouches for what it signed. Raises :class:`IdentityError` for files
    that cannot be read.
    """
    homes = sorted(directory.glob("identity.replaced-*"), key=_number_of, reverse=True)
    found = (read_secret(home / "anchor.pem") for home in (_home(directory), *homes))
    return tuple(dict.fromkeys(anchor for anchor in found if anchor is not None))


def _number_of(home: Path) -> int:
    number = home.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _check_authority(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise IdentityError(
            f"{url!r} is not the URL of a time-stamp authority",
            hint="give an http:// or https:// URL",
        )


def _home(directory: Path) -> Path:
    return directory / "identity"


def _install(
    directory: Path,
    pair: SigningPair,
    *,
    development: bool,
    time_authority: str | None,
    time_policy: TimePolicy = "required",
    key_uri: str | None = None,
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
        "time_policy": time_policy,
        "key_uri": key_uri,
    }
    staging = Path(tempfile.mkdtemp(dir=directory, prefix=".new-"))  # 0700
    try:
        write_secret(staging / "certificate.pem", pair.chain)
        if pair.private_key:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    development: bool
    time_authority: str | None
    time_policy: TimePolicy
    key_uri: str | None


def _load(directory: Path, now: datetime) -> Identity:
    home = _home(directory)
    settings = _read_settings(home)
    chain, anchor = _read_required(home / "certificate.pem"), read_secret(home / "anchor.pem")
    signer = None
    if settings.key_uri is None:
        key = _read_required(home / "private.pem")
        pair = checked_pair(chain, key, anchor=anchor, now=now, where=str(home))
    else:
        # Whether the module still has the key shows when it signs: reading must not need it.
        pair = checked_chain(chain, anchor=anchor, now=now, where=str(home))
        signer = Pkcs11Signer(parse_uri(settings.key_uri), pair.algorithm)
    return Identity(
        name=pair.name,
        certificate_chain=pair.chain,
        private_key=pair.private_key,
        signer=signer,
        algorithm=pair.algorithm,
        carrier_key=current_carrier_key(directory),
        prompt_key=_read_prompt_key(home),
        development=settings.development,
        directory=directory,
        trust_anchor=pair.anchor,
        time_authority=settings.time_authority,
        time_policy=settings.time_policy,
        key_uri=settings.key_uri,
    )


def _read_settings(home: Path) -> _Settings:
    path = home / "identity.json"
    try:
        settings = parse_document(_read_required(path), schema=_SCHEMA)
        policy = settings.get("time_policy", "required")
        _check_policy(policy)
        return _Settings(
            development=bool(settings["development"]),
            time_authority=settings["time_authority"],
            time_policy=policy,
            key_uri=settings.get("key_uri"),
        )
    except (ValueError, KeyError) as error:
        raise IdentityError(
            f"{path} is damaged: {error}", hint="restore the keys directory from a backup"
        ) from error


def _check_policy(policy: object) -> None:
    if policy not in get_args(TimePolicy):
        raise ValueError(f"no time-stamp policy {policy!r}")


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

"""The list of authorities that an operator trusts, beside the own identity: dated and named.

The C2PA publishes the list of the authorities of its conformance programme. The list itself is not
ours to ship, so it is brought by an explicit command and kept under the keys directory, with the
day and the source that it came from. What is shipped is a dated snapshot of its fingerprints
(``provenance/trust_lists``), which shows how a list that was brought differs from it::

    trust/list.pem     the certificates
          list.json    title, source, date, sha256

A new list is checked before it takes the old one's place, which is kept as ``list.previous.pem``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from provenance.errors import IdentityError, InputForbidden, InputMissing, OptionError
from provenance.fetching import FetchLimits, fetch
from provenance.keys.certificates import parse_certificates
from provenance.keys.directory import locked, parse_document, read_secret, write_secret

MAX_BYTES = 5 << 20
STALE_DAYS = 180
_SCHEMA = "everyframe.trust-list/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustList:
    """``title`` and ``source`` as its operator gave them, ``day`` when it was brought.

    ``pem``: the certificates; ``sha256`` of that text, in hex.
    """

    title: str
    source: str
    day: date
    sha256: str
    pem: bytes

    @property
    def certificates(self) -> int:
        return len(parse_certificates(self.pem, where=self.title))

    def stale(self, today: date) -> bool:
        """Whether it is so old that authorities may have come and gone."""
        return (today - self.day).days > STALE_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What an update changed: subjects of the certificates that came and went.

    ``beyond_snapshot``: those that the shipped snapshot does not know.
    """

    installed: TrustList
    added: tuple[str, ...]
    removed: tuple[str, ...]
    beyond_snapshot: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a published list held on ``day``: SHA-256 of its certificates, and of its text."""

    title: str
    day: date
    sha256: str
    certificates: frozenset[str]


def shipped_snapshot() -> Snapshot:
    """The snapshot of the C2PA's list that this version was made with."""
    text = files("provenance").joinpath("trust_lists/c2pa-2026-08-21.json").read_bytes()
    facts = parse_document(text, schema="everyframe.trust-snapshot/1")
    return Snapshot(
        title=facts["title"],
        day=date.fromisoformat(facts["date"]),
        sha256=facts["sha256"],
        certificates=frozenset(facts["certificates"]),
    )


def installed_list(directory: Path) -> TrustList | None:
    """The list in the keys ``directory``, None when there is none.

    Raises :class:`IdentityError` for one that is damaged or not what its note says.
    """
    home = directory / "trust"
    pem, note = read_secret(home / "list.pem"), read_secret(home / "list.json")
    if pem is None or note is None:
        return None
    try:
        facts = parse_document(note, schema=_SCHEMA)
        found = TrustList(
            title=str(facts["title"]),
            source=str(facts["source"]),
            day=date.fromisoformat(facts["day"]),
            sha256=hashlib.sha256(pem).hexdigest(),
            pem=pem,
        )
        changed = found.sha256 != facts["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise IdentityError(
            f"{home} is damaged: {error}", hint="bring the list again: ltx-keys trust update"
        ) from error
    if changed:
        raise IdentityError(
            f"{home}: the certificates are not those that were brought",
            hint="bring the list again: ltx-keys trust update",
        )
    return found


def update_list(
    directory: Path,
    source: str,
    *,
    title: str,
    now: datetime,
    expected_sha256: str | None = None,
    limits: FetchLimits | None = None,
) -> Update:
    """Installs the list at ``source``, a file or an https:// address, if it is a good one.

    Good: PEM certificates only, each an authority's and none expired long ago, at most 5 MB, and of
    ``expected_sha256`` where that is given. Nothing changes otherwise. Raises
    :class:`OptionError`, :class:`InputMissing`, :class:`InputForbidden`, and
    :class:`~provenance.errors.IdentityError` for a directory that cannot be written.
    """
    pem = _bring(source, limits or FetchLimits(most_bytes=MAX_BYTES, hosts=(_host(source),)))
    digest = hashlib.sha256(pem).hexdigest()
    if expected_sha256 is not None and digest != expected_sha256.lower():
        raise OptionError(
            f"{source} has the SHA-256 {digest}", hint=f"expected was {expected_sha256}"
        )
    fresh = _checked(pem, source, now)
    found = TrustList(
        title=title,
        source=source if _host(source) else source.rpartition("/")[2],
        day=now.astimezone(UTC).date(),
        sha256=digest,
        pem=pem,
    )
    with locked(directory, create=True):
        home = directory / "trust"
        home.mkdir(mode=0o700, exist_ok=True)
        old = read_secret(home / "list.pem")
        if old is not None:
            write_secret(home / "list.previous.pem", old)
        facts = asdict(found) | {"schema": _SCHEMA, "day": found.day.isoformat()}
        del facts["pem"]
        # The note last: until it fits, the list does not count.
        write_secret(home / "list.pem", pem)
        write_secret(home / "list.json", json.dumps(facts, indent=2).encode() + b"\n")
    known = {} if old is None else _by_digest(parse_certificates(old, where="old list"))
    return Update(
        installed=found,
        added=tuple(_subject(one) for key, one in fresh.items() if key not in known),
        removed=tuple(_subject(one) for key, one in known.items() if key not in fresh),
        beyond_snapshot=tuple(
            _subject(one)
            for key, one in fresh.items()
            if key.hex() not in shipped_snapshot().certificates
        ),
    )


def _host(source: str) -> str:
    return urlsplit(source).hostname or "" if "://" in source else ""


def _bring(source: str, limits: FetchLimits) -> bytes:
    if "://" in source:
        return fetch(source, limits)
    try:
        with Path(source).open("rb") as file:
            pem = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputMissing(f"{source} does not exist", hint="check the path") from error
    except OSError as error:
        raise InputForbidden(
            f"cannot read {source}: {error.strerror}", hint="check its permissions"
        ) from error
    if len(pem) > MAX_BYTES:
        raise OptionError(f"{source} has more than {MAX_BYTES} bytes", hint="that is no trust list")
    return pem


def _checked(pem: bytes, source: str, now: datetime) -> dict[bytes, x509.Certificate]:
    hint = "give the list of authorities that the C2PA publishes, as PEM"
    try:
        certificates = parse_certificates(pem, where=source)
    except IdentityError as error:
        raise OptionError(error.message, hint=hint) from error
    if pem.count(b"-----BEGIN ") != len(certificates):
        raise OptionError(f"{source} holds more than certificates", hint=hint)
    for certificate in certificates:
        try:
            basics = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
            authority = basics.ca
        except x509.ExtensionNotFound:
            authority = False
        if not authority:
            raise OptionError(
                f"{source}: {_subject(certificate)} is no authority's certificate",
                hint="signers' own certificates belong into --trust-settings (allowed_list)",
            )
    if all(certificate.not_valid_after_utc < now for certificate in certificates):
        raise OptionError(f"{source}: every certificate in it has expired", hint="get a newer one")
    return _by_digest(certificates)


def _by_digest(certificates: list[x509.Certificate]) -> dict[bytes, x509.Certificate]:
    return {certificate.fingerprint(hashes.SHA256()): certificate for certificate in certificates}


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()

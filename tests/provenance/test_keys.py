from __future__ import annotations

import dataclasses
import multiprocessing
import random
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from provenance.errors import IdentityError
from provenance.keys import (
    DEFAULT_CARRIER_KEY,
    carrier_keys,
    create_carrier_key,
    create_development_identity,
    current_carrier_key,
    default_keys_directory,
    dump_carrier_key,
    ensure_identity,
    import_carrier_key,
    import_identity,
    load_identity,
    parse_carrier_key,
)

NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")


def problem(action, *args, **kwargs) -> str:
    """The message of the IdentityError that ``action`` raises; every one must have advice."""
    with pytest.raises(IdentityError) as caught:
        action(*args, **kwargs)
    assert caught.value.hint
    return caught.value.message


def modes(directory: Path) -> dict[bool, set[int]]:
    found: dict[bool, set[int]] = {True: set(), False: set()}
    for path in [directory, *directory.rglob("*")]:
        found[path.is_dir()].add(stat.S_IMODE(path.stat().st_mode))
    return found


def test_a_development_identity_is_made_once_and_loads_the_same(tmp_path: Path):
    made, created = ensure_identity(tmp_path / "a" / "keys", now=NOW)
    again, created_again = ensure_identity(tmp_path / "a" / "keys", now=NOW)
    assert (created, created_again) == (True, False)
    assert made == again == load_identity(tmp_path / "a" / "keys", now=NOW)
    assert made.development
    assert made.algorithm == "es256"
    assert made.carrier_key == DEFAULT_CARRIER_KEY
    assert len(made.prompt_key) == 32
    assert "already" in problem(create_development_identity, tmp_path / "a" / "keys", now=NOW)


def test_its_certificate_is_for_claim_signing_under_its_own_authority(tmp_path: Path):
    identity = create_development_identity(tmp_path / "k", now=NOW)
    leaf = x509.load_pem_x509_certificate(identity.certificate_chain)
    root = x509.load_pem_x509_certificate(identity.trust_anchor)
    leaf.verify_directly_issued_by(root)
    uses = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert uses == {CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION}
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == subject.digest


def test_two_development_identities_share_no_secret(tmp_path: Path):
    first = create_development_identity(tmp_path / "1", now=NOW)
    second = create_development_identity(tmp_path / "2", now=NOW)
    assert first.private_key != second.private_key
    assert first.prompt_key != second.prompt_key


def test_only_the_owner_can_read_the_directory(tmp_path: Path):
    create_development_identity(tmp_path / "k", now=NOW)
    create_carrier_key(tmp_path / "k", random=random.Random(1).randbytes)
    assert modes(tmp_path / "k") == {True: {0o700}, False: {0o600}}


def test_no_secret_shows_in_a_repr(tmp_path: Path):
    create_carrier_key(tmp_path, random=random.Random(1).randbytes)
    identity = create_development_identity(tmp_path, now=NOW)
    text = repr(identity)
    assert "PRIVATE" not in text
    for secret in (identity.prompt_key, identity.carrier_key.secret):
        assert repr(secret) not in text


def _ensure(directory: Path, answers) -> None:
    identity, created = ensure_identity(directory, now=NOW)
    answers.put((identity.private_key, created))


def test_processes_that_start_at_once_get_the_same_identity(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [context.Process(target=_ensure, args=(tmp_path / "keys", answers)) for _ in range(3)]
    for worker in workers:
        worker.start()
    got = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert len({key for key, _ in got}) == 1
    assert sum(created for _, created in got) == 1
    assert not list((tmp_path / "keys").glob(".new-*"))


def test_a_missing_identity_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(IdentityError) as caught:
        load_identity(tmp_path / "none")
    assert "ltx-keys init" in caught.value.hint
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["private.pem", "prompt.key"])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str):
    create_development_identity(tmp_path, now=NOW)
    (tmp_path / "identity" / name).chmod(0o640)
    with pytest.raises(IdentityError) as caught:
        load_identity(tmp_path, now=NOW)
    assert "open to other users" in caught.value.message
    assert f"chmod 600 '{tmp_path / 'identity' / name}'" in caught.value.hint


@pytest.mark.parametrize("name", ["private.pem", "prompt.key", "certificate.pem", "identity.json"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00garbage", b"[]"])
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, name: str, content: bytes | None):
    create_development_identity(tmp_path, now=NOW)
    path = tmp_path / "identity" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert str(tmp_path / "identity") in problem(load_identity, tmp_path, now=NOW)


def test_an_identity_that_expired_or_comes_from_the_future_is_refused(tmp_path: Path):
    create_development_identity(tmp_path, now=NOW)
    assert "expired" in problem(load_identity, tmp_path, now=NOW + timedelta(days=4000))
    assert "not valid before" in problem(load_identity, tmp_path, now=NOW - timedelta(days=1))


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ps256", "ed25519"])
def test_bought_certificates_are_imported(tmp_path: Path, issue, algorithm: str):
    bought = issue(algorithm)
    identity = import_identity(
        tmp_path / "keys", bought.certificate, bought.key, now=datetime.now(UTC)
    )
    assert identity == load_identity(tmp_path / "keys")
    assert identity.algorithm == algorithm
    assert identity.name == "Example Studios"
    assert not identity.development
    assert identity.trust_anchor is None


def test_a_root_in_the_chain_becomes_the_anchor(tmp_path: Path, issue):
    bought = issue()
    chain = bought.certificate + bought.root
    identity = import_identity(tmp_path, chain, bought.key, now=datetime.now(UTC))
    assert identity.certificate_chain == bought.certificate
    assert identity.trust_anchor == bought.root


def test_the_prompt_key_and_the_old_identity_outlive_an_import(tmp_path: Path, issue):
    old = create_development_identity(tmp_path, now=datetime.now(UTC))
    bought = issue()
    new = import_identity(tmp_path, bought.certificate, bought.key, now=datetime.now(UTC))
    assert new.prompt_key == old.prompt_key
    assert new.private_key != old.private_key
    replaced = tmp_path / "identity.replaced-1"
    assert (replaced / "private.pem").read_bytes() == old.private_key


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"uses": ()}, "extended key usage"),
        ({"uses": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "extended key usage"),
        (
            {
                "uses": (
                    CLAIM_SIGNING,
                    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
                )
            },
            "extended key usage",
        ),
        ({"days": (-20, -10)}, "expired"),
        ({"ca": True}, "authority's own"),
        ({"digital_signature": False}, "digitalSignature"),
        ({"authority_key": False}, "authority key identifier"),
        ({"algorithm": "short rsa"}, "too short"),
        ({"algorithm": "secp256k1"}, "curve"),
    ],
)
def test_certificates_that_c2pa_refuses_are_refused_before(
    tmp_path: Path, issue, fault: dict, word: str
):
    bought = issue(**fault)
    message = problem(
        import_identity,
        tmp_path / "keys",
        bought.certificate,
        bought.key,
        now=datetime.now(UTC),
    )
    assert word in message
    assert not (tmp_path / "keys" / "identity").exists()


def test_a_key_that_does_not_fit_and_chains_out_of_order_are_refused(tmp_path: Path, issue):
    one, two = issue(), issue()
    now = datetime.now(UTC)
    assert "does not fit" in problem(import_identity, tmp_path, one.certificate, two.key, now=now)
    chain = one.certificate + two.certificate + one.root
    assert "not issued by" in problem(import_identity, tmp_path, chain, one.key, now=now)
    chain = one.root + one.certificate
    assert "does not fit" in problem(import_identity, tmp_path, chain, one.key, now=now)


def test_an_encrypted_key_says_how_to_decrypt_it(tmp_path: Path, issue):
    bought = issue()
    key = serialization.load_pem_private_key(bought.key, password=None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    with pytest.raises(IdentityError) as caught:
        import_identity(tmp_path, bought.certificate, locked, now=datetime.now(UTC))
    assert "openssl pkey" in caught.value.hint


def test_self_signed_is_refused(tmp_path: Path, issue):
    identity = create_development_identity(tmp_path / "k", now=NOW)
    bought = issue()
    # A root given as the signer, with some key: the key is judged first, so use its own pair.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.load_pem_x509_certificate(bought.root).subject
    lone = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    message = problem(import_identity, tmp_path / "k", lone.public_bytes(pem), private, now=NOW)
    assert "self-signed" in message
    assert load_identity(tmp_path / "k", now=NOW) == identity


def test_a_rotated_carrier_key_still_reads(tmp_path: Path):
    source = random.Random(7)
    assert carrier_keys(tmp_path / "none") == (DEFAULT_CARRIER_KEY,)
    first = create_carrier_key(tmp_path, random=source.randbytes)
    second = create_carrier_key(tmp_path, random=source.randbytes)
    assert current_carrier_key(tmp_path) == second
    assert carrier_keys(tmp_path) == (second, first, DEFAULT_CARRIER_KEY)
    assert not second.public
    identity = create_development_identity(tmp_path, now=NOW)
    assert identity.carrier_key == second


def test_carrier_keys_travel_between_directories(tmp_path: Path):
    key = create_carrier_key(tmp_path / "a", random=random.Random(7).randbytes)
    copy = parse_carrier_key(dump_carrier_key(key), where="file")
    assert copy == key
    import_carrier_key(tmp_path / "b", copy, use=False)
    assert current_carrier_key(tmp_path / "b") == DEFAULT_CARRIER_KEY
    assert carrier_keys(tmp_path / "b") == (key, DEFAULT_CARRIER_KEY)
    import_carrier_key(tmp_path / "b", copy, use=True)
    assert current_carrier_key(tmp_path / "b") == key
    other = dataclasses.replace(key, secret=bytes(32))
    assert "another carrier key" in problem(import_carrier_key, tmp_path / "b", other, use=True)


def test_the_public_key_is_not_exported_and_not_replaced(tmp_path: Path):
    assert "published" in problem(dump_carrier_key, DEFAULT_CARRIER_KEY)
    fake = dataclasses.replace(DEFAULT_CARRIER_KEY, secret=bytes(32), public=False)
    assert "another carrier key" in problem(import_carrier_key, tmp_path, fake, use=True)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{}",
        b"\xff",
        b'{"schema": "everyframe.carrier/1", "name": "../x", "secret": "' + b"00" * 32 + b'"}',
        b'{"schema": "everyframe.carrier/1", "name": "x", "secret": "0011"}',
        b'{"schema": "everyframe.carrier/1", "name": 3, "secret": 4}',
    ],
)
def test_what_is_no_carrier_file_is_refused(text: bytes):
    assert "the-file" in problem(parse_carrier_key, text, where="the-file")


def test_a_damaged_or_open_carrier_file_is_an_error_not_a_lost_key(tmp_path: Path):
    create_carrier_key(tmp_path, random=random.Random(7).randbytes)
    path = tmp_path / "carriers.json"
    path.chmod(0o644)
    assert "open to other users" in problem(carrier_keys, tmp_path)
    path.chmod(0o600)
    path.write_text('{"schema": "everyframe.carriers/1", "current": "gone", "keys": []}')
    assert "gone" in problem(carrier_keys, tmp_path)
    path.write_text("{")
    assert "damaged" in problem(carrier_keys, tmp_path)
    assert "damaged" in problem(create_carrier_key, tmp_path, random=random.Random(8).randbytes)
    assert path.read_text() == "{"


def test_a_file_in_place_of_the_directory(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert "keys directory" in problem(ensure_identity, tmp_path / "file", now=NOW)


def test_the_default_directory_follows_the_environment():
    assert default_keys_directory({"LTX_KEYS": "/k"}) == Path("/k")
    assert default_keys_directory({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path(
        "/c/everyframe/keys"
    )
    assert default_keys_directory({"HOME": "/h"}) == Path("/h/.config/everyframe/keys")

"""Signed statements and whom they are by: every algorithm, every byte, every link of the chain."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance.keys import import_identity
from provenance.keys.chain import chain_fault
from provenance.keys.jws import (
    MalformedStatement,
    WrongSignature,
    read_statement,
    sign_statement,
)
from provenance.trust import TrustSettings

NOW = datetime.now(UTC)
KIND = "example+jws"
WORDS = b'{"a":1}'
PEM = serialization.Encoding.PEM


def statement(identity, words=WORDS):
    return sign_statement(words, identity, kind=KIND)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_header(text, **changes):
    """The statement under a header with ``changes``; the signature stays."""
    head, payload, signature = text.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    header = {k: v for k, v in (header | changes).items() if v is not None}
    return ".".join([b64(json.dumps(header).encode()), payload, signature])


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ps256", "ed25519"])
def test_every_kind_of_key_signs_and_verifies(tmp_path, issue, algorithm):
    issued = issue(algorithm)
    identity = import_identity(
        tmp_path, issued.certificate, issued.key, now=NOW, trust_anchor=issued.root
    )
    text = statement(identity)
    read = read_statement(text, kind=KIND)
    assert read.payload == WORDS
    trust = TrustSettings(anchors_pem=(issued.root,))
    assert chain_fault(read.certificates, trust, at=NOW) is None
    head, _, signature = text.split(".")
    with pytest.raises(WrongSignature):
        read_statement(".".join([head, b64(b'{"a":2}'), signature]), kind=KIND)
    raw = base64.urlsafe_b64decode(signature + "==")
    changed = bytes([raw[0] ^ 1]) + raw[1:]
    with pytest.raises(WrongSignature):
        read_statement(".".join([head, b64(WORDS), b64(changed)]), kind=KIND)


def test_a_key_that_is_kept_elsewhere_signs(development_identity):
    class Module:
        """Signs as a key service does: both numbers side by side."""

        def sign(self, data):
            key = serialization.load_pem_private_key(development_identity.private_key, None)
            numbers = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return b"".join(number.to_bytes(32, "big") for number in numbers)

    elsewhere = replace(development_identity, private_key=b"", signer=Module())
    assert read_statement(statement(elsewhere), kind=KIND).payload == WORDS


def test_the_form_is_that_of_the_standard(development_identity):
    head, payload, signature = statement(development_identity).split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    assert (header["alg"], header["typ"]) == ("ES256", KIND)
    assert len(header["x5c"]) == 1
    assert base64.urlsafe_b64decode(payload + "==") == WORDS
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64


def test_no_byte_can_be_changed(development_identity):
    text = statement(development_identity)
    for at in range(0, len(text), 7):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises((MalformedStatement, WrongSignature)):
            read_statement(changed, kind=KIND)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "a.b",
        lambda text: text + ".x",
        lambda text: text.replace(".", ".=", 1),
        lambda text: "!" + text,
        lambda text: b64(b"[" * 100_000) + text[text.index(".") :],
        lambda text: b64(b"[]") + text[text.index(".") :],
        lambda text: with_header(text, alg="none"),
        lambda text: with_header(text, alg=None),
        lambda text: with_header(text, alg=["ES256"]),
        lambda text: with_header(text, alg="PS256"),
        lambda text: with_header(text, typ="other"),
        lambda text: with_header(text, crit=["b64"]),
        lambda text: with_header(text, x5c=None),
        lambda text: with_header(text, x5c=[]),
        lambda text: with_header(text, x5c=[7]),
        lambda text: with_header(text, x5c=["AAAA"]),
        lambda text: with_header(text, x5c=["AAAA"] * 11),
        lambda text: "A" * ((16 << 20) + 1),
    ],
)
def test_what_is_no_statement_is_refused(development_identity, spoil):
    with pytest.raises(MalformedStatement):
        read_statement(spoil(statement(development_identity)), kind=KIND)


def test_a_public_key_is_no_secret(development_identity):
    """The old trick: HMAC with the public key as its secret."""
    text = with_header(statement(development_identity), alg="HS256")
    head, payload, _ = text.split(".")
    leaf = x509.load_pem_x509_certificates(development_identity.certificate_chain)[0]
    secret = leaf.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(f"{head}.{payload}".encode())
    with pytest.raises(MalformedStatement):
        read_statement(f"{head}.{payload}.{b64(mac.finalize())}", kind=KIND)


def chain(*, intermediate_ca=True, path_length=None, leaf_days=(-1, 30), middle_days=(-2, 90)):
    """(leaf, intermediate, root) certificates with the faults that are asked for."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root_key, middle_key, leaf_key = keys

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def usage(*, signs):
        parts = dict.fromkeys(
            (
                *("content_commitment", "key_encipherment", "data_encipherment"),
                *("key_agreement", "encipher_only", "decipher_only"),
            ),
            False,
        )
        return x509.KeyUsage(
            digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, **parts
        )

    def issued(subject, key, issuer, by, *, ca, days, length=None):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=length), critical=True)
            .add_extension(usage(signs=subject != "leaf"), critical=True)
        )
        if subject == "leaf":
            uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(uses, critical=False)
        return builder.sign(by, hashes.SHA256())

    root = issued("root", root_key, "root", root_key, ca=True, days=(-99, 99), length=path_length)
    middle = issued("middle", middle_key, "root", root_key, ca=intermediate_ca, days=middle_days)
    leaf = issued("leaf", leaf_key, "middle", middle_key, ca=False, days=leaf_days)
    return leaf, middle, root


def fault(certificates, anchor, *, at=NOW, **trust):
    settings = TrustSettings(
        anchors_pem=() if anchor is None else (anchor.public_bytes(PEM),), **trust
    )
    found = chain_fault(certificates, settings, at=at)
    return found and found[0]


def test_a_chain_leads_to_its_anchor():
    leaf, middle, root = chain()
    assert fault((leaf, middle), root) is None
    assert fault((leaf,), middle) is None  # an intermediate can be what is trusted
    assert fault((leaf, root, middle), root) is None
    assert fault((leaf,), None, allowed_pem=(leaf.public_bytes(PEM),)) is None


def test_a_chain_that_does_not_hold_is_untrusted():
    leaf, middle, root = chain()
    _, _, other = chain()
    assert fault((leaf, middle), None) == "untrusted"
    assert fault((leaf, middle), other) == "untrusted"
    assert fault((leaf,), root) == "untrusted"
    assert fault((leaf, other), root) == "untrusted"


def test_only_authorities_vouch():
    leaf, middle, root = chain(intermediate_ca=False)
    assert fault((leaf, middle), root) == "untrusted"
    leaf, middle, root = chain(path_length=0)
    assert fault((leaf, middle), root) == "untrusted"


@pytest.mark.parametrize("days", [{"leaf_days": (-9, -1)}, {"middle_days": (-9, -1)}])
def test_certificates_out_of_their_time(days):
    leaf, middle, root = chain(**days)
    assert fault((leaf, middle), root) == "expired"
    assert fault((leaf, middle), root, at=NOW - timedelta(days=2)) in {None, "expired"}


def test_certificates_that_are_not_for_signing(issue):
    wrong = [
        {"uses": ()},
        {"uses": (ExtendedKeyUsageOID.SERVER_AUTH,)},
        {"uses": (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)},
        {"digital_signature": False},
    ]
    for faults in wrong:
        issued = issue(**faults)
        leaf = x509.load_pem_x509_certificate(issued.certificate)
        assert fault((leaf,), x509.load_pem_x509_certificate(issued.root)) == "unfit"
    issued = issue(uses=(ExtendedKeyUsageOID.SERVER_AUTH,))
    leaf = x509.load_pem_x509_certificate(issued.certificate)
    root = x509.load_pem_x509_certificate(issued.root)
    allowed = (ExtendedKeyUsageOID.SERVER_AUTH.dotted_string,)
    assert fault((leaf,), root, extra_ekus=allowed) is None

"""Signatures by keys that are kept elsewhere: callbacks, and a real PKCS#11 module (SoftHSM)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from provenance.errors import IdentityError, ManifestError, StoreError
from provenance.keys import import_identity, load_identity
from provenance.keys.pkcs11 import parse_uri
from provenance.keys_cli import main as ltx_keys
from provenance.manifest import read_manifest, sign_file
from provenance.trust import TrustSettings

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
PIN = "2468"
TOKEN = "everyframe test"
NOW = datetime.now(UTC)


class Service:
    """A key service as an operator would write one: it has the key, and here it can fail."""

    def __init__(self, pem: bytes, fault: BaseException | None = None) -> None:
        self._key = serialization.load_pem_private_key(pem, None)
        self.fault = fault

    def sign(self, data: bytes) -> bytes:
        if self.fault is not None:
            raise self.fault
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.fixture
def remote(development_identity):
    """The development identity with its key behind a service."""
    service = Service(development_identity.private_key)
    return replace(development_identity, private_key=b"", signer=service), service


def test_a_callback_signs(remote, plain_mp4, request_for, tmp_path):
    identity, _ = remote
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    trust = TrustSettings(anchors_pem=(identity.trust_anchor,))
    assert read_manifest(tmp_path / "s.mp4", trust).state == "trusted"


def test_what_a_callback_raises_is_what_is_reported(remote, plain_mp4, request_for, tmp_path):
    identity, service = remote
    service.fault = ConnectionError("the key vault is closed")
    with pytest.raises(ManifestError) as caught:
        sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    assert "ConnectionError: the key vault is closed" in caught.value.message
    assert caught.value.__cause__ is service.fault
    for fault in (StoreError("ours"), KeyboardInterrupt()):
        service.fault = fault
        with pytest.raises(type(fault)) as caught:
            sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
        assert caught.value is fault
    assert not (tmp_path / "s.mp4").exists()


def test_a_callback_that_signs_with_another_key_is_found(
    remote, issue, plain_mp4, request_for, tmp_path
):
    identity, _ = remote
    wrong = replace(identity, signer=Service(issue().key))
    with pytest.raises(ManifestError):
        sign_file(plain_mp4, tmp_path / "s.mp4", request_for(wrong), wrong)


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    """A SoftHSM of this test's own, with an empty token."""
    found = next((path for path in MODULES if Path(path).exists()), None)
    if found is None:
        pytest.fail("SoftHSM is missing: apt-get install softhsm2")
    home = tmp_path_factory.mktemp("hsm")
    (home / "tokens").mkdir()
    (home / "pin").write_text(PIN + "\n")
    (home / "pin").chmod(0o600)
    (home / "conf").write_text(f"directories.tokendir = {home}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(home / "conf")
    command = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN]
    subprocess.run([*command, "--so-pin", PIN], check=True, capture_output=True)
    (home / "module.so").symlink_to(found)
    yield home
    del os.environ["SOFTHSM2_CONF"]


def make_key(module: Path, algorithm: str, label: str):
    """A new key pair in the module; gives the public key."""
    import pkcs11
    from pkcs11.util.ec import encode_ec_public_key
    from pkcs11.util.ec import encode_named_curve_parameters as named
    from pkcs11.util.rsa import encode_rsa_public_key

    token = pkcs11.lib(str(module / "module.so")).get_token(token_label=TOKEN)
    with token.open(rw=True, user_pin=PIN) as session:
        if algorithm == "ps256":
            public, _ = session.generate_keypair(pkcs11.KeyType.RSA, 2048, label=label, store=True)
            return serialization.load_der_public_key(_spki(encode_rsa_public_key(public)))
        if algorithm == "ed25519":
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS,
                {pkcs11.Attribute.EC_PARAMS: named("1.3.101.112")},
                local=True,
            )
            public, _ = parameters.generate_keypair(
                mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, label=label, store=True
            )
            point = bytes(public[pkcs11.Attribute.EC_POINT])[-32:]
            return ed25519.Ed25519PublicKey.from_public_bytes(point)
        curve = {"es256": "secp256r1", "es384": "secp384r1", "es512": "secp521r1"}[algorithm]
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: named(curve)}, local=True
        )
        public, _ = parameters.generate_keypair(label=label, store=True)
        return serialization.load_der_public_key(encode_ec_public_key(public))


def _spki(der: bytes) -> bytes:
    from asn1crypto.keys import PublicKeyInfo, RSAPublicKey

    return PublicKeyInfo.wrap(RSAPublicKey.load(der), "rsa").dump()


def uri_of(module: Path, label: str) -> str:
    return (
        f"pkcs11:token=everyframe%20test;object={label};type=private"
        f"?module-path={module}/module.so&pin-source=file:{module}/pin"
    )


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512", "ps256", "ed25519"])
def test_a_key_in_a_module_signs(module, algorithm, issue, plain_mp4, request_for, tmp_path):
    public = make_key(module, algorithm, algorithm)
    bought = issue(public=public)
    uri = uri_of(module, algorithm)
    (tmp_path / "chain.pem").write_bytes(bought.certificate)
    (tmp_path / "root.pem").write_bytes(bought.root)
    keys = tmp_path / "keys"
    done = CliRunner().invoke(
        ltx_keys,
        [
            *("--keys", str(keys), "import", str(tmp_path / "chain.pem"), uri),
            *("--anchor", str(tmp_path / "root.pem")),
        ],
    )
    assert done.exit_code == 0, done.output
    identity = load_identity(keys)
    assert (identity.algorithm, identity.private_key) == (algorithm, b"")
    assert not (keys / "identity" / "private.pem").exists()
    sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
    report = read_manifest(tmp_path / "s.mp4", TrustSettings(anchors_pem=(bought.root,)))
    assert (report.state, report.issuer) == ("trusted", "Example Studios")
    shown = CliRunner().invoke(ltx_keys, ["--keys", str(keys), "show", "--format", "json"])
    assert json.loads(shown.output)["key"] == uri


def test_a_module_is_asked_by_ltx_stamp_in_its_own_process(module, issue, plain_mp4, tmp_path):
    from tests.drawn import draw_clip

    bought = issue(public=make_key(module, "es256", "stamp"))
    import_identity(tmp_path / "keys", bought.certificate, uri_of(module, "stamp"), now=NOW)
    clip = draw_clip(tmp_path / "in.mp4", frames=6, width=320, height=240)
    command = [sys.executable, "-c", "from provenance.cli import main; main()", str(clip), "-o"]
    command += [str(tmp_path / "out.mp4"), "--model", "ltx-2.3", "--keys", str(tmp_path / "keys")]
    command += ["--store", str(tmp_path / "store.sqlite"), "--preset", "ultrafast"]
    subprocess.run(command, check=True, capture_output=True)
    trust = TrustSettings(anchors_pem=(bought.root,))
    assert read_manifest(tmp_path / "out.mp4", trust).state == "trusted"


def test_a_module_with_another_key_is_refused_at_import(module, issue, tmp_path):
    make_key(module, "es256", "one")
    bought = issue(public=make_key(module, "es256", "two"))
    with pytest.raises(IdentityError) as caught:
        import_identity(tmp_path / "keys", bought.certificate, uri_of(module, "one"), now=NOW)
    assert "does not verify with the certificate" in caught.value.message
    assert not (tmp_path / "keys").exists()


def test_what_is_wrong_with_a_module_is_said(module, issue, plain_mp4, request_for, tmp_path):
    bought = issue(public=make_key(module, "es256", "gone"))
    uri = uri_of(module, "gone")
    identity = import_identity(tmp_path / "keys", bought.certificate, uri, now=NOW)
    (module / "pin").write_text("1357")
    try:
        with pytest.raises(IdentityError) as caught:
            sign_file(plain_mp4, tmp_path / "s.mp4", request_for(identity), identity)
        assert "PinIncorrect" in caught.value.message
    finally:
        (module / "pin").write_text(PIN)
    for changed in (
        uri.replace("object=gone", "object=never"),
        uri.replace("token=everyframe", "token=other"),
        uri.replace("module.so", "nothing.so"),
        uri.replace("/pin", "/nopin"),
    ):
        with pytest.raises(IdentityError):
            import_identity(tmp_path / "more", bought.certificate, changed, now=NOW)


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:token=a;object=b",
        "pkcs11:token=a?module-path=/x.so",
        "pkcs11:object=b?module-path=/x.so",
        "pkcs11:token=a;object=b?module-path=/x.so&pin-value=1234",
        "pkcs11:token=a;object=b?module-path=/x.so&pin-source=env:PIN",
        "pkcs11:token=a;object=b;colour=red?module-path=/x.so",
    ],
)
def test_uris_that_name_no_key_are_refused(uri):
    with pytest.raises(IdentityError) as caught:
        parse_uri(uri)
    assert caught.value.hint
    assert "1234" not in caught.value.diagnostics()


def test_a_uri_by_number():
    location = parse_uri("pkcs11:serial=1a%20;id=%01%ff?module-path=/a%20b.so")
    assert (location.serial, location.key_id) == (b"1a ", b"\x01\xff")
    assert location.module == Path("/a b.so")
    assert (location.token, location.label, location.pin_file) == (None, None, None)

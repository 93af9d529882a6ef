"""Clips and identities for the tests of provenance: drawn here, once a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance import ProvenanceWriter
from provenance.keys import create_development_identity, ensure_identity
from provenance.manifest import ManifestRequest
from provenance.payload import Payload, model_by_key
from provenance.prompt import prompt_digest
from provenance.store import open_store
from tests.desk import HEIGHT, PROMPT, QUICK, WIDTH, Desk, Done, small_clip
from tests.drawn import moving_frames
from tests.provenance.writing import SPEC, STEREO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provenance.keys import Identity


def draw_clip(
    path: Path, *, video: str = "libx264", audio: str = "aac", width: int = 128, height: int = 96
) -> Path:
    """One second, 24 frames of moving bars with a tone, into the container that ``path`` names."""
    with av.open(str(path), "w") as out:
        pictures = out.add_stream(video, rate=24)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        sound = out.add_stream(audio, rate=48000)
        sound.layout = "stereo"
        columns = np.arange(width)
        for index in range(24):
            wave = 128 + 100 * np.sin((columns + 4 * index) / 9)
            picture = np.broadcast_to(wave[None, :, None], (height, width, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            for packet in pictures.encode(frame):
                out.mux(packet)
        for packet in pictures.encode():
            out.mux(packet)
        tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)).astype(np.float32)
        samples = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
        samples.sample_rate = 48000
        resampler = av.AudioResampler(format=sound.format, layout=sound.layout, rate=48000)
        for piece in resampler.resample(samples):
            for packet in sound.encode(piece):
                out.mux(packet)
        for packet in sound.encode():
            out.mux(packet)
    return path


@pytest.fixture(scope="session")
def plain_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 s, 128 × 96, 24 fps H.264 with stereo AAC; no mark, no manifest."""
    return draw_clip(tmp_path_factory.mktemp("clips") / "plain.mp4")


@pytest.fixture(scope="session")
def plain_webm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clip as VP9 with Opus in WebM."""
    folder = tmp_path_factory.mktemp("clips")
    return draw_clip(folder / "plain.webm", video="libvpx-vp9", audio="libopus")


@pytest.fixture(scope="session")
def development_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A development identity in its own keys directory; tests only read it."""
    return create_development_identity(
        tmp_path_factory.mktemp("keys") / "keys", now=datetime.now(UTC)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """PEM of a signer's certificate, its key, and the root that issued it."""

    certificate: bytes
    key: bytes
    root: bytes


KEY_MAKERS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "short rsa": lambda: rsa.generate_private_key(65537, 1024),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
}


def issue_certificate(
    algorithm: str = "es256",
    *,
    uses: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.EMAIL_PROTECTION,),
    days: tuple[int, int] = (-1, 30),
    ca: bool = False,
    digital_signature: bool = True,
    authority_key: bool = True,
    public=None,
) -> Issued:
    """A certificate as an authority might sell it, with the faults that are asked for.

    ``public`` is the key to certify where that is not made here, but in a module.
    """
    root_key, key = ec.generate_private_key(ec.SECP256R1()), KEY_MAKERS[algorithm]()
    now = datetime.now(UTC)

    def name(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Studios"),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )

    def build(subject, public, *, days, ca, digital_signature, signs):
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=digital_signature,
                    content_commitment=not digital_signature,
                    key_cert_sign=signs,
                    crl_sign=signs,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )

    root = build(
        "root", root_key.public_key(), days=(-99, 99), ca=True, digital_signature=False, signs=True
    ).sign(root_key, hashes.SHA256())
    leaf = build(
        "signer",
        key.public_key() if public is None else public,
        days=days,
        ca=ca,
        digital_signature=digital_signature,
        signs=False,
    )
    if uses:
        leaf = leaf.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if authority_key:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        leaf = leaf.add_extension(identifier, critical=False)
    pem = serialization.Encoding.PEM
    return Issued(
        certificate=leaf.sign(root_key, hashes.SHA256()).public_bytes(pem),
        key=key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        root=root.public_bytes(pem),
    )


@pytest.fixture(scope="session")
def issue() -> Callable[..., Issued]:
    return issue_certificate


@pytest.fixture(scope="session")
def draw() -> Callable[..., Path]:
    return draw_clip


@pytest.fixture(scope="session")
def request_for() -> Callable[..., ManifestRequest]:
    """Makes what to state about the drawn clip; keyword arguments change single fields."""

    def make(identity: Identity, **changes) -> ManifestRequest:
        fields = {
            "model": model_by_key("ltx-2.3"),
            "title": "signed.mp4",
            "created": datetime(2026, 3, 24, 12, tzinfo=UTC),
            "prompt": prompt_digest("a red panda on a tram", identity.prompt_key),
            "payload": Payload(model=1, day=date(2026, 3, 24), content_id=12345),
            "carrier": identity.carrier_key.name,
            "width": 128,
            "height": 96,
            "duration_s": 1.0,
            "tool_version": "1.2.3",
        }
        return ManifestRequest(**(fields | changes))

    return make


@pytest.fixture(scope="module")
def frames():
    """(30, H, W, 3): 2.5 s."""
    return np.stack(list(moving_frames(30, HEIGHT, WIDTH)))


@pytest.fixture(scope="module")
def noise():
    """(4, H, W, 3) that no encoder makes small: about 300 kB at CRF 0, 180 kB at 18."""
    return np.random.default_rng(1).integers(0, 255, (4, HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    made, _ = ensure_identity(tmp_path_factory.mktemp("keys") / "keys", now=datetime.now(UTC))
    return made


@pytest.fixture
def store(tmp_path_factory):
    """Outside of the folder that the tests look at."""
    with open_store(tmp_path_factory.mktemp("store") / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def writer_for(identity, store):
    def make(path, **changes):
        options = {"model": "ltx-2.3", "settings": QUICK, "store": store, "audio": STEREO}
        return ProvenanceWriter(path, SPEC, identity, **(options | changes))

    return make


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Without sound: so little of it carries no mark, and looking for one everywhere takes long."""
    return small_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", channels=None)


@pytest.fixture(scope="session")
def heard(tmp_path_factory):
    return small_clip(tmp_path_factory.mktemp("clip") / "heard.mp4")


@pytest.fixture
def desk(tmp_path, clip, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LTX_KEYS", "LTX_STORE", "LTX_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Desk(folder=tmp_path, clip=clip).with_keys()


@pytest.fixture(scope="session")
def done(tmp_path_factory, clip):
    desk = Desk(folder=tmp_path_factory.mktemp("done"), clip=clip).with_keys()
    facts = desk.stamped("--prompt", PROMPT, "--date", "2026-03-24", "--model", "ltx-2.3-full")
    return Done(desk=desk, out=desk.folder / "out.mp4", facts=facts)

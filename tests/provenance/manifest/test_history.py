"""What happens to manifests after signing: history, tampering, loss, damage, traps in files."""

from __future__ import annotations

import random
import shutil
import socket
from pathlib import Path

import av
import c2pa
import pytest

from provenance.manifest import (
    ReadLimits,
    has_manifest,
    publish,
    read_manifest,
    read_recovered_manifest,
    sign_file,
)
from provenance.manifest.containers import C2PA_BOX
from provenance.trust import TrustSettings, open_context


@pytest.fixture(scope="module")
def signed(tmp_path_factory, plain_mp4, development_identity, request_for) -> Path:
    path = tmp_path_factory.mktemp("signed") / "signed.mp4"
    sign_file(plain_mp4, path, request_for(development_identity), development_identity)
    return path


@pytest.fixture(scope="module")
def trust(development_identity) -> TrustSettings:
    return TrustSettings().with_anchor(development_identity.trust_anchor)


def change_picture_data(path: Path, output: Path) -> Path:
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b"mdat") + 500] ^= 1
    output.write_bytes(raw)
    return output


def remux(path: Path, output: Path) -> Path:
    """As an editor or a platform rewrites a file: same pictures and sound, another file."""
    with av.open(str(path)) as source, av.open(str(output), "w") as target:
        streams = {
            stream.index: target.add_stream_from_template(stream) for stream in source.streams
        }
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return output


def test_one_changed_bit_is_found(tmp_path: Path, signed: Path, trust):
    report = read_manifest(change_picture_data(signed, tmp_path / "t.mp4"), trust)
    assert report.state == "invalid"
    assert report.codes == ("assertion.bmffHash.mismatch",)
    assert report.binding_ok is False


def test_a_cut_off_file_is_never_trusted(tmp_path: Path, signed: Path, trust):
    raw = signed.read_bytes()
    for length in range(100, len(raw), len(raw) // 25):
        path = tmp_path / "cut.mp4"
        path.write_bytes(raw[:length])
        report = read_manifest(path, trust)
        assert report.state in {None, "invalid"}, length
        if has_manifest(path):
            assert report.present
            assert report.state == "invalid"


def test_signing_a_signed_file_keeps_its_history(
    tmp_path: Path, plain_mp4: Path, signed: Path, development_identity, request_for, trust
):
    request = request_for(development_identity, parent=signed, source="edited")
    sign_file(plain_mp4, tmp_path / "child.mp4", request, development_identity)
    grandchild = request_for(development_identity, parent=tmp_path / "child.mp4")
    sign_file(plain_mp4, tmp_path / "grandchild.mp4", grandchild, development_identity)

    child = read_manifest(tmp_path / "child.mp4", trust)
    assert child.state == "trusted"
    assert child.codes == ()
    assert child.actions == (
        "c2pa.opened",
        "c2pa.transcoded",
        "c2pa.edited",
        "c2pa.watermarked.unbound",
    )
    assert [parent.relationship for parent in child.ingredients] == ["parentOf"]
    assert child.ingredients[0].ai_generated is True
    assert child.ingredients[0].issuer == development_identity.name

    report = read_manifest(tmp_path / "grandchild.mp4", trust)
    assert report.state == "trusted"
    assert [parent.title for parent in report.ingredients] == ["Original", "Original"]
    assert len({parent.manifest_label for parent in report.ingredients}) == 2


def test_a_tampered_parent_shows_in_a_trusted_child(
    tmp_path: Path, plain_mp4: Path, signed: Path, development_identity, request_for, trust
):
    parent = change_picture_data(signed, tmp_path / "tampered.mp4")
    for name, source in (("child.mp4", parent), ("grandchild.mp4", tmp_path / "child.mp4")):
        request = request_for(development_identity, parent=source)
        sign_file(plain_mp4, tmp_path / name, request, development_identity)
        report = read_manifest(tmp_path / name, trust)
        assert report.state == "trusted"
        assert "assertion.bmffHash.mismatch" in report.codes
        assert report.binding_ok is True


def test_a_captured_child_of_generated_footage_is_still_ai(
    tmp_path: Path, plain_mp4: Path, signed: Path, development_identity, request_for, trust
):
    request = request_for(development_identity, parent=signed, source="captured")
    sign_file(plain_mp4, tmp_path / "child.mp4", request, development_identity)
    assert read_manifest(tmp_path / "child.mp4", trust).ai_generated is True


def test_a_parent_with_a_sidecar_brings_its_history(
    tmp_path: Path, plain_mp4: Path, plain_webm: Path, development_identity, request_for, trust
):
    manifest = sign_file(
        plain_webm, tmp_path / "t", request_for(development_identity), development_identity
    )
    publish(tmp_path / "t", tmp_path / "parent.webm", manifest)
    request = request_for(development_identity, parent=tmp_path / "parent.webm")
    sign_file(plain_mp4, tmp_path / "child.mp4", request, development_identity)
    report = read_manifest(tmp_path / "child.mp4", trust)
    assert report.state == "trusted"
    assert report.codes == ()
    assert report.ingredients[0].manifest_label is not None
    assert report.ingredients[0].format == "video/webm"


def test_a_parent_with_unreadable_credentials_is_named_without_them(
    tmp_path: Path, plain_mp4: Path, signed: Path, development_identity, request_for, trust
):
    raw = bytearray(signed.read_bytes())
    box = raw.index(C2PA_BOX)
    raw[box + 100 : box + 140] = b"\xff" * 40
    (tmp_path / "broken.mp4").write_bytes(raw)
    assert read_manifest(tmp_path / "broken.mp4", trust).state == "invalid"
    request = request_for(development_identity, parent=tmp_path / "broken.mp4")
    sign_file(plain_mp4, tmp_path / "child.mp4", request, development_identity)
    report = read_manifest(tmp_path / "child.mp4", trust)
    assert report.state == "trusted"
    assert report.ingredients[0].title == "Original"
    assert report.ingredients[0].manifest_label is None


def test_a_remux_loses_the_manifest_and_the_store_s_copy_is_judged_without_the_bytes(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for, trust
):
    manifest = sign_file(
        plain_mp4, tmp_path / "s.mp4", request_for(development_identity), development_identity
    )
    lost = remux(tmp_path / "s.mp4", tmp_path / "lost.mp4")
    assert not has_manifest(lost)
    assert read_manifest(lost, trust).present is False
    report = read_recovered_manifest(lost, manifest, trust)
    assert (report.source, report.state) == ("recovered", "trusted")
    assert report.binding_ok is False
    assert report.content_id == "00000000003039"
    assert read_recovered_manifest(lost, manifest, TrustSettings()).state == "valid"
    other = remux(tmp_path / "s.mp4", tmp_path / "lost.mkv")
    assert read_recovered_manifest(other, manifest, trust).state == "trusted"


def test_a_changed_manifest_from_a_store_is_not_believed(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for, trust
):
    manifest = sign_file(
        plain_mp4, tmp_path / "s.mp4", request_for(development_identity), development_identity
    )
    forged = manifest.replace(b"LTX Video 2.3", b"Camera Brand!")
    assert forged != manifest
    report = read_recovered_manifest(plain_mp4, forged, trust)
    assert report.state == "invalid"
    assert "assertion.hashedURI.mismatch" in report.codes
    for garbage in (b"", b"\0" * 100, manifest[: len(manifest) // 2]):
        assert read_recovered_manifest(plain_mp4, garbage, trust).state in {None, "invalid"}


def test_damaged_manifests_never_crash_and_never_gain_trust(tmp_path: Path, signed: Path, trust):
    raw = signed.read_bytes()
    start = raw.index(C2PA_BOX) + 16
    honest = read_manifest(signed, trust)
    draw = random.Random(11)
    states = []
    for _ in range(60):
        damaged = bytearray(raw)
        for _ in range(draw.choice((1, 3, 20))):
            damaged[start + draw.randrange(3400)] = draw.randrange(256)
        path = tmp_path / "damaged.mp4"
        path.write_bytes(damaged)
        report = read_manifest(path, trust)
        states.append(report.state)
        if report.state == "trusted":  # only padding was hit
            assert report == honest
    assert states.count("invalid") > 30


def test_files_that_are_no_media_have_no_manifest(tmp_path: Path, trust):
    path = tmp_path / "x.mp4"
    for content in (b"\0", b"hello" * 100, b"\0\0\0\x08ftyp", b"\0\0\0\x18ftypmp42" + b"\0" * 90):
        path.write_bytes(content)
        report = read_manifest(path, trust)
        assert report.present is False
        assert report.state is None
        assert not has_manifest(path)


def test_too_large_is_said_and_not_read(signed: Path, trust):
    for limits in (ReadLimits(file_bytes=1000), ReadLimits(manifest_bytes=1000)):
        report = read_manifest(signed, trust, limits=limits)
        assert report.present
        assert report.state is None
        assert "not checked" in (report.error or "")


def test_no_address_in_a_file_is_asked(
    tmp_path: Path, plain_mp4: Path, development_identity, request_for, trust
):
    """Files that name a remote manifest, as input of every function here, and a canary server."""
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/m.c2pa"
        trap = tmp_path / "trap.mp4"
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                b"es256",
                development_identity.certificate_chain,
                development_identity.private_key,
                None,
            )
        )
        created = {
            "action": "c2pa.created",
            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
        }
        definition = {
            "claim_generator_info": [{"name": "trap", "version": "1"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
        }
        with (
            open_context(trust, signer=signer) as context,
            c2pa.Builder(definition, context) as builder,
            plain_mp4.open("rb") as source,
            trap.open("w+b") as target,
        ):
            builder.set_remote_url(url)
            builder.set_no_embed()
            manifest = builder.sign("video/mp4", source, target)
        assert url.encode() in trap.read_bytes()

        report = read_manifest(trap, trust)
        assert report.present is False
        assert report.remote_url == url
        has_manifest(trap)
        assert read_recovered_manifest(trap, manifest, trust).state == "trusted"
        request = request_for(development_identity, parent=trap)
        sign_file(trap, tmp_path / "s.mp4", request, development_identity)
        read_manifest(tmp_path / "s.mp4", trust)
        with pytest.raises(BlockingIOError):  # nobody called
            canary.accept()

        # The same file with the library's own defaults: the canary can be heard.
        with pytest.raises(c2pa.C2paError), trap.open("rb") as file:
            _read_with_defaults(file, canary)


def _read_with_defaults(file, canary: socket.socket) -> None:
    import threading

    def refuse() -> None:
        canary.setblocking(True)
        connection, _ = canary.accept()
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        connection.close()
        heard.set()

    heard = threading.Event()
    thread = threading.Thread(target=refuse)
    thread.start()
    try:
        with c2pa.Context() as context:
            c2pa.Reader("video/mp4", file, context=context)
    finally:
        assert heard.wait(10)
        thread.join()


def test_a_copy_of_a_signed_file_is_as_good(tmp_path: Path, signed: Path, trust):
    copy = Path(shutil.copy(signed, tmp_path / "copy.mov"))
    assert read_manifest(copy, trust).state == "trusted"

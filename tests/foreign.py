"""Files as other makers sign them: any kind that the library signs, with any assertions."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import c2pa
import cv2
import numpy as np

from provenance.trust import TrustSettings, open_context

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.keys import Identity

SVG = (
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>\n'
)
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
}


def draw(kind: str) -> bytes:
    """A small picture or sound of this ``kind`` (:data:`MIME`)."""
    if kind == "svg":
        return SVG
    if kind in ("wav", "mp3", "flac", "m4a"):
        return _sound(kind)
    if kind == "gif":
        return _gif()
    y, x = np.mgrid[0:48, 0:64]
    picture = np.stack([x * 3, y * 4, x + y], axis=-1).astype(np.uint8)
    done, data = cv2.imencode(f".{kind}", picture)
    assert done
    return data.tobytes()


def sign(
    data: bytes,
    kind: str,
    identity: Identity,
    *,
    generator: dict[str, Any] | None = None,
    title: str = "picture",
    assertions: list[dict[str, Any]] | None = None,
    action: dict[str, Any] | None = None,
) -> bytes:
    """``data`` with a manifest that ``identity`` signed."""
    done = [{"action": "c2pa.created", "digitalSourceType": AI}, *([action] if action else [])]
    definition = {
        "claim_generator_info": [generator or {"name": "Other Maker", "version": "3"}],
        "title": title,
        "assertions": [
            {"label": "c2pa.actions.v2", "created": True, "data": {"actions": done}},
            *(assertions or []),
        ],
    }
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(
            identity.algorithm.encode(), identity.certificate_chain, identity.private_key, None
        )
    )
    trust = TrustSettings().with_anchor(identity.trust_anchor)
    target = io.BytesIO()
    with (
        open_context(trust, signer=signer) as context,
        c2pa.Builder(definition, context) as builder,
    ):
        builder.sign(MIME.get(kind, f"video/{kind}"), io.BytesIO(data), target)
    return target.getvalue()


def write(path: Path, kind: str, identity: Identity, **changes: Any) -> Path:
    path.write_bytes(sign(draw(kind), kind, identity, **changes))
    return path


def _sound(kind: str) -> bytes:
    codec = {"wav": "pcm_s16le", "mp3": "mp3", "flac": "flac", "m4a": "aac"}[kind]
    target = io.BytesIO()
    with av.open(target, "w", format={"m4a": "ipod"}.get(kind, kind)) as output:
        track = output.add_stream(codec, rate=44_100)
        track.codec_context.layout = "mono"
        wave = (0.3 * np.sin(np.arange(44_100) / 20)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
        frame.sample_rate = 44_100
        resampler = av.AudioResampler(
            format=track.codec_context.format, layout="mono", rate=44_100, frame_size=1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(track.encode(piece))
        output.mux(track.encode(None))
    return target.getvalue()


def _gif() -> bytes:
    """One picture of 8 × 8 white and black pixels, as the format's description has it."""
    head = b"GIF89a" + b"\x08\x00\x08\x00" + b"\x80\x00\x00" + b"\xff\xff\xff\x00\x00\x00"
    codes = bytes.fromhex("848fa9cbed0fa39cb4da8bb3de3c00")
    picture = b"\x2c\x00\x00\x00\x00\x08\x00\x08\x00\x00" + b"\x02"
    return head + picture + bytes([len(codes)]) + codes + b"\x00" + b"\x3b"

"""Images and sound that users give, read with the same distrust as videos."""

from __future__ import annotations

import os
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from generators.base import GuideImage
from provenance.errors import (
    InputEmpty,
    InputForbidden,
    MediaTooLarge,
    MediaTooSmall,
    UnreadableMedia,
    UnsupportedMedia,
)
from provenance.regular_file import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 64 << 20
MAX_PIXELS = 8192 * 8192
LEAST_SIDE = 16
_PNG, _JPEG, _WEBP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"
# Start of frame, of all kinds (ITU-T T.81, table B.1): there the size of a JPEG stands.
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def read_image(given: str | os.PathLike[str] | GuideImage) -> GuideImage:
    """An image file, ``FILE`` or ``FILE@SECONDS``, as sRGB turned the right way up.

    Raises :class:`~provenance.errors.InputError` of the kind that fits.
    """
    if isinstance(given, GuideImage):
        return given
    path, time_s = split_time(os.fspath(given))
    return GuideImage(pixels=_pixels(path), time_s=time_s)


def split_time(text: str) -> tuple[Path, float]:
    """``FILE@SECONDS`` apart; a file whose name has an @ and no number behind it is a file."""
    name, at, seconds = text.rpartition("@")
    if at and name:
        try:
            return Path(name), float(seconds)
        except ValueError:
            pass
    return Path(text), 0.0


def _pixels(path: Path) -> NDArray[np.uint8]:
    import cv2

    raw = _bytes_of(path)
    if not raw.startswith((_PNG, _JPEG, _WEBP)):
        raise UnsupportedMedia(f"{path} is no image", hint="PNG, JPEG and WebP are read")
    # Before it is decoded: a few bytes may claim a picture that fills the memory.
    width, height = _declared_size(raw)
    if width * height > MAX_PIXELS:
        raise MediaTooLarge(
            f"{path} is {width}×{height} pixels", hint="use an image of at most 8192×8192"
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise UnsupportedMedia(f"{path} cannot be decoded", hint="it is damaged; save it again")
    if min(pixels.shape[:2]) < LEAST_SIDE:
        raise MediaTooSmall(
            f"{path} is {pixels.shape[1]}×{pixels.shape[0]} pixels",
            hint=f"at least {LEAST_SIDE} pixels a side are needed",
        )
    return np.ascontiguousarray(pixels[..., ::-1], np.uint8)


def _declared_size(raw: bytes) -> tuple[int, int]:
    """Width and height as the head says; (0, 0) where it does not, and for WebP, which cannot be
    larger than 16383×16383.
    """
    if raw.startswith(_PNG):
        return int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24])
    place = 2
    while raw.startswith(_JPEG) and place + 9 <= len(raw) and raw[place] == 0xFF:
        if raw[place + 1] in _FRAMES:
            height = int.from_bytes(raw[place + 5 : place + 7])
            return int.from_bytes(raw[place + 7 : place + 9]), height
        place += 2 + int.from_bytes(raw[place + 2 : place + 4])
    return 0, 0


def _bytes_of(path: Path) -> bytes:
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise MediaTooLarge(
                f"{path} has {size >> 20} MiB", hint=f"at most {MAX_BYTES >> 20} MiB are read"
            )
        try:
            raw = file.read(MAX_BYTES)
        except OSError as error:
            raise InputForbidden(
                f"{path} cannot be read: {error.strerror}", hint="check the disk that it is on"
            ) from error
    if not raw:
        raise InputEmpty(f"{path} is empty", hint="name an image")
    return raw


def read_sound(path: Path, *, seconds: float, rate: int = 24_000) -> NDArray[np.float32]:
    """The first ``seconds`` of the sound in a file: (N, 2) float32 at ``rate``, silence behind its
    end. Raises :class:`~provenance.errors.InputError` of the kind that fits, also where the file is
    damaged or cut off before what is wanted of it.
    """
    from scipy.signal import resample_poly

    from provenance.video import open_sound

    with open_sound(path) as reader:
        source = reader.info.audio.sample_rate
        wanted = int(np.ceil(seconds * source)) + 1
        blocks, have = [], 0
        for block in reader.blocks():
            blocks.append(block)
            have += len(block)
            if have >= wanted:
                break
        if have < wanted and reader.damaged is not None:
            raise UnreadableMedia(
                f"{path}: {reader.damaged}", hint="it is cut off or damaged; copy or save it again"
            )
    samples = np.concatenate(blocks)[:wanted]
    if samples.shape[1] == 1:
        samples = np.repeat(samples, 2, axis=1)
    common = gcd(rate, source)
    resampled = resample_poly(samples[:, :2], rate // common, source // common, axis=0)
    count = round(seconds * rate)
    out = np.zeros((count, 2), np.float32)
    out[: len(resampled)] = np.clip(resampled[:count], -1, 1)
    return out

"""What a file is, by its first bytes: the decision of what FFmpeg may try, taken before FFmpeg sees
it.

FFmpeg picks a demuxer by content and by name, and some demuxers (``concat``, ``hls``, ``dash``)
open other files or addresses that the content names. Here the content chooses among five containers
that cannot do that, and the demuxer is then forced.
"""

from __future__ import annotations

from dataclasses import dataclass

from provenance.errors import UnsupportedMedia

HEAD_BYTES = 4096
TS_SYNC = 0x47


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A container that we open: its short name, its media type, FFmpeg's name of the demuxer."""

    container: str
    mime: str
    demuxer: str


MP4 = Kind(container="mp4", mime="video/mp4", demuxer="mov")
MOV = Kind(container="mov", mime="video/quicktime", demuxer="mov")
WEBM = Kind(container="webm", mime="video/webm", demuxer="matroska")
MKV = Kind(container="mkv", mime="video/x-matroska", demuxer="matroska")
AVI = Kind(container="avi", mime="video/x-msvideo", demuxer="avi")
MPEGTS = Kind(container="mpegts", mime="video/mp2t", demuxer="mpegts")
WAV = Kind(container="wav", mime="audio/wav", demuxer="wav")
MP3 = Kind(container="mp3", mime="audio/mpeg", demuxer="mp3")
AAC = Kind(container="aac", mime="audio/aac", demuxer="aac")
FLAC = Kind(container="flac", mime="audio/flac", demuxer="flac")
OGG = Kind(container="ogg", mime="audio/ogg", demuxer="ogg")
PNG = Kind(container="png", mime="image/png", demuxer="png_pipe")
JPEG = Kind(container="jpeg", mime="image/jpeg", demuxer="jpeg_pipe")
WEBP = Kind(container="webp", mime="image/webp", demuxer="webp_pipe")
STILLS = frozenset({PNG.container, JPEG.container, WEBP.container})
"""Containers of one picture."""

# The box types that an ISO or QuickTime file may start with; without "ftyp" it is QuickTime.
FIRST_BOXES = frozenset(
    {b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"uuid"}
)
IMAGE_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})

# (offset, bytes, what it is): only for the message, so the order decides between overlaps.
LOOKS_LIKE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"#EXTM3U", "an HLS playlist, which only points to media"),
    (0, b"ffconcat", "an ffconcat list, which only points to media"),
    (0, b"\x89PNG\r\n\x1a\n", "an image (PNG)"),
    (0, b"\xff\xd8\xff", "an image (JPEG)"),
    (0, b"GIF8", "an image (GIF)"),
    (8, b"WEBP", "an image (WebP)"),
    (0, b"BM", "an image (BMP)"),
    (0, b"II*\0", "an image (TIFF)"),
    (0, b"MM\0*", "an image (TIFF)"),
    (0, b"8BPS", "an image (Photoshop)"),
    (8, b"WAVE", "audio (WAV)"),
    (0, b"ID3", "audio (MP3)"),
    (0, b"\xff\xfb", "audio (MP3)"),
    (0, b"\xff\xf1", "audio (AAC)"),
    (0, b"fLaC", "audio (FLAC)"),
    (0, b"OggS", "an Ogg file"),
    (0, b"FORM", "an IFF file (AIFF audio?)"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\x30\x26\xb2\x75", "Windows Media"),
    (0, b"\0\0\x01\xba", "an MPEG program stream"),
    (0, b"\0\0\x01\xb3", "a bare MPEG video stream without a container"),
    (0, b"\0\0\0\x01", "a bare H.264 or HEVC stream without a container"),
    (0, b"DKIF", "a bare VP8, VP9 or AV1 stream (IVF)"),
    (0, b"YUV4MPEG2", "uncompressed video (Y4M)"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
)

_VIDEO = "MP4, MOV, WebM, Matroska, AVI or MPEG-TS"
HINT = f"give a video file: {_VIDEO}"
_SOUND_HINT = f"give a file of sound (WAV, MP3, M4A, AAC, FLAC, Ogg) or a video file ({_VIDEO})"


def sniff(head: bytes, name: str) -> Kind:
    """The container that ``head`` (up to ``HEAD_BYTES`` first bytes of the file ``name``) starts.

    Raises :class:`~provenance.errors.UnsupportedMedia`, which says what it looks like instead.
    """
    kind = _video(head)
    if kind is None:
        message = f"{name} is not a video file that can be opened: it looks like {describe(head)}"
        raise UnsupportedMedia(message, hint=HINT)
    return kind


def sniff_sound(head: bytes, name: str) -> Kind:
    """As :func:`sniff`, for files of sound too: WAV, MP3, AAC, FLAC and Ogg."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return WAV
    kind = {b"fLaC": FLAC, b"OggS": OGG}.get(head[:4]) or _framed_sound(head) or _video(head)
    if kind is None:
        message = f"{name} is neither sound nor video that can be opened: it looks like "
        raise UnsupportedMedia(message + describe(head), hint=_SOUND_HINT)
    return kind


def sniff_still(head: bytes, name: str) -> Kind:
    """As :func:`sniff`, for single pictures: PNG, JPEG and WebP."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    message = f"{name} is not a picture that can be opened: it looks like {describe(head)}"
    raise UnsupportedMedia(message, hint="give a PNG, JPEG or WebP file")


def _video(head: bytes) -> Kind | None:
    return _iso(head) or _ebml(head) or _riff(head) or _transport_stream(head)


def _framed_sound(head: bytes) -> Kind | None:
    """Sound that is nothing but frames, or has a note of titles before them."""
    if head.startswith(b"ID3"):
        return MP3
    if len(head) < 2 or head[0] != 0xFF:
        return None
    # Eleven bits of synchronisation, then version and layer (ISO/IEC 11172-3, 13818-7): layer 0
    # is AAC.
    if head[1] & 0xF6 == 0xF0:
        return AAC
    return MP3 if head[1] & 0xE0 == 0xE0 and head[1] & 0x06 == 0x02 else None


def describe(head: bytes) -> str:
    """What a file that is no video looks like, in words."""
    if head[4:8] == b"ftyp" and head[8:12] in IMAGE_BRANDS:
        return "an image (HEIF or AVIF)"
    for offset, magic, words in LOOKS_LIKE:
        if head.startswith(magic, offset):
            return words
    return "text" if _is_text(head) else "something unknown"


def _iso(head: bytes) -> Kind | None:
    box = head[4:8]
    if box == b"ftyp":
        brand = head[8:12]
        if brand in IMAGE_BRANDS:
            return None
        return MOV if brand == b"qt  " else MP4
    return MOV if box in FIRST_BOXES else None


def _ebml(head: bytes) -> Kind | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    # DocType: element 0x4282, a one-byte length, then the name.
    at = head.find(b"\x42\x82")
    return WEBM if at >= 0 and head[at + 3 : at + 7] == b"webm" else MKV


def _riff(head: bytes) -> Kind | None:
    return AVI if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX") else None


def _transport_stream(head: bytes) -> Kind | None:
    # Packets of 188 bytes, or of 192 with four bytes of time in front (camcorders, Blu-ray).
    for first, size in ((0, 188), (4, 192)):
        starts = range(first, min(len(head), first + 4 * size), size)
        if len(starts) >= 2 and all(head[at] == TS_SYNC for at in starts):
            return MPEGTS
    return None


def _is_text(head: bytes) -> bool:
    printable = sum(byte >= 0x20 or byte in b"\t\r\n" for byte in head)
    return b"\0" not in head and printable > 0.95 * len(head)

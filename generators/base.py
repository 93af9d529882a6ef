"""What is asked of a generator, and what a generator is."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from provenance.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from provenance.clip import AudioSpec, Chunk, VideoSpec

MAX_PROMPT_BYTES = 4096
MAX_DURATION_S = 45.0
MAX_STREAM_S = 3600.0
RATES = (Fraction(24_000, 1001), Fraction(50))
SIDES_PX = (128, 4096)  # below, there is no room for a mark
MAX_PIXELS = 4096 * 2304
NAMED_SIZES = {
    "360p": (640, 360),
    "480p": (854, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
    "2160p": (3840, 2160),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideImage:
    """A picture (H, W, 3) uint8 sRGB that the clip has to pass through at ``time_s``."""

    pixels: NDArray[np.uint8]
    time_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A clip that is wanted; raises :class:`OptionError` for one that cannot be.

    ``width`` and ``height`` in pixels, ``rate`` in frames a second. ``style``: a word or two that
    are added to the prompt. ``sound``: (N, 2) float32 at 24 kHz, given in place of generated
    sound; the pictures follow it. ``live``: made as a stream, for up to an hour.
    """

    prompt: str
    width: int = 854
    height: int = 480
    rate: Fraction = Fraction(24)
    duration_s: float = 3.0
    audio: bool = True
    style: str | None = None
    images: tuple[GuideImage, ...] = ()
    sound: NDArray[np.float32] | None = None
    seed: int = 0
    live: bool = False

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        if not self.prompt.strip():
            raise OptionError("the prompt is empty", hint="say what is to be seen and heard")
        _check_text("style", self.style or "")
        _check_size(self.width, self.height)
        if not RATES[0] <= self.rate <= RATES[1]:
            raise OptionError(f"{float(self.rate):g} frames a second", hint="24 to 50 are possible")
        longest_s = MAX_STREAM_S if self.live else MAX_DURATION_S
        if not 1 / float(self.rate) <= self.duration_s <= longest_s:
            raise OptionError(
                f"a clip of {self.duration_s:g} seconds",
                hint=f"one frame to {longest_s:g} seconds are possible",
            )
        for image in self.images:
            if not 0 <= image.time_s <= self.duration_s:
                raise OptionError(
                    f"an image at {image.time_s:g} s in a clip of {self.duration_s:g} s",
                    hint="place it inside the clip",
                )
        if not 0 <= self.seed < 1 << 63:
            raise OptionError(f"seed {self.seed}", hint="0 to 2⁶³ − 1 are possible")

    @property
    def frames(self) -> int:
        return max(1, round(self.duration_s * self.rate))

    @property
    def text(self) -> str:
        """What the model reads."""
        return f"{self.prompt}, {self.style}" if self.style else self.prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told how far it is: ``report(stage, share)``, called every now and then.

    ``report`` may raise, to stop.
    """

    report: Callable[[str, float], None] = field(default=lambda _stage, _share: None)


class Generator(Protocol):
    """A model that can be asked for clips. It yields chunks and never sees a path: files are
    written by :class:`provenance.ProvenanceWriter` alone, which marks and signs them.
    """

    @property
    def model(self) -> str:
        """The name under which the mark knows it, see :data:`provenance.MODELS`."""
        ...

    @property
    def trained(self) -> bool:
        """Whether it learned anything; what it makes is noise otherwise."""
        ...

    def unknown_words(self, request: Request) -> list[str]:
        """Words of the text that the model was never taught."""
        ...

    def unread_text(self, request: Request) -> str:
        """The end of the text that the model does not read, because it is longer than that."""
        ...

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]:
        """What the chunks of a request will be. Raises :class:`OptionError` for one that this
        model cannot make.
        """
        ...

    def generate(self, request: Request, watch: Watch) -> Iterator[Chunk]:
        """The clip from its start to its end.

        Raises :class:`~provenance.errors.DeviceFull` where it does not fit the memory.
        """
        ...


class StreamingGenerator(Protocol):
    """A model that makes a clip from its start to its end, each chunk from those before it, so
    that the first is there soon and the length costs no memory. As with a :class:`Generator`, what
    it yields reaches the world through :class:`provenance.ProvenanceWriter` alone.
    """

    @property
    def model(self) -> str: ...

    @property
    def trained(self) -> bool: ...

    def unknown_words(self, request: Request) -> list[str]: ...

    def unread_text(self, request: Request) -> str: ...

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]: ...

    def chunks(self, request: Request) -> Iterator[Chunk]:
        """The clip, a chunk as soon as it is made; closing the iterator frees what it holds.

        Raises :class:`~provenance.errors.DeviceFull` where it does not fit the memory.
        """
        ...


def parse_size(text: str) -> tuple[int, int]:
    """``WxH`` or a name such as ``1080p`` as (width, height); raises :class:`OptionError`."""
    named = NAMED_SIZES.get(text.strip().lower())
    if named is not None:
        return named
    width, _, height = text.strip().lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(width) < 6 and len(height) < 6):
        raise OptionError(
            f"resolution {text[:40]!r}", hint=f"WIDTHxHEIGHT, or {', '.join(NAMED_SIZES)}"
        )
    return int(width), int(height)


_LONGEST_RATE = 24  # characters


def parse_rate(text: str) -> Fraction:
    """``24``, ``29.97``, ``30000/1001``; raises :class:`OptionError`."""
    # A Fraction of 1e99999999 would be computed.
    exact = len(text) <= _LONGEST_RATE and "e" not in text.lower()
    try:
        rate = Fraction(text.strip() if exact else "")
    except (ValueError, ZeroDivisionError) as error:
        raise OptionError(f"{text[:40]!r} frames a second", hint="24 to 50 are possible") from error
    # What is written as 29.97 is 30000/1001: NTSC's thousandth (SMPTE ST 170).
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return ntsc if rate.denominator > 1 and abs(ntsc - rate) < Fraction(1, 200) else rate


def _check_text(name: str, text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_PROMPT_BYTES:
        raise OptionError(
            f"a {name} of {size:,} bytes", hint=f"at most {MAX_PROMPT_BYTES:,} are read"
        )


def _check_size(width: int, height: int) -> None:
    least, most = SIDES_PX
    if min(width, height) < least or max(width, height) > most or width * height > MAX_PIXELS:
        raise OptionError(
            f"{width}×{height} pixels", hint=f"sides of {least} to {most} pixels, up to 4096×2304"
        )
    if width % 2 or height % 2:
        raise OptionError(f"{width}×{height} pixels", hint="take even numbers")
    if not 1 / 3 <= width / height <= 3:
        raise OptionError(f"{width}×{height} pixels", hint="a side at most three times the other")


def largest_fitting(pixels: int) -> str:
    """The name of the largest usual size with at most so many pixels, for hints."""
    fitting = [name for name, (w, h) in NAMED_SIZES.items() if w * h <= pixels]
    return max(fitting, key=lambda name: NAMED_SIZES[name][0], default="360p")


def as_frames(pictures: Any) -> Any:
    """(T, 3, H, W) in −1…1, a tensor → (T, H, W, 3) uint8 sRGB: a tensor on a GPU, where the writer
    marks it, else numpy.
    """
    return handed_out(as_levels(pictures))


def as_levels(pictures: Any) -> Any:
    """(T, 3, H, W) in −1…1 → (T, H, W, 3) uint8 sRGB, both tensors."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)


def handed_out(levels: Any) -> Any:
    """A tensor of levels as :func:`as_frames` gives it."""
    return levels if levels.device.type == "cuda" else levels.cpu().numpy()

"""From a request to a marked, signed file, and how far that is."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from generators.ahead import made_ahead
from generators.base import Request, Watch, parse_rate, parse_size
from generators.pictures import read_image, read_sound, split_time
from provenance.errors import DiskFull, OptionError

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from generators.base import Generator, GuideImage
    from generators.helios import HeliosGenerator
    from provenance.clip import AudioSpec, Chunk, VideoSpec
    from provenance.keys import Identity
    from provenance.store import Store
    from provenance.video import EncodeSettings
    from provenance.video.live import ByteSink
    from provenance.writer import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A finished file, words of the prompt that the model does not know, the end of it that the
    model did not read, and where time went.
    """

    path: Path
    model: str
    trained: bool
    written: Written
    unknown_words: tuple[str, ...]
    unread_text: str
    timings_s: dict[str, float] = field(default_factory=dict)


def generate(
    prompt: str,
    output: str | os.PathLike[str],
    *,
    model: str = "ltx-2.3",
    resolution: str = "480p",
    fps: str | float = 24,
    duration: float = 3.0,
    audio: bool = True,
    style: str | None = None,
    images: Iterable[str | os.PathLike[str] | GuideImage] = (),
    sound: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str | None = None,
    identity: Identity | None = None,
    store: Store | None = None,
    progress: Callable[[str, float], None] = lambda _stage, _share: None,
) -> Generated:
    """Make a clip with sound from a text, and write it to ``output``, marked and signed.

    ``model``: a name that comes with the package, or a folder of weights. ``resolution``: ``WxH``
    or a name such as ``1080p``. ``images``: files, ``FILE@SECONDS`` for one inside the clip, or
    :class:`~generators.base.GuideImage`. ``sound``: a file whose sound is used, and which the
    pictures follow. The prompt stays here: the file has a keyed digest of it alone.

    Raises :class:`~provenance.errors.OptionError`, :class:`~provenance.errors.WeightsMissing`,
    :class:`~provenance.errors.DeviceMissing`, :class:`~provenance.errors.DeviceFull`,
    :class:`~provenance.errors.InputError` for images and sound, and what
    :class:`~provenance.ProvenanceWriter` raises.
    """
    request = make_request(
        prompt,
        resolution=resolution,
        fps=fps,
        duration=duration,
        audio=audio,
        style=style,
        images=images,
        sound=sound,
        seed=seed,
    )
    started = time.monotonic()
    generator = open_generator(model, device)
    loaded_s = time.monotonic() - started
    made = write(
        generator,
        request,
        Path(output),
        identity=identity,
        store=store,
        watch=Watch(report=progress),
    )
    return replace(made, timings_s={"loading": round(loaded_s, 3)} | made.timings_s)


def make_request(
    prompt: str,
    *,
    resolution: str,
    fps: str | float,
    duration: float,
    audio: bool,
    style: str | None,
    images: Iterable[str | os.PathLike[str] | GuideImage],
    sound: str | os.PathLike[str] | None,
    seed: int,
    live: bool = False,
) -> Request:
    """A request of what users write; all of it is checked, and the files are read."""
    width, height = parse_size(resolution)
    if sound is not None and not audio:
        raise OptionError("sound is given and not wanted", hint="leave out one of the two")
    plain = Request(
        prompt=prompt,
        width=width,
        height=height,
        rate=parse_rate(str(fps)),
        duration_s=duration,
        audio=audio,
        style=style,
        seed=seed,
        live=live,
    )
    return replace(
        plain,
        images=tuple(read_image(image) for image in images),
        sound=None if sound is None else read_sound(Path(sound), seconds=plain.duration_s),
    )


def open_generator(model: str, device: str | None = None) -> Generator:
    """The generator of a name, or of a folder: ours, or one that diffusers saved; see
    :func:`generate` for what it raises.
    """
    if is_saved_pipeline(model):
        from generators.adapters.diffusion import open_folder

        return open_folder(model, device)
    from generators.bundle import open_bundle

    bundle = open_bundle(model)
    from generators.devices import choose_device
    from generators.ltx import LtxGenerator
    from generators.presets import streams

    if streams(bundle.size):
        from generators.helios import HeliosGenerator

        return HeliosGenerator(bundle, choose_device(device))
    return LtxGenerator(bundle, choose_device(device))


def is_saved_pipeline(folder: str) -> bool:
    """Whether diffusers saved something in it, for :mod:`generators.adapters`."""
    return (Path(folder) / "model_index.json").is_file()


def open_streaming(
    model: str, device: str | None = None, *, steps: int | None = None
) -> HeliosGenerator:
    """The streaming generator of a name or a folder; raises as :func:`open_generator`, and
    :class:`~provenance.errors.OptionError` for a model that does not stream.
    """
    from generators.bundle import open_bundle

    bundle = open_bundle(model)
    from generators.devices import choose_device
    from generators.helios import HeliosGenerator
    from generators.presets import streams

    if not streams(bundle.size):
        raise OptionError(
            f"{model} makes clips as a whole and cannot stream them", hint="use ltx-generate"
        )
    return HeliosGenerator(bundle, choose_device(device), steps=steps)


def write(
    generator: Generator,
    request: Request,
    output: Path,
    *,
    identity: Identity | None = None,
    store: Store | None = None,
    settings: EncodeSettings | None = None,
    stream: ByteSink | None = None,
    watch: Watch,
) -> Generated:
    """Generate ``request`` into ``output``; the only way from a generator to a file.

    ``stream`` gets it while it is made, see :class:`~provenance.ProvenanceWriter`; then the next
    chunk is made in a thread of its own, where ``watch`` is told, too.
    """
    with begun(generator, request, watch=watch, ahead=stream is not None) as making:
        return written(
            making, output, identity=identity, store=store, settings=settings, stream=stream
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """A clip that is being made, and where time goes."""

    generator: Generator
    request: Request
    watch: Watch
    video: VideoSpec
    audio: AudioSpec | None
    chunks: Iterator[Chunk]
    timings: dict[str, float]


@contextmanager
def begun(generator: Generator, request: Request, *, watch: Watch, ahead: bool) -> Iterator[Making]:
    """``request``, for :func:`written`; ``ahead``: made by a thread of its own from now on."""
    video, audio = generator.specs(request)
    timings = {"generating": 0.0, "marking and encoding": 0.0}
    made = _timed(generator.generate(request, watch), timings)
    with made_ahead(made) if ahead else closing(made) as chunks:
        yield Making(
            generator=generator,
            request=request,
            watch=watch,
            video=video,
            audio=audio,
            chunks=chunks,
            timings=timings,
        )


def written(
    making: Making,
    output: Path,
    *,
    identity: Identity | None = None,
    store: Store | None = None,
    settings: EncodeSettings | None = None,
    stream: ByteSink | None = None,
) -> Generated:
    """What is being made, in ``output``: as :func:`write` says."""
    # Imported here: of a stream the first pictures are being made meanwhile.
    from provenance.writer import ProvenanceWriter

    generator, request, timings = making.generator, making.request, making.timings
    writer = ProvenanceWriter(
        output,
        making.video,
        identity,
        model=generator.model,
        prompt=request.text,
        audio=making.audio,
        store=store,
        settings=settings or _settings_for(output),
        stream=stream,
    )
    with writer:
        for chunk in making.chunks:
            before = time.monotonic()
            writer.write(chunk.frames, audio=chunk.audio)
            timings["marking and encoding"] += time.monotonic() - before
        before = time.monotonic()
    timings["signing"] = time.monotonic() - before
    making.watch.report("done", 1.0)
    return Generated(
        path=output,
        model=generator.model,
        trained=generator.trained,
        written=writer.result,
        unknown_words=tuple(generator.unknown_words(request)),
        unread_text=generator.unread_text(request),
        timings_s={stage: round(seconds, 3) for stage, seconds in timings.items()},
    )


def _settings_for(output: Path) -> EncodeSettings | None:
    """WebM holds no H.264, which is what is written otherwise."""
    from provenance.video import EncodeSettings

    return EncodeSettings(codec="av1") if output.suffix.lower() == ".webm" else None


def _timed(
    chunks: Iterator[Chunk], timings: dict[str, float]
) -> collections.abc.Generator[Chunk, None, None]:
    try:
        while True:
            before = time.monotonic()
            chunk = next(chunks, None)
            timings["generating"] += time.monotonic() - before
            if chunk is None:
                return
            yield chunk
    finally:
        close = getattr(chunks, "close", None)  # an iterator need not have one
        if close is not None:
            close()


def check_places(output: Path, images: Sequence[str], sound: Path | None = None) -> None:
    """Refuse an output that cannot be written, or is one of the inputs.

    Raises what :func:`~provenance.sealing.check_output` does.
    """
    from provenance.sealing import check_output

    check_output(output)
    inputs = [split_time(image)[0] for image in images]
    check_output(output, (*inputs, *([] if sound is None else [Path(sound)])))


def check_room(output: Path, request: Request) -> None:
    """Raises :class:`DiskFull` where the disk cannot hold the clip by a generous guess."""
    stat = os.statvfs(output.parent if str(output.parent) else ".")
    needed = int(request.width * request.height * request.frames * 0.05) + (1 << 20)
    if stat.f_bavail * stat.f_frsize < needed:
        raise DiskFull(
            f"{output}: about {needed >> 20} MiB are needed and "
            f"{stat.f_bavail * stat.f_frsize >> 20} MiB are free",
            hint="make room, or ask for a smaller or shorter clip",
        )

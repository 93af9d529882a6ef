"""A pipeline of diffusers as a generator."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from generators.adapters.chunking import chunks, frames_of, samples_of, up_to
from generators.adapters.decoding import (
    decode_in_steps,
    decoded_in_windows,
    replaced_decode,
    withheld_decode,
)
from generators.adapters.kinds import KINDS
from generators.adapters.pulling import pulled
from provenance.clip import AudioSpec, Chunk, VideoSpec
from provenance.errors import DeviceFull, FrameError, OptionError, PackageMissing, UnsupportedMedia
from provenance.payload import model_by_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from generators.adapters.kinds import Kind
    from generators.base import Request, Watch

INDEX = "model_index.json"
_OURS = frozenset(
    {"prompt", "height", "width", "num_frames", "frame_rate", "generator", "output_type"}
    | {"return_dict", "image", "num_videos_per_prompt", "callback_on_step_end", "conditions"}
)
"""What a call says that comes out of the request."""
_LIMIT = "max_sequence_length"  # tokens of a prompt that a pipeline reads


def protect(pipeline: Any, *, model: str | None = None, **call: Any) -> DiffusersGenerator:
    """``pipeline``, an object of diffusers, as a generator whose every frame will be marked.

    ::

        pipeline = LTXPipeline.from_pretrained("./ltx-video", torch_dtype=torch.bfloat16).to("cuda")
        request = Request(prompt="a red ball", width=1280, height=704, duration_s=5, audio=False)
        write(protect(pipeline), request, Path("out.mp4"), watch=Watch())

    ``model``: the name that the mark gives it, where the usual one of its class is not the right
    one. ``call``: what else the pipeline is called with, ``num_inference_steps=8`` for one.
    Raises :class:`~provenance.errors.OptionError` for a pipeline without an adapter or what it
    cannot be called with, :class:`~provenance.errors.UnknownModel`.
    """
    name = type(pipeline).__name__
    kind = KINDS.get(name)
    if kind is None:
        raise OptionError(
            f"there is no adapter for {name}",
            hint=f"there are some for {', '.join(KINDS)}; frames of any other model go through "
            "ProvenanceWriter, and files that a program writes through ltx-protect",
        )
    accepted = inspect.signature(type(pipeline).__call__).parameters
    for key in call:
        if key in _OURS:
            raise OptionError(f"{key} is a matter of the request", hint="leave it out of the call")
        if key not in accepted:
            raise OptionError(f"{name} is not called with {key}", hint=f"see the help of {name}")
    return DiffusersGenerator(
        pipeline=pipeline,
        kind=kind,
        model=model_by_key(model or kind.model).key,
        call=dict(call),
    )


def open_folder(folder: str, device: str | None = None, **call: Any) -> DiffusersGenerator:
    """The pipeline that diffusers saved in ``folder``, on ``device``, as a generator.

    Nothing is fetched, and no code that lies in the folder is run. Raises
    :class:`~provenance.errors.PackageMissing` without diffusers,
    :class:`~provenance.errors.UnsupportedMedia` for a folder that cannot be read, and what
    :func:`protect` raises.
    """
    path = Path(folder) / INDEX
    try:
        name = json.loads(path.read_text("utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedMedia(
            f"{path} does not name a pipeline", hint="give a folder that diffusers saved"
        ) from error
    if name not in KINDS:
        raise OptionError(
            f"there is no adapter for {str(name)[:80]}",
            hint=f"there are some for {', '.join(KINDS)}",
        )
    try:
        import diffusers
    except ImportError as error:
        raise PackageMissing(
            "diffusers is not installed", hint="pip install 'everyframe[diffusers]'"
        ) from error
    pipelines: Any = diffusers
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        pipeline = getattr(pipelines, name).from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,  # the other format runs code
            dtype=torch.float32 if device == "cpu" else torch.bfloat16,
        )
        pipeline = pipeline.to(device)
    except torch.OutOfMemoryError as error:
        raise _full(name) from error
    except (OSError, ValueError, AttributeError, ImportError, RuntimeError) as error:
        raise UnsupportedMedia(
            f"{folder} cannot be opened as {name}: {str(error)[:300]}",
            hint="download it again, or update diffusers",
        ) from error
    return protect(pipeline, **call)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusersGenerator:
    """See :func:`protect`. One request at a time: the pipeline's codec is replaced meanwhile."""

    pipeline: Any
    kind: Kind
    model: str
    call: Mapping[str, Any] = field(default_factory=dict)
    trained: bool = True

    def unknown_words(self, request: Request) -> list[str]:  # noqa: ARG002
        return []  # nobody but the model knows

    def unread_text(self, request: Request) -> str:
        accepted = inspect.signature(type(self.pipeline).__call__).parameters
        limit = accepted.get(_LIMIT)
        most = self.call.get(_LIMIT, None if limit is None else limit.default)
        tokenizer = getattr(self.pipeline, "tokenizer", None)
        if tokenizer is None or not isinstance(most, int):
            return ""
        text = tokenizer(request.text, add_special_tokens=False).input_ids
        # Such as the end of the text, which is kept when it is cut.
        special = len(tokenizer(request.text).input_ids) - len(text)
        return str(tokenizer.decode(text[max(0, most - special) :]))

    def specs(self, request: Request) -> tuple[VideoSpec, AudioSpec | None]:
        video = VideoSpec(width=request.width, height=request.height, rate=request.rate)
        if not (self.kind.sound and request.audio):
            return video, None
        return video, AudioSpec(sample_rate=self._sound_rate, channels=2)

    def generate(self, request: Request, watch: Watch) -> Iterator[Chunk]:
        """The clip, a piece at a time; raises :class:`~provenance.errors.OptionError` for what
        this pipeline cannot do, before it starts.
        """
        call = self._arguments(request)
        made: Iterator[Any] = pulled(
            lambda hand, check: self._run(call, request, watch, hand, check)
        )
        first = next(made, None)
        if first is None:
            raise FrameError("the pipeline gave no pictures", hint="update diffusers")
        rate, sound = 0, None
        if isinstance(first, _Sound):
            rate, sound = self._sound_rate, first.samples
            blocks = made
        else:
            blocks = chain([first], made)
        try:
            yield from chunks(blocks, request, sound, rate)
        finally:
            made.close()  # type: ignore[attr-defined]  # a generator, as all iterators here

    @property
    def _sound_rate(self) -> int:
        return int(self.pipeline.vocoder.config.output_sampling_rate)

    def _arguments(self, request: Request) -> dict[str, Any]:
        name = type(self.pipeline).__name__
        accepted = inspect.signature(type(self.pipeline).__call__).parameters
        if request.sound is not None:
            raise OptionError(f"{name} does not follow sound", hint="leave the sound out")
        if self.kind.needs_image and not request.images:
            raise OptionError(f"{name} begins with an image", hint="give one")
        call: dict[str, Any] = {
            **self.call,
            "prompt": request.text,
            "height": up_to(request.height, self.kind.multiple),
            "width": up_to(request.width, self.kind.multiple),
            "num_frames": up_to(request.frames - 1, self.kind.step) + 1,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "pt",
        }
        if "frame_rate" in accepted:
            call["frame_rate"] = float(request.rate)
        if request.images:
            if "image" not in accepted:
                raise OptionError(
                    f"{name} takes no image", hint="load the image-to-video pipeline of the model"
                )
            if len(request.images) > 1 or request.images[0].time_s:
                raise OptionError(
                    f"{name} takes one image, its first frame", hint="give one, without a time"
                )
            from PIL.Image import fromarray

            call["image"] = fromarray(request.images[0].pixels)
        return call

    def _run(
        self,
        call: dict[str, Any],
        request: Request,
        watch: Watch,
        hand: Callable[[Any], None],
        check: Callable[[], None],
    ) -> None:
        """The pipeline from start to end, in a thread of its own: pictures are handed out."""
        vae = self.pipeline.vae
        taken = 0

        def told(pipeline: Any, *_step: Any) -> dict[str, Any]:
            nonlocal taken
            check()
            taken += 1
            watch.report("sampling", min(1.0, taken / max(1, int(pipeline.num_timesteps or 1))))
            return {}

        call["callback_on_step_end"] = told
        try:
            with torch.no_grad():
                if self.kind.decoding == "steps":
                    self._run_in_steps(call, hand)
                    return
                with withheld_decode(vae) as kept:
                    made = self.pipeline(**call)
                if self.kind.sound and request.audio:
                    hand(_Sound(samples=samples_of(made.audio)))
                del made
                self._decode_windows(kept.pop(), hand)
        except torch.OutOfMemoryError as error:
            raise _full(type(self.pipeline).__name__) from error

    def _run_in_steps(self, call: dict[str, Any], hand: Callable[[Any], None]) -> None:
        vae = self.pipeline.vae
        decode = vae.decode

        def handed_out(latents: Any, **_how: Any) -> tuple[Any]:
            # The codec's own method asks for pictures by latents, and these are handed out.
            decode_in_steps(vae, decode, latents, lambda made: hand(frames_of(made)))
            return (latents.new_zeros(1, 3, 1, 8, 8),)

        with replaced_decode(vae, handed_out):
            self.pipeline(**call)

    def _decode_windows(self, given: Any, hand: Callable[[Any], None]) -> None:
        vae = self.pipeline.vae
        for pictures in decoded_in_windows(vae, given, self.kind.step):
            hand(frames_of(pictures))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sound:
    samples: NDArray[np.float32]


def _full(name: str) -> DeviceFull:
    return DeviceFull(
        f"{name} does not fit the memory of the device",
        hint="ask for a smaller clip, or call enable_model_cpu_offload() of the pipeline",
    )

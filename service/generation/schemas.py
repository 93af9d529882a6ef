"""What goes over the wire about clips; fields are named as in the models' own APIs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from service.schemas import Wire

MOST_SECONDS = 600
"""Of a clip over HTTP, whatever its model can do."""

GenerationId = Annotated[str, Field(pattern=r"^gen_[0-9a-f]{32}$", examples=["gen_" + "0" * 32])]
_Prompt = Annotated[str, Field(min_length=1, max_length=4096, description="What is to be seen")]
_Size = Annotated[str, Field(min_length=2, max_length=12, examples=["1920x1080", "1080p"])]
_Seed = Annotated[int, Field(ge=0, lt=1 << 53, description="Another seed makes another clip")]
_Rate = Annotated[float, Field(ge=23.9, le=50, description="Frames a second")]
_Length = Annotated[float, Field(gt=0, le=MOST_SECONDS, description="Seconds")]
_Style = Annotated[str | None, Field(max_length=200, description="Added to the prompt")]
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class ClipWish(Wire):
    """A clip that is wanted as files."""

    prompt: _Prompt
    model: _Name = "ltx-2.3"
    resolution: _Size = "480p"
    fps: _Rate = 24
    duration: _Length = 3
    audio: bool = True
    style: _Style = None
    seed: _Seed = 0


class StreamWish(Wire):
    """A clip that is wanted while it is made."""

    prompt: _Prompt
    model: _Name = "helios-1.0"
    resolution: _Size = "480p"
    fps: _Rate = 24
    duration: _Length = 5
    audio: bool = False
    style: _Style = None
    seed: _Seed = 0
    format: Literal["mp4-stream"] = "mp4-stream"


class GenerationDocument(BaseModel):
    """A clip: how far it is and, once it is made, where it lies."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    id: GenerationId
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    model: str
    created: str
    finished: str | None = None
    expires: str | None = Field(None, description="When the clip is deleted")
    progress: float | None = Field(None, ge=0, le=1)
    resolution: str
    fps: float
    duration: float
    audio: bool
    seed: int
    reduced: bool = Field(description="Smaller or shorter than asked, by a limit of the operator")
    prompt_hash: str = Field(description="All that is kept of the prompt: a keyed digest")
    content_id: str | None = Field(None, description="What the mark on every frame says")
    trained: bool | None = Field(None, description="false: the weights are random")
    unknown_words: list[str] | None = Field(
        None, description="Told to who asked, and not kept: words that the model does not know"
    )
    unread_characters: int | None = Field(
        None,
        ge=0,
        description="At the end of prompt and style, which are too long for the model to read all",
    )
    video_url: str | None = Field(None, description="The pictures alone")
    audio_url: str | None = Field(None, description="The sound alone; null: there is none")
    combined_url: str | None = Field(None, description="Pictures and sound")
    stream_url: str | None = Field(None, description="The fragments that were streamed, if so")
    error: dict[str, Any] | None = None

"""Text as its UTF-8 bytes, and which of its words the model was never taught."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from generators.blocks import Attention, normalise
from generators.rope import line_angles

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_PERIODS = (2.0, 512.0)  # of places in the text, in bytes
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """The size of the encoder; what is longer than ``max_bytes`` is cut.

    ``spell``: neighbouring bytes that are looked at together first, an odd number; 0 for none.
    """

    heads: int
    head_dim: int
    layers: int
    max_bytes: int = 256
    spell: int = 7

    @property
    def width(self) -> int:
        return self.heads * self.head_dim


def normal_text(prompt: str) -> str:
    """The prompt as the model reads it: NFKC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def encode_bytes(prompts: Sequence[str], max_bytes: int) -> Tensor:
    """(B, max_bytes) uint8 of ``prompts``, zeros behind their end; an empty one is all zeros, which
    is what guidance steers away from.
    """
    out = torch.zeros(len(prompts), max_bytes, dtype=torch.uint8)
    for row, prompt in zip(out, prompts, strict=True):
        raw = normal_text(prompt).encode("utf-8", "replace")[:max_bytes]
        row[: len(raw)] = torch.frombuffer(bytearray(raw), dtype=torch.uint8) if raw else row[:0]
    return out


def unread_text(prompt: str, max_bytes: int) -> str:
    """The end of ``prompt``, as it is read, that :func:`encode_bytes` cuts off; mostly nothing."""
    text = normal_text(prompt)
    # A character that is cut in two is not read.
    read = text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
    return text[len(read) :]


def words_of(prompt: str) -> list[str]:
    """The words of a prompt, in order, as they are looked up."""
    return _WORD.findall(normal_text(prompt))


def unknown_words(prompt: str, vocabulary: Collection[str]) -> list[str]:
    """The words of ``prompt`` that are not in ``vocabulary`` (lower case), each once, in order."""
    return list(dict.fromkeys(word for word in words_of(prompt) if word not in vocabulary))


class TextLayer(nn.Module):
    """A layer of a plain transformer before whose parts the input is normalised."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        width = config.width
        self.look = Attention(
            width=width, source_width=width, heads=config.heads, head_dim=config.head_dim
        )
        self.think = nn.Sequential(
            nn.Linear(width, 3 * width), nn.GELU(approximate="tanh"), nn.Linear(3 * width, width)
        )

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        inner = normalise(x)
        x = x + self.look(inner, inner, angles, angles)
        out: Tensor = x + self.think(normalise(x))
        return out


class TextEncoder(nn.Module):
    """Bytes (B, M) → (B, M, width). Padding is seen like any other byte: no mask, and the length
    of the text is something that attention can read.

    A convolution finds pieces of words, and the largest value
    of each channel keeps what was found anywhere, which a mean would thin out.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.spell: nn.Conv1d | None = None
        letters = config.width
        if config.spell:
            letters = config.width // 3
            self.spell = nn.Conv1d(letters, config.width, config.spell, padding=config.spell // 2)
        self.embed = nn.Embedding(256, letters)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.layers))

    def forward(self, raw: Tensor) -> Tensor:
        position = torch.arange(raw.shape[1], device=raw.device)[None]
        angles = line_angles(position, self.config.head_dim // 2, _PERIODS)
        x = self.embed(raw.int())
        if self.spell is not None:
            x = self.spell(x.transpose(1, 2)).transpose(1, 2)  # (B, M, width)
        for layer in self.layers:
            x = layer(x, angles)
        return normalise(x)

    def summary(self, read: Tensor) -> Tensor:
        """(B, width) of texts as they were read (B, M, width)."""
        return read.mean(1) if self.spell is None else read.amax(1)

"""Prompt digests: what a file says about its prompt without telling the prompt.

Prompts are short and guessable: whoever has a plain hash of one can try sentences until it fits.
So the digest is keyed (HMAC-SHA256 under the operator's prompt key); the plain SHA-256 is there
for operators who want everybody to be able to check a known prompt.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

DigestKind: TypeAlias = Literal["hmac-sha256", "sha256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDigest:
    """32 bytes that stand for a prompt; as text ``kind:hex``."""

    kind: DigestKind
    digest: bytes

    def __str__(self) -> str:
        return f"{self.kind}:{self.digest.hex()}"


def prompt_digest(prompt: str, identity_prompt_key: bytes, *, plain: bool = False) -> PromptDigest:
    """The digest of ``prompt`` (as NFC UTF-8, not trimmed) under ``identity_prompt_key``, 32 bytes.

    With ``plain`` the key is not used and anybody can check, and guess, the prompt.
    """
    # The same sentence typed on a Mac (decomposed) and elsewhere (composed) is the same prompt.
    # A lone surrogate, from a damaged command line, still gets a digest.
    text = unicodedata.normalize("NFC", prompt).encode("utf-8", "surrogatepass")
    if plain:
        return PromptDigest(kind="sha256", digest=hashlib.sha256(text).digest())
    digest = hmac.new(identity_prompt_key, text, hashlib.sha256).digest()
    return PromptDigest(kind="hmac-sha256", digest=digest)

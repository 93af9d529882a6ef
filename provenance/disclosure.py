"""Telling people that AI made a video: a snippet for a web page, and the credentials beside it.

The page has a ``<track>`` of metadata and a link that say where the credentials are.
Three files are made for ``demo.mp4``: ``demo.c2pa``, the signed credentials themselves;
``demo.c2pa.json``, a rendering of them for people and programs, which proves nothing and says so;
and ``demo.html`` with the snippet.
"""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from provenance.errors import ManifestError, OptionError, UnsupportedMedia
from provenance.manifest import read_manifest
from provenance.manifest.extraction import extract_manifest
from provenance.regular_file import open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from provenance.manifest import ManifestReport
    from provenance.trust import TrustSettings

SCHEMA = "everyframe.disclosure/1"
NOTE = (
    "This is a rendering of the signed content credentials and is not signed itself. "
    "The credentials are in the video and in the .c2pa file: verify those."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """``manifest``: the credentials' bytes. ``rendering``: what they say. ``snippet``: HTML."""

    manifest: bytes
    rendering: dict[str, Any]
    snippet: str

    def rendering_text(self) -> str:
        return json.dumps(self.rendering, indent=2, ensure_ascii=False) + "\n"


def disclose(video: Path, trust: TrustSettings, *, base_url: str = "/") -> Disclosure:
    """The disclosure of ``video``, whose files will stand under ``base_url``.

    Raises :class:`~provenance.errors.ManifestError` for credentials that are missing or do not
    verify: what is false is not to be published as true; :class:`OptionError` for a ``base_url``
    that is no place on a web site.
    """
    _checked_base(base_url)
    report = read_manifest(video, trust)
    manifest = extract_manifest(video) if report.present else None
    if manifest is None:
        raise ManifestError(
            f"{video} has no content credentials", hint="mark and sign it first: ltx-stamp"
        )
    if report.state == "invalid":
        raise ManifestError(
            f"the content credentials of {video} do not verify ({', '.join(report.codes)})",
            hint="the file was changed after it was signed: disclose the signed file",
        )
    names = names_of(video)
    return Disclosure(
        manifest=manifest,
        rendering=_rendering(report, video, names["manifest"], manifest),
        snippet=snippet_of(report, video.name, base_url=base_url),
    )


def names_of(video: Path) -> dict[str, str]:
    """The names of the files beside ``video``."""
    if not video.stem:
        raise UnsupportedMedia(f"{video} has no name", hint="give it one")
    return {
        "manifest": f"{video.stem}.c2pa",
        "rendering": f"{video.stem}.c2pa.json",
        "snippet": f"{video.stem}.html",
    }


def snippet_of(report: ManifestReport, name: str, *, base_url: str) -> str:
    """The HTML of a video with its disclosure; every text in it is escaped."""
    stem = name.rpartition(".")[0] or name
    base = _checked_base(base_url)
    video, facts, signed = (
        html.escape(base + quote(part), quote=True)
        for part in (name, f"{stem}.c2pa.json", f"{stem}.c2pa")
    )
    return (
        f'<video src="{video}" controls>\n'
        f'  <track kind="metadata" src="{facts}" />\n'
        "</video>\n"
        '<p class="text-sm text-gray-500">\n'
        f"  {html.escape(sentence(report))}\n"
        f'  <a href="{facts}">View content credentials</a>\n'
        f'  (<a href="{signed}" type="application/c2pa" rel="c2pa-manifest">signed</a>)\n'
        "</p>\n"
    )


def _checked_base(url: str) -> str:
    """``url`` with a slash at its end; raises :class:`OptionError` for one that can do harm.

    It stands in links that visitors follow: an address such as ``javascript:`` would be a program.
    Browsers leave tabs, line ends and spaces out of addresses (WHATWG URL Standard), so none may be
    in one, and read a backslash as a slash.
    """
    hint = "give https://…, http://… or a path such as /videos/"
    if not url or not url.isprintable() or any(sign in url for sign in " \\?#"):
        raise OptionError(f"--base-url {url!r} is no address that files can stand under", hint=hint)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise OptionError(f"--base-url {url!r} is no address: {error}", hint=hint) from error
    if parts.scheme not in ("", "http", "https") or (parts.scheme and not parts.hostname):
        raise OptionError(f"--base-url {url!r} is no address of a web site", hint=hint)
    return url if url.endswith("/") else f"{url}/"


def sentence(report: ManifestReport) -> str:
    """What a visitor reads."""
    system = f" ({report.model_name})" if report.model_name else ""
    source = (report.digital_source_type or "").rpartition("/")[2]
    if source == "trainedAlgorithmicMedia":
        return f"This video was generated using AI{system}."
    if report.ai_generated:
        return f"This video was edited using AI{system}."
    return "The content credentials of this video name no use of AI."


def _rendering(
    report: ManifestReport, video: Path, sidecar: str, manifest: bytes
) -> dict[str, Any]:
    """The fields that laws ask for (California B&P §22757.3, EU AI Act Art. 50), and no more."""
    made = "c2pa.created" in report.actions
    return {
        "schema": SCHEMA,
        "note": NOTE,
        "statement": sentence(report),
        "file": {"name": video.name, "sha256": _sha256(video)},
        "provider": report.issuer,
        "system": report.model_name,
        "system_version": report.model,
        "time": report.time.isoformat() if report.time else None,
        "time_stamped": report.time_stamped,
        "generation_date": report.generation_date.isoformat() if report.generation_date else None,
        "unique_id": report.content_id,
        "created_or_altered": "created" if made else "altered",
        "digital_source_type": report.digital_source_type,
        "prompt_hash": report.prompt_hash,
        "actions": list(report.actions),
        "ingredients": [
            {
                "relationship": one.relationship,
                "format": one.format,
                "claim_generator": one.claim_generator,
                "ai_generated": one.ai_generated,
                "codes": list(one.codes),
            }
            for one in report.ingredients
        ],
        "credentials": {
            "file": sidecar,
            "sha256": hashlib.sha256(manifest).hexdigest(),
            "state": report.state,
            "claim_generator": report.claim_generator,
        },
    }


def _sha256(video: Path) -> str:
    with open_regular(video) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

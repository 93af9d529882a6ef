"""The page and what it loads, all of it from here: no other host, no cookie, no inline script.

``texts.json`` holds every word of the page; another language is another such file.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from detectors.report.style import STYLE
from service.settings import MIB

if TYPE_CHECKING:
    from service.settings import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_LOADED = ("app.js", "api.js", "view.js", "app.css", "icon.svg")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_WHEN_LINKS = re.compile(r"<!--links-->(.*?)<!--/links-->", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something that a browser gets."""

    body: bytes
    media_type: str

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def page_router(settings: Settings) -> APIRouter:
    """The routes of the page. They are no part of the API, and not in its document."""
    router = APIRouter(include_in_schema=False)
    pieces = {"/": Piece(body=index(settings).encode(), media_type="text/html")}
    pieces["/web/report.css"] = Piece(body=STYLE.encode(), media_type="text/css")
    for name in _LOADED:
        pieces[f"/web/{name}"] = piece_of(name)
    add_pieces(router, pieces, policy=POLICY)
    return router


def piece_of(name: str) -> Piece:
    """A file of this folder."""
    return Piece(body=read(name).encode(), media_type=_TYPES[name.rpartition(".")[2]])


def add_pieces(router: APIRouter, pieces: dict[str, Piece], *, policy: str) -> None:
    for path, piece in pieces.items():
        router.add_api_route(path, _answering(piece, policy), methods=["GET", "HEAD"])


def index(settings: Settings) -> str:
    """The page's HTML, with its texts and this service's limits in it."""
    texts = json.loads(read("texts.json"))
    words = _filled(texts, settings)
    told = {
        "limit_bytes": settings.bounds.upload_bytes,
        "limit": _limit(settings),
        "texts": words["script"],
    }
    # Inside a script element "<" could end it; JSON may write it otherwise.
    data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    page = _WHEN_LINKS.sub(r"\1" if settings.links else "", framed("index.html", "app.js"))
    return _PLACE.sub(
        lambda place: data if place[1] == "data" else html.escape(words["page"][place[1]]), page
    )


def framed(body: str, *own: str) -> str:
    """The frame that all pages share around the file ``body``, with its ``own`` styles and
    scripts; words are still to be filled in.
    """
    loads = {
        "css": '<link rel="stylesheet" href="/web/{}">',
        "js": '<script type="module" src="/web/{}"></script>',
    }
    head = "\n".join(loads[name.rpartition(".")[2]].format(name) for name in own)
    frame = read("frame.html").replace("<!--own-->", head)
    return frame.replace("<!--body-->", read(body).strip())


def _filled(texts: Any, settings: Settings) -> Any:
    """``texts`` with the numbers that they name."""
    if isinstance(texts, dict):
        return {name: _filled(text, settings) for name, text in texts.items()}
    hours = settings.public_hours
    kept = "1 hour" if hours == 1 else f"{hours:g} hours"
    return texts.replace("{limit}", _limit(settings)).replace("{kept}", kept)


def _limit(settings: Settings) -> str:
    """As people say it, who mean 1024 times 1024 by it."""
    return f"{settings.bounds.upload_bytes / MIB:,.4g} MB"


def _answering(piece: Piece, policy: str) -> Any:
    headers = {
        "ETag": piece.tag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == piece.tag:
            return Response(status_code=304, headers=headers)
        return Response(
            piece.body, media_type=f"{piece.media_type}; charset=utf-8", headers=headers
        )

    return answer


def read(name: str) -> str:
    return files("service").joinpath("web", name).read_text(encoding="utf-8")

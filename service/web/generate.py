"""The page on which clips are made: what :mod:`service.web.page` does, for another page."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

from fastapi import APIRouter

from detectors.report.style import STYLE
from provenance.payload import model_by_key
from service.web.page import POLICY, Piece, add_pieces, framed, piece_of, read

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAYING = f"{POLICY}; media-src 'self' blob:"
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def generate_router(models: Mapping[str, float], *, alone: bool) -> APIRouter:
    """The routes of the page. ``models``: keys of those that can be asked for, and the most seconds
    of each. ``alone``: there is no other page, whose style this one could use.
    """
    router = APIRouter(include_in_schema=False)
    pieces = {"/generate": Piece(body=generate_page(models).encode(), media_type="text/html")}
    for name in ("generate.js", "generate.css"):
        pieces[f"/web/{name}"] = piece_of(name)
    if alone:
        pieces["/web/report.css"] = Piece(body=STYLE.encode(), media_type="text/css")
        for name in ("app.css", "icon.svg"):
            pieces[f"/web/{name}"] = piece_of(name)
    add_pieces(router, pieces, policy=PLAYING)
    return router


def generate_page(models: Mapping[str, float]) -> str:
    """The page's HTML, with its texts, the names of the models and how long their clips may be."""
    texts = json.loads(read("generate.json"))
    # Inside a script element "<" could end it; JSON may write it otherwise.
    data = json.dumps({"texts": texts["script"]}, ensure_ascii=False).replace("<", "\\u003c")
    known = sorted((model_by_key(key) for key in models), key=lambda model: model.key)
    options = "".join(
        f'<option value="{html.escape(model.key)}" data-longest="{models[model.key]:g}">'
        f"{html.escape(model.name)}</option>"
        for model in known
    )
    given = {"data": data, "models": options}
    return _PLACE.sub(
        lambda place: given.get(place[1]) or html.escape(texts["page"][place[1]]),
        framed("generate.html", "generate.css", "generate.js"),
    )

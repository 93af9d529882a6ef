"""The credentials as a tree: this file's, and those of what went into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.report.markup import Markup, tag, text
from detectors.report.words import ACTIONS, RELATIONSHIPS, SOURCES, moment, named

if TYPE_CHECKING:
    from detectors.result import IngredientFacts, ManifestFacts, Result

_ORIGIN = {
    "embedded": "in the file",
    "sidecar": "in a file beside it",
    "remote": "at the address that the file names",
    "recovered": "recovered from the store by the mark, because the file carries none",
}
_STATE = {
    "trusted": ("good", "Trusted"),
    "valid": ("conflict", "Intact, signer unknown"),
    "invalid": ("bad", "Do not verify"),
}
_MOST_CODES = 12


def credentials(result: Result, heading: str) -> Markup:
    manifest = result.manifest
    if not manifest.present:
        said = "The file carries no credentials, and none were recovered."
        if manifest.error:
            said = f"They could not be read: {manifest.error}"
        return tag("p", text(said), class_="lead")
    children = _children(manifest.ingredients, None, 4)
    root = tag("li", _root(result.file.name, manifest, heading), children)
    return tag("ul", root, class_="tree")


def _root(name: str, manifest: ManifestFacts, heading: str) -> Markup:
    tone, state = _STATE.get(manifest.state or "", ("soft", "Not verified"))
    lines = [f"Found {_ORIGIN[manifest.source or 'embedded']}."]
    by = f"Signed by {manifest.issuer}" if manifest.issuer else "The signer has no name"
    if manifest.state == "valid":
        by += ", whom nobody here vouches for"
    if manifest.state == "invalid":
        by = f"Claims to be signed by {manifest.issuer}" if manifest.issuer else by
    if manifest.time:
        whose = "by a trusted time-stamp" if manifest.time_stamped else "by the signer's own clock"
        by += f", {moment(manifest.time)} ({whose})"
    lines.append(f"{by}.")
    says = "Says" if manifest.state in {"trusted", "valid"} else "Says, without counting,"
    source = (manifest.digital_source_type or "").rstrip("/").rpartition("/")[2]
    if source:
        lines.append(f"{says} that it was {named(SOURCES, source)}.")
    made = [manifest.claim_generator and f"made with {manifest.claim_generator}"]
    made.append(manifest.model_name and f"model {manifest.model_name}")
    if any(made):
        words = "; ".join(part for part in made if part)
        lines.append(f"{words[0].upper()}{words[1:]}.")
    if manifest.actions:
        steps = dict.fromkeys(named(ACTIONS, action) for action in manifest.actions)
        lines.append(f"Steps: {', '.join(steps)}.")
    head = tag(heading, text(manifest.title or name), _tag(tone, state), class_="title")
    paragraphs = [tag("p", text(line)) for line in lines]
    codes = manifest.codes if manifest.state == "invalid" else ()
    return tag("div", head, *paragraphs, _codes(codes), class_="node")


def _children(all_of_them: tuple[IngredientFacts, ...], parent: int | None, deep: int) -> Markup:
    own = [(n, one) for n, one in enumerate(all_of_them) if one.parent == parent]
    if not own:
        return ""
    if not deep:
        return tag("ul", tag("li", "… and what went into that", class_="soft"))
    items = (tag("li", _node(one), _children(all_of_them, n, deep - 1)) for n, one in own)
    return tag("ul", *items)


def _node(one: IngredientFacts) -> Markup:
    tags = []
    if one.ai_generated:
        tags.append(_tag("ai", "AI"))
    if one.codes:
        tags.append(_tag("bad", "Does not verify"))
    if not one.credentials:
        tags.append(_tag("soft", "Without credentials"))
    relation = tag("span", text(named(RELATIONSHIPS, one.relationship)), class_="soft")
    head = tag("p", relation, text(one.title or "a file without a name"), *tags, class_="title")
    made = [f"Signed by {one.issuer}" if one.issuer else "", one.claim_generator or ""]
    said = ", made with ".join(part for part in made if part)
    return tag(
        "div", head, tag("p", text(said + ".")) if said else "", _codes(one.codes), class_="node"
    )


def _codes(codes: tuple[str, ...]) -> Markup:
    if not codes:
        return ""
    shown = [tag("li", tag("code", text(code))) for code in codes[:_MOST_CODES]]
    if len(codes) > _MOST_CODES:
        shown.append(tag("li", f"and {len(codes) - _MOST_CODES} more"))
    return tag("ul", *shown, class_="codes")


def _tag(tone: str, words: str) -> Markup:
    return tag("span", text(words), class_=f"tag {tone}")

"""From the library's JSON to a report: pure, and without trust in what the JSON holds.

Only what ``provenance.manifest.public`` lets through gets into a report.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

from provenance.manifest.public import (
    content_id,
    media_type,
    plain_name,
    public_action,
    public_text,
    public_title,
    source_type,
)
from provenance.manifest.report import IngredientReport, ManifestReport
from provenance.manifest.request import PROVENANCE_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provenance.manifest.report import State

_DIGEST = re.compile(r"(hmac-)?sha256:[0-9a-f]{64}")
_MAX_ANCESTORS = 200
_MOST_PIXELS, _MOST_SECONDS = 1 << 16, 1_000_000
_UNTRUSTED = "signingCredential.untrusted"
_BINDINGS = ("bmffHash", "dataHash", "boxesHash", "collectionHash")
_MISMATCHES = frozenset(f"assertion.{kind}.mismatch" for kind in _BINDINGS)
_MATCHES = frozenset(f"assertion.{kind}.match" for kind in _BINDINGS)
_AI_TYPES = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"}
)
_HANDLING = frozenset({"humanEdits", "minorHumanEdits", "algorithmicallyEnhanced"})


def interpret(
    document: Any, *, source: Literal["embedded", "sidecar", "recovered", "remote"]
) -> ManifestReport:
    """The report of the library's ``Reader.json()``; ``ValueError`` when it makes no sense."""
    manifests = _dict(_dict(document).get("manifests"))
    label = _text(_dict(document).get("active_manifest")) or ""
    manifest = _dict(manifests.get(label))
    results = _dict(_dict(document).get("validation_results"))
    active = _dict(results.get("activeManifest"))
    if not manifest or not active:
        raise ValueError("the manifest store has no active manifest")
    succeeded, failed = _codes(active.get("success")), _codes(active.get("failure"))
    binding_ok = None
    if _MATCHES & set(succeeded):
        binding_ok = True
    if _MISMATCHES & set(failed):
        binding_ok = False

    ingredients = tuple(_ingredients(manifests, manifest))
    codes = [*failed, *_delta_codes(results)]
    codes += [code for ingredient in ingredients for code in ingredient.codes]
    if source == "recovered":
        failed = [code for code in failed if code not in _MISMATCHES]
        state = _judge(succeeded, [*failed, *_delta_codes(results)])
    else:
        library = str(_dict(document).get("validation_state")).lower()
        state = _judge(succeeded, failed)
        # The library also judges what the codes do not show; ours can only be stricter.
        if library not in {"trusted", "valid"}:
            state = "invalid"
        elif library == "valid" and state == "trusted":
            state = "valid"

    signature = _dict(manifest.get("signature_info"))
    statement = _assertion(manifest, PROVENANCE_LABEL)
    watermark = _dict(statement.get("watermark"))
    actions = _actions(manifest)
    stamped = _time(signature.get("time"))
    # A stamp of an authority that nobody vouches for is one more claim of the signer.
    trusted_stamp = stamped is not None and "timeStamp.trusted" in succeeded
    claimed = next((when for action in actions if (when := _time(action.get("when")))), None)
    return ManifestReport(
        present=True,
        source=source,
        state=state,
        codes=tuple(dict.fromkeys(codes)),
        binding_ok=binding_ok,
        claim_generator=_generator(manifest),
        # The organisation; a certificate's own name can be a person's.
        issuer=_text(signature.get("issuer")),
        title=public_title(manifest.get("title")),
        time=stamped or claimed,
        time_stamped=trusted_stamp,
        ai_generated=_is_ai(manifests, manifest),
        digital_source_type=_source_type(manifests, manifest),
        prompt_hash=_prompt_hash(manifests, manifest),
        model=plain_name(statement.get("model")),
        model_name=_text(statement.get("modelName"))
        or _text(_assertion(manifest, "c2pa.ai-disclosure").get("modelName")),
        content_id=content_id(watermark.get("contentId")),
        piece_ids=tuple(filter(None, map(content_id, _list(watermark.get("pieces"))))),
        carrier=plain_name(watermark.get("carrier")),
        generation_date=_date(statement.get("generationDate")),
        fingerprint=_long_text(statement.get("fingerprint")),
        width=_whole(statement.get("width")),
        height=_whole(statement.get("height")),
        duration_s=_seconds(statement.get("durationSeconds")),
        actions=tuple(name for action in actions if (name := public_action(action.get("action")))),
        ingredients=ingredients,
    )


def _judge(succeeded: list[str], failed: list[str]) -> State:
    if "claimSignature.validated" not in succeeded or set(failed) - {_UNTRUSTED}:
        return "invalid"
    trusted = "signingCredential.trusted" in succeeded and _UNTRUSTED not in failed
    return "trusted" if trusted else "valid"


def _ingredients(manifests: dict[str, Any], manifest: dict[str, Any]) -> Iterator[IngredientReport]:
    """All ancestors, nearest first: a broken grandparent must not hide behind a sound parent."""
    seen: set[str] = set()
    queue: list[tuple[dict[str, Any], int | None]] = [(manifest, None)]
    count = 0
    for _ in range(_MAX_ANCESTORS):
        if not queue:
            return
        current, parent = queue.pop(0)
        for entry in map(_dict, _list(current.get("ingredients"))):
            label = _text(entry.get("active_manifest"))
            own = _dict(manifests.get(label or ""))
            results = _dict(entry.get("validation_results"))
            codes = _codes(_dict(results.get("activeManifest")).get("failure"))
            codes += _delta_codes(results)
            # Older files (ingredient v1, v2) list their statuses, successes among them.
            for status in map(_dict, _list(entry.get("validation_status"))):
                if status.get("success") is not True and (code := _text(status.get("code"))):
                    codes.append(code)
            yield IngredientReport(
                title=public_title(entry.get("title")),
                relationship=_text(entry.get("relationship")) or "unknown",
                format=media_type(entry.get("format")),
                manifest_label=label,
                issuer=_text(_dict(own.get("signature_info")).get("issuer")),
                claim_generator=_generator(own),
                ai_generated=_is_ai(manifests, own),
                codes=tuple(dict.fromkeys(codes)),
                parent=parent,
            )
            if label and own and label not in seen:
                seen.add(label)
                queue.append((own, count))
            count += 1


def _is_ai(manifests: dict[str, Any], manifest: dict[str, Any]) -> bool | None:
    """True when this file or anything that went into it is declared as made by a trained model."""
    declared = list(_declared_types(manifests, manifest))
    if any(kind in _AI_TYPES for kind in declared):
        return True
    return False if declared else None


def _declared_types(manifests: dict[str, Any], manifest: dict[str, Any]) -> Iterator[str]:
    for ancestor in _lineage(manifests, manifest):
        for action in _actions(ancestor):
            if kind := source_type(action.get("digitalSourceType")):
                yield _last(kind)


def _last(iri: str) -> str:
    return iri.rpartition("/")[2]


def _source_type(manifests: dict[str, Any], manifest: dict[str, Any]) -> str | None:
    """The type this file declares, else the nearest ancestor's.

    What made the file comes before what merely handled it: a clip that was generated and then cut
    by hand is a generated one.
    """
    handled = None
    for ancestor in _lineage(manifests, manifest):
        kinds = [source_type(action.get("digitalSourceType")) for action in _actions(ancestor)]
        declared = [kind for kind in kinds if kind is not None]
        for kind in sorted(declared, key=lambda kind: _last(kind) not in _AI_TYPES):
            if _last(kind) not in _HANDLING:
                return kind
            handled = handled or kind
    return handled


def _lineage(manifests: dict[str, Any], manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    queue = [manifest]
    for _ in range(_MAX_ANCESTORS):
        if not queue:
            return
        current = queue.pop(0)
        yield current
        for entry in map(_dict, _list(current.get("ingredients"))):
            label = _text(entry.get("active_manifest"))
            if label and label not in seen and label in manifests:
                seen.add(label)
                queue.append(_dict(manifests[label]))


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for assertion in map(_dict, _list(manifest.get("assertions"))):
        if str(assertion.get("label")).startswith("c2pa.actions"):
            found += map(_dict, _list(_dict(assertion.get("data")).get("actions")))
    return found


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    for assertion in map(_dict, _list(manifest.get("assertions"))):
        if assertion.get("label") == label:
            return _dict(assertion.get("data"))
    return {}


def _prompt_hash(manifests: dict[str, Any], manifest: dict[str, Any]) -> str | None:
    """The digest that this file states, else that of an ancestor with the same mark in it."""
    own = _assertion(manifest, PROVENANCE_LABEL)
    mark = _dict(own.get("watermark")).get("contentId")
    for ancestor in _lineage(manifests, manifest):
        stated = _assertion(ancestor, PROVENANCE_LABEL)
        same = stated is own or (mark and _dict(stated.get("watermark")).get("contentId") == mark)
        if (same or ancestor is manifest) and (found := _digest(stated.get("promptHash"))):
            return found
    return None


def _generator(manifest: dict[str, Any]) -> str | None:
    for info in map(_dict, _list(manifest.get("claim_generator_info"))):
        name, version = _text(info.get("name")), _text(info.get("version"))
        if name:
            return f"{name} {version}" if version else name
    return _text(manifest.get("claim_generator"))


def _codes(statuses: Any) -> list[str]:
    return [code for status in _list(statuses) if (code := _text(_dict(status).get("code")))]


def _delta_codes(results: dict[str, Any]) -> list[str]:
    codes: list[str] = []
    for delta in map(_dict, _list(results.get("ingredientDeltas"))):
        codes += _codes(_dict(delta.get("validationDeltas")).get("failure"))
    return codes


def _time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        return None


def _text(value: Any) -> str | None:
    return public_text(value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value <= _MOST_PIXELS else None


def _seconds(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value <= _MOST_SECONDS else None  # type: ignore[arg-type, operator]


def _long_text(value: Any) -> str | None:
    """A fingerprint: long, never shown."""
    return value[:100_000] if isinstance(value, str) and value.isprintable() else None


def _digest(value: Any) -> str | None:
    """A prompt's digest as we write it; anything else would be a signer's free text."""
    text = _text(value)
    return text if text is not None and _DIGEST.fullmatch(text) else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
